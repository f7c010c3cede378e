"""A statement is taken whole and once, or refused by name with nothing half-done."""

from dataclasses import replace
from datetime import timedelta

import pytest
from coincurve._libsecp256k1 import ffi
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend.db import reading, transaction
from backend.errors import TallystickError
from backend.evidence import tables
from backend.evidence.actions import statement, take_statement
from backend.evidence.rules import (
    BodyDiffers,
    ChainBroken,
    DeviceElsewhere,
    IndexMoved,
    IndexReused,
    KeyRevoked,
    Outcome,
    SequenceReused,
    SignatureNotByDevice,
    SiteDiffers,
    StatementMalformed,
    StatementUnknown,
    Taken,
)
from backend.parties import projection as parties
from backend.parties.rules import DeviceUnknown, KeyEpochUnknown
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import digest, name32, sign
from tests.backend.edge import (
    BANK,
    BEACON,
    DOMAIN,
    NOON,
    OPERATOR,
    Device,
    Site,
    crossing,
    event,
    id_of,
    ticket,
)


def take(engine: Engine, message: StatementMessage) -> Taken:
    with transaction(engine) as session:
        return take_statement(session, message, domain=DOMAIN, now=NOON)


def stored(engine: Engine) -> int:
    with reading(engine) as session:
        return len(session.exec(select(tables.StatementRow)).all())


def refused(engine: Engine, message: StatementMessage, refusal: type[TallystickError]) -> TallystickError:
    """The refusal of that name, after which everything stands as it stood."""
    before = _everything(engine)
    with pytest.raises(refusal) as caught:
        take(engine, message)
    assert _everything(engine) == before
    return caught.value


def _everything(engine: Engine) -> list[object]:
    kept = (tables.StatementRow, tables.SiteLogRow, tables.LogNodeRow)
    with reading(engine) as session:
        return [_rows(session, table) for table in kept]


def _rows(session: Session, table: type) -> list[str]:
    return sorted(repr(row.model_dump()) for row in session.exec(select(table)).all())


def test_a_statement_by_an_enrolled_device_is_stored(engine: Engine, camera: Device, site: Site) -> None:
    message = site.record(camera.says("gate.crossing", crossing("out", 7)))
    taken = take(engine, message)
    assert taken.outcome is Outcome.STORED
    with reading(engine) as session:
        found = statement(session, id_of(message))
    assert (found.kind, found.seq, found.log_index, found.linked) == ("gate.crossing", 1, 1, True)
    assert found.fields["tags"] == [7]
    assert "salt" not in found.fields


def test_the_same_statement_twice_is_stored_once(engine: Engine, camera: Device, site: Site) -> None:
    message = site.record(camera.says("gate.crossing", crossing("out")))
    assert [take(engine, message).outcome for _ in range(3)] == [
        Outcome.STORED,
        Outcome.DUPLICATE,
        Outcome.DUPLICATE,
    ]
    assert stored(engine) == 1


def test_an_unknown_device_is_refused(engine: Engine, site: Site) -> None:
    stranger = Device("gate-cam.9", host=OPERATOR, commissioner=BANK)
    refused(engine, site.record(stranger.says("gate.crossing", crossing("out"))), DeviceUnknown)


def test_a_key_epoch_that_no_event_gave_is_refused(engine: Engine, camera: Device, site: Site) -> None:
    refused(engine, site.record(camera.says("gate.crossing", crossing("out"), key_epoch=2)), KeyEpochUnknown)


def test_every_flipped_byte_of_the_entry_is_refused(engine: Engine, camera: Device, site: Site) -> None:
    message = site.record(camera.says("gate.crossing", crossing("out", 7)))
    for at in range(len(message.entry)):
        entry = bytearray(message.entry)
        entry[at] ^= 1
        with pytest.raises(TallystickError) as caught:
            take(engine, replace(message, entry=bytes(entry)))
        assert caught.value.code.startswith(("evidence.", "parties."))
    assert stored(engine) == 0


def test_every_flipped_byte_of_the_body_is_refused(engine: Engine, camera: Device, site: Site) -> None:
    message = site.record(camera.says("gate.crossing", crossing("out", 7)))
    body = message.body.encode()
    for at in range(len(body)):
        flipped = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        refused_body = replace(message, body=flipped.decode())
        with pytest.raises(BodyDiffers):
            take(engine, refused_body)
    assert stored(engine) == 0


def test_a_signature_by_another_enrolled_key_is_refused(
    engine: Engine, camera: Device, scale: Device, site: Site
) -> None:
    said = camera.says("gate.crossing", crossing("out")).signed().statement
    other = camera.says("gate.crossing", crossing("out"), seq=1, prev=bytes(32))
    forged = replace(other, entry=sign(said, scale.key, DOMAIN).entry())
    facts = refused(engine, site.record(forged), SignatureNotByDevice).facts
    assert facts["signer"] == scale.key.address


def test_a_body_that_is_not_of_its_kind_is_refused(engine: Engine, camera: Device, site: Site) -> None:
    message = camera.says("gate.crossing", crossing("out"), as_kind="weigh.ticket")
    assert refused(engine, site.record(message), StatementMalformed).facts["why"].startswith("body.")


def test_a_header_that_counts_other_than_its_body_is_refused(
    engine: Engine, scale: Device, site: Site
) -> None:
    message = scale.says("weigh.ticket", ticket(23_940), quantity=23_941)
    assert refused(engine, site.record(message), StatementMalformed).facts["why"] == "body.header_contradicts"


def test_a_number_beyond_any_sense_is_refused(engine: Engine, camera: Device, site: Site) -> None:
    message = camera.says("gate.crossing", crossing("out"), beacon_block=2**64 - 1)
    refused(engine, site.record(message), StatementMalformed)


def test_a_message_without_a_place_in_the_log_is_refused(engine: Engine, camera: Device) -> None:
    refused(engine, camera.says("gate.crossing", crossing("out")), StatementMalformed)


def test_a_message_for_another_site_than_its_statement_is_refused(
    engine: Engine, camera: Device, site: Site
) -> None:
    message = site.record(camera.says("gate.crossing", crossing("out")))
    refused(engine, replace(message, site="yard.two"), SiteDiffers)


def test_a_device_that_speaks_for_another_site_is_refused(engine: Engine, camera: Device) -> None:
    camera.site = "yard.two"
    message = Site("yard.two").record(camera.says("gate.crossing", crossing("out")))
    refused(engine, message, DeviceElsewhere)


@pytest.mark.parametrize(("revoked_at", "holds"), [(BEACON - 1, False), (BEACON, False), (BEACON + 1, True)])
def test_a_key_revoked_before_what_the_statement_knows_speaks_no_more(
    engine: Engine, camera: Device, site: Site, revoked_at: int, *, holds: bool
) -> None:
    gone = event("PartyRegistry", "DeviceKeyRevoked", block=revoked_at, device=name32(camera.name), epoch=1)
    with transaction(engine) as session:
        parties.project(session, gone)
    message = site.record(camera.says("gate.crossing", crossing("out")))
    if holds:
        assert take(engine, message).outcome is Outcome.STORED
    else:
        refused(engine, message, KeyRevoked)


def test_a_second_statement_under_a_used_sequence_number_is_refused(
    engine: Engine, camera: Device, site: Site
) -> None:
    take(engine, site.record(camera.says("gate.crossing", crossing("out"))))
    second = site.record(camera.says("gate.crossing", crossing("in"), seq=1, prev=bytes(32)))
    refused(engine, second, SequenceReused)


def test_a_second_statement_at_a_used_index_is_refused(engine: Engine, camera: Device, site: Site) -> None:
    first = site.record(camera.says("gate.crossing", crossing("out")))
    take(engine, first)
    second = replace(camera.says("gate.crossing", crossing("in")), index=first.index)
    refused(engine, second, IndexReused)


def test_a_taken_statement_that_turns_up_elsewhere_in_the_log_is_refused(
    engine: Engine, camera: Device, site: Site
) -> None:
    first = site.record(camera.says("gate.crossing", crossing("out")))
    take(engine, first)
    refused(engine, replace(first, index=9), IndexMoved)


def test_a_taken_statement_under_another_valid_signature_is_refused(
    engine: Engine, camera: Device, site: Site
) -> None:
    first = site.record(camera.says("gate.crossing", crossing("out")))
    take(engine, first)
    twin = _signed_again(camera, first)
    assert twin.entry != first.entry
    refused(engine, twin, IndexReused)


def _signed_again(device: Device, message: StatementMessage) -> StatementMessage:
    """The same statement under a second signature of the same key, with another nonce."""
    said = message.signed().statement
    nonce = (ffi.NULL, ffi.new("unsigned char[32]", b"\x07" * 32))
    raw = device.key._key.sign_recoverable(digest(said, DOMAIN), hasher=None, custom_nonce=nonce)
    return replace(message, entry=said.header() + raw[:64] + bytes([raw[64] + 27]))


def test_a_statement_that_does_not_follow_the_one_before_is_refused(
    engine: Engine, camera: Device, site: Site
) -> None:
    take(engine, site.record(camera.says("gate.crossing", crossing("out"))))
    stray = camera.says("gate.crossing", crossing("out"), prev=b"\x09" * 32)
    refused(engine, site.record(stray), ChainBroken)


def test_a_first_statement_that_claims_a_predecessor_is_refused(
    engine: Engine, camera: Device, site: Site
) -> None:
    stray = camera.says("gate.crossing", crossing("out"), prev=b"\x09" * 32)
    refused(engine, site.record(stray), ChainBroken)


def test_a_statement_that_the_next_one_does_not_follow_is_refused(
    engine: Engine, camera: Device, site: Site
) -> None:
    first = camera.says("gate.crossing", crossing("out"))
    camera.prev = b"\x09" * 32
    take(engine, site.record(camera.says("gate.crossing", crossing("out"))))
    refused(engine, site.record(first), ChainBroken)


def test_what_was_never_taken_is_unknown(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(StatementUnknown):
        statement(session, b"\x09" * 32)


def test_arrival_is_kept_as_the_bank_saw_it(engine: Engine, camera: Device, site: Site) -> None:
    message = site.record(camera.says("gate.crossing", crossing("out")))
    late = NOON + timedelta(hours=3)
    with transaction(engine) as session:
        assert take_statement(session, message, domain=DOMAIN, now=late).statement.received_at == late

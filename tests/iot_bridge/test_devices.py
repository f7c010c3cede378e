"""Statements of other devices: taken when they are theirs, refused by name when not; a scale end to end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from iot_bridge.devices import DeviceNotOurs, Intake, KindNotOfDevice, KnownDevice, SignedByAnother
from iot_bridge.evidence.acknowledgement import Acknowledgement, acknowledge
from iot_bridge.evidence.body import require_body
from iot_bridge.evidence.errors import EvidenceRefused, MessageSiteDiffers
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import ZERO32, recover, statement_id
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.link import BrokerAddress, Link
from iot_bridge.publish import AcknowledgerUnknown
from iot_bridge.record import OwnDevice
from iot_bridge.spool import Position, SequenceTaken
from iot_bridge.weighbridge import (
    AcknowledgementElsewhere,
    ReadingImpossible,
    ReadingMalformed,
    TicketBook,
    Weighbridge,
    ticket_fields,
)
from iot_bridge.yard import Yard
from tests.iot_bridge.edge import BRIDGE, BRIDGE_NAME, DOMAIN, SCALE, SITE, Edge, crossing, ticket, writer
from tests.iot_bridge.waiting import until
from tests.support.brokers import SiteBroker, address_at, over_both

READING = '{"gross_kg": 39120, "tare_kg": 15180}'
KNOWN = KnownDevice(SCALE.name, 1, SCALE.signer.address.lower(), frozenset({"weigh.ticket"}))


@pytest.fixture
def intake(edge: Edge, site_broker: SiteBroker) -> Iterator[Intake]:
    """A bridge that knows one weighbridge, connected to the broker."""
    Yard(edge.spool)
    link = Link(address_at(site_broker, BRIDGE_NAME), f"{SITE}-intake")
    found = Intake(
        edge.spool,
        edge.recorder,
        link,
        known=[KNOWN],
        domain=DOMAIN,
        bridge=BRIDGE,
        store=EvidenceStore(edge.folder / "evidence"),
    )
    link.start()
    assert link.wait_up(60)
    yield found
    link.stop()


@dataclass
class Scale:
    """A weighbridge at work, and what it was told."""

    program: Weighbridge
    book: TicketBook
    link: Link
    acknowledged: list[int]


@pytest.fixture
def scale(tmp_path: Path, site_broker: SiteBroker) -> Iterator[Scale]:
    book = TicketBook(tmp_path / "scale" / "tickets.sqlite")
    link, acknowledged = Link(address_at(site_broker, SCALE.name), f"{SITE}-scale"), list[int]()
    program = Weighbridge(
        book, writer(), SCALE, link, bridge=BRIDGE.address, on_acknowledged=acknowledged.append
    )
    yield Scale(program, book, link, acknowledged)
    program.worker.stop()
    link.stop()
    book.file.close()


def message(seen: Any = None, device: OwnDevice = SCALE, at: Position | None = None) -> StatementMessage:
    signed, body = writer().write(device, at or Position(0, ZERO32), seen or ticket(1, 23_940))
    return StatementMessage(SITE, None, signed.entry(), body.text)


@over_both
def test_a_ticket_goes_from_the_indicator_into_the_sites_log_and_is_acknowledged(
    edge: Edge, intake: Intake, scale: Scale
) -> None:
    heard: list[str] = []
    edge.recorder.listen(lambda taken: heard.append(taken.signed.statement.kind))
    scale.link.start()
    assert scale.link.wait_up(60)
    scale.program.weigh(READING)
    until(lambda: scale.acknowledged == [1])
    assert scale.book.waiting(SITE) == []
    (kept,) = edge.spool.unacknowledged()
    assert require_body(kept.signed().statement, kept.body).fields["net_kg"] == 23_940
    assert recover(kept.signed(), DOMAIN) == SCALE.signer.address
    assert heard == ["weigh.ticket"]
    assert [each.net_kg for each in Yard(edge.spool).open()[1]] == [23_940]


@over_both
def test_tickets_weighed_while_the_bridge_is_away_are_kept_and_arrive_later_in_order(
    edge: Edge, scale: Scale, site_broker: SiteBroker
) -> None:
    for _ in range(3):
        scale.program.weigh(READING)
    assert len(scale.book.waiting(SITE)) == 3
    Yard(edge.spool)
    link = Link(address_at(site_broker, BRIDGE_NAME), f"{SITE}-late")
    Intake(
        edge.spool,
        edge.recorder,
        link,
        known=[KNOWN],
        domain=DOMAIN,
        bridge=BRIDGE,
        store=EvidenceStore(edge.folder / "evidence"),
    )
    link.start()
    assert link.wait_up(60)
    scale.link.start()
    scale.program.worker.start()
    until(lambda: sorted(scale.acknowledged) == [1, 2, 3])
    assert [each.signed().statement.seq for each in edge.spool.unacknowledged()] == [1, 2, 3]
    link.stop()


def test_a_ticket_sent_again_is_acknowledged_again_and_stands_once_in_the_log(
    edge: Edge, intake: Intake
) -> None:
    sent = message()
    first, second = intake.take(sent), intake.take(sent)
    assert (first.index, second.index, second.is_new) == (1, 1, False)
    assert edge.spool.size() == 2


def test_a_weighbridge_goes_on_counting_after_a_restart(tmp_path: Path, broker: BrokerAddress) -> None:
    seqs, ids = [], []
    for _ in range(3):
        book = TicketBook(tmp_path / "tickets.sqlite")
        program = Weighbridge(
            book, writer(), SCALE, Link(broker, "unused"), bridge=BRIDGE.address, on_acknowledged=seqs.append
        )
        said = program.weigh(READING).signed().statement
        ids.append(statement_id(said))
        seqs.append(said.seq)
        book.acknowledge(statement_id(said))
        assert said.prev == (ids[-2] if len(ids) > 1 else ZERO32)
        book.file.close()
    assert seqs == [1, 2, 3]


def test_a_ticket_with_one_flipped_byte_is_not_taken(edge: Edge, intake: Intake) -> None:
    sent = message()
    for at in range(len(sent.entry)):
        wire = bytearray(sent.entry)
        wire[at] ^= 1
        with pytest.raises((EvidenceRefused, SignedByAnother, DeviceNotOurs)):
            intake.take(StatementMessage(SITE, None, bytes(wire), sent.body))
    with pytest.raises(EvidenceRefused):
        intake.take(StatementMessage(SITE, None, sent.entry, sent.body.replace("23940", "23941")))
    assert edge.spool.size() == 1


def test_a_device_that_the_bridge_does_not_know_is_refused(intake: Intake) -> None:
    stranger = OwnDevice("weighbridge-9", 1, SCALE.signer)
    with pytest.raises(DeviceNotOurs):
        intake.take(message(device=stranger))
    with pytest.raises(DeviceNotOurs):
        intake.take(message(device=OwnDevice(SCALE.name, 2, SCALE.signer)))


def test_a_statement_under_a_devices_name_by_another_key_is_refused(intake: Intake) -> None:
    forger = OwnDevice(SCALE.name, 1, LocalKey(b"\x66" * 32))
    with pytest.raises(SignedByAnother):
        intake.take(message(device=forger))


def test_a_scale_that_says_what_only_a_camera_may_is_refused(intake: Intake) -> None:
    with pytest.raises(KindNotOfDevice):
        intake.take(message(crossing(1)))


def test_a_statement_for_another_site_is_refused(intake: Intake) -> None:
    sent = message()
    with pytest.raises(MessageSiteDiffers):
        intake.take(StatementMessage("other-yard", None, sent.entry, sent.body))


def test_a_device_that_says_two_things_under_one_number_is_refused_the_second(
    edge: Edge, intake: Intake
) -> None:
    intake.take(message())
    second = message(ticket(1, 20_000)).to_bytes()
    with pytest.raises(SequenceTaken):
        intake.received("", second)
    assert edge.spool.size() == 2
    kept = EvidenceStore(edge.folder / "evidence").get(sha256(second).hexdigest())
    assert kept == second, "it proves, with the first one, that the key is in two hands"


def test_a_ticket_is_not_let_go_by_another_keys_or_another_sites_acknowledgement(scale: Scale) -> None:
    said = scale.program.weigh(READING).signed().statement
    mine = Acknowledgement(SITE, statement_id(said), 1, 0, ZERO32)
    forged = acknowledge(mine, LocalKey(b"\x66" * 32), DOMAIN)
    with pytest.raises(AcknowledgerUnknown):
        scale.program.acknowledged("", forged.to_bytes())
    elsewhere = Acknowledgement("other-yard", statement_id(said), 1, 0, ZERO32)
    with pytest.raises(AcknowledgementElsewhere):
        scale.program.acknowledged("", acknowledge(elsewhere, BRIDGE, DOMAIN).to_bytes())
    assert len(scale.book.waiting(SITE)) == 1


def test_a_reading_says_what_the_indicator_did_not_tell() -> None:
    fields = ticket_fields(READING)
    assert fields["net_kg"] == 23_940
    assert fields["axle_count"] == {"cannot_tell": "no axle sensor"}
    told = {"axle_count": 5, "zero_drift_g": -20, "plate_hash": "0x" + "ab" * 32}
    assert ticket_fields(json.dumps({**json.loads(READING), **told})) == {
        **json.loads(READING),
        **told,
        "net_kg": 23_940,
    }


@pytest.mark.parametrize(
    "line",
    [
        "",
        "39120",
        '{"gross_kg": 39120}',
        '{"gross_kg": 39120.5, "tare_kg": 15180}',
        '{"gross_kg": "39120", "tare_kg": 15180}',
        '{"gross_kg": -1, "tare_kg": 0}',
        '{"gross_kg": 39120, "tare_kg": 15180, "net_kg": 1}',
        '{"gross_kg": 39120, "gross_kg": 1, "tare_kg": 0}',
    ],
)
def test_a_line_that_is_no_reading_is_refused(line: str) -> None:
    with pytest.raises(ReadingMalformed):
        ticket_fields(line)


def test_a_tare_above_the_gross_is_refused() -> None:
    with pytest.raises(ReadingImpossible):
        ticket_fields('{"gross_kg": 1, "tare_kg": 2}')

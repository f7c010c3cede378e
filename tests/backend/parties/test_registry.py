"""The registry's rows follow its confirmed events and nothing else; names open what was committed to."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from backend.chain.rules import LedgerEvent
from backend.db import reading, transaction
from backend.parties import actions, projection
from backend.parties.rules import (
    Capacity,
    DeviceUnknown,
    IdentityNotCommitted,
    KeyEpochUnknown,
    NameTaken,
    Particulars,
    PartyUnknown,
    SiteUnknown,
    identity_commitment,
    was_suspended,
)
from backend.parties.words import bounded, instant, name

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BANK, OTHER, SITE, DEVICE = (bytes([n]) * 32 for n in (1, 2, 3, 4))
WHO = Particulars("First Bank", "Road 1", "CN-1", "5a" * 16)
FOREVER = 2**64 - 1


def address(byte: str) -> str:
    """An address as the ABI decodes it."""
    return "0x" + byte * 20


def event(number: int, name: str, **args: Any) -> LedgerEvent:
    return LedgerEvent("PartyRegistry", name, args, number, bytes(32), 0, bytes(32), NOON)


ENROLLED = [
    event(
        1, "PartyEnrolled", party=BANK, account=address("b1"), capacities=4, identity=identity_commitment(WHO)
    ),
    event(1, "PartyEnrolled", party=OTHER, account=address("b2"), capacities=3, identity=bytes(32)),
    event(2, "PersonEnrolled", party=BANK, person=address("c1")),
    event(
        3,
        "SiteEnrolled",
        site=SITE,
        operator=OTHER,
        bridge=address("d1"),
        licence=bytes(32),
        licensedUntil=1_800_000_000,
        maxAgeBlocks=FOREVER,
    ),
    event(
        4,
        "DeviceEnrolled",
        device=DEVICE,
        site=SITE,
        host=OTHER,
        commissioner=BANK,
        key=address("e1"),
        epoch=1,
        calibratedUntil=FOREVER,
    ),
]


@pytest.fixture
def engine(database: Engine) -> Engine:
    play(database, *ENROLLED)
    return database


def play(engine: Engine, *events: LedgerEvent) -> None:
    for each in events:
        with transaction(engine) as session:
            projection.project(session, each)


def test_a_party_is_what_its_enrolment_says(engine: Engine) -> None:
    with reading(engine) as session:
        found = actions.party_of_account(session, address("b2"))
    assert found.party == OTHER
    assert found.capacities == Capacity.DEPOSITOR | Capacity.OPERATOR
    assert found.name == ""


def test_a_person_leads_to_the_party_they_sign_for(engine: Engine) -> None:
    with reading(engine) as session:
        assert actions.party_of_person(session, address("c1")).party == BANK


def test_what_nobody_enrolled_is_refused_by_name(engine: Engine) -> None:
    with reading(engine) as session:
        for refusal, ask in (
            (PartyUnknown, lambda: actions.party(session, SITE)),
            (PartyUnknown, lambda: actions.party_of_account(session, address("ff"))),
            (PartyUnknown, lambda: actions.party_of_person(session, address("ff"))),
            (PartyUnknown, lambda: actions.party_named(session, "nobody")),
            (SiteUnknown, lambda: actions.site(session, BANK)),
            (DeviceUnknown, lambda: actions.device(session, BANK)),
            (KeyEpochUnknown, lambda: actions.key_of(session, DEVICE, 2)),
        ):
            with pytest.raises(refusal):
                ask()


def test_a_time_or_age_without_end_does_not_stop_the_projection(engine: Engine) -> None:
    with reading(engine) as session:
        assert actions.device(session, DEVICE).calibrated_until == datetime(9999, 12, 31, tzinfo=UTC)
        assert actions.site(session, SITE).max_age_blocks == 2**63 - 1


def test_a_rotated_key_stands_beside_the_old_one_and_a_revoked_one_says_since_when(engine: Engine) -> None:
    play(engine, event(7, "DeviceKeyRotated", device=DEVICE, epoch=2, key=address("e2")))
    play(engine, event(9, "DeviceKeyRevoked", device=DEVICE, epoch=1))
    with reading(engine) as session:
        old, new = (actions.key_of(session, DEVICE, epoch) for epoch in (1, 2))
    assert (old.address.lower(), old.enrolled_at_block, old.revoked_at_block) == (address("e1"), 4, 9)
    assert (new.address.lower(), new.enrolled_at_block, new.revoked_at_block) == (address("e2"), 7, None)


def test_suspension_holds_until_it_is_lifted(engine: Engine) -> None:
    play(engine, event(5, "SiteSuspended", site=SITE, suspended=True))
    with reading(engine) as session:
        assert actions.site(session, SITE).suspended
    play(engine, event(6, "SiteSuspended", site=SITE, suspended=False))
    with reading(engine) as session:
        assert not actions.site(session, SITE).suspended


@pytest.mark.parametrize(("block", "stood"), [(4, False), (5, True), (7, True), (8, False), (9, False)])
def test_standing_can_be_told_for_every_block(block: int, *, stood: bool) -> None:
    assert was_suspended([(5, True), (8, True), (8, False)], block) is stood


def test_particulars_that_open_the_commitment_name_the_party(engine: Engine) -> None:
    with transaction(engine) as session:
        actions.name_party(session, BANK, "bank.first", WHO)
    with reading(engine) as session:
        assert actions.party_named(session, "bank.first").party == BANK


def test_other_particulars_than_those_committed_to_name_nobody(engine: Engine) -> None:
    other = Particulars("First Bank", "Road 2", "CN-1", WHO.salt)
    with pytest.raises(IdentityNotCommitted), transaction(engine) as session:
        actions.name_party(session, BANK, "bank.first", other)


def test_a_short_salt_commits_to_nothing() -> None:
    with pytest.raises(IdentityNotCommitted):
        identity_commitment(Particulars("First Bank", "Road 1", "CN-1", "5a"))


def test_one_name_is_one_party(engine: Engine) -> None:
    second = Particulars("Second", "Road 9", "CN-9", "6b" * 16)
    third = bytes([9]) * 32
    enrolled = {"party": third, "account": address("b9"), "capacities": 1}
    play(engine, event(8, "PartyEnrolled", **enrolled, identity=identity_commitment(second)))
    with transaction(engine) as session:
        actions.name_party(session, BANK, "bank.first", WHO)
    with pytest.raises(NameTaken), transaction(engine) as session:
        actions.name_party(session, third, "bank.first", second)


def test_events_of_other_contracts_and_unknown_events_pass_by(engine: Engine) -> None:
    foreign = LedgerEvent("Other", "PartyEnrolled", {}, 1, bytes(32), 0, bytes(32), NOON)
    play(engine, foreign, event(9, "CreatingPaused", until=1))


def test_words_that_are_no_names_are_kept_as_hex() -> None:
    assert name(b"bay.a".ljust(32, b"\x00")) == "bay.a"
    assert name(b"\xff" * 32) == "0x" + "ff" * 32
    assert name(b"a\nb".ljust(32, b"\x00")).startswith("0x")
    assert bounded(2**255) == 2**63 - 1
    assert instant(0) == datetime(1970, 1, 1, tzinfo=UTC)

"""What taken statements may be used for: only what is linked, mirrored and by undisputed devices counts."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from backend.db import reading, transaction
from backend.evidence.actions import declare_gap, gaps, take_statement
from backend.evidence.claims import STANDARD, Claim, Eligibility
from backend.evidence.findings import record_finding
from backend.evidence.heads import Mirror
from backend.evidence.rules import Beacon, Finding, FindingKind, MovementMissing
from backend.evidence.support import Question, eligibility_of, movement_of
from backend.parties import projection as parties
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import name32
from tests.backend.edge import (
    BANK,
    CHAIN_ID,
    DEPOSITOR,
    DOMAIN,
    EVIDENCE_LOG,
    NOON,
    OPERATOR,
    Device,
    Site,
    block_hash,
    crossing,
    enrolment,
    event,
    id_of,
    movement,
    ticket,
)

COIL = b"\xc1" * 32
GAINING = frozenset({OPERATOR, DEPOSITOR})
MIRROR = Mirror(CHAIN_ID, EVIDENCE_LOG, "bank")


@dataclass
class Yard:
    """The site's devices, its log, and the bank that hears them."""

    engine: Engine
    site: Site
    camera: Device
    scale: Device
    fusion: Device = field(default_factory=lambda: Device("fusion.1", host=OPERATOR, commissioner=BANK))
    block: int = 50

    def __post_init__(self) -> None:
        with transaction(self.engine) as session:
            parties.project(session, enrolment(self.fusion))
            MIRROR.project(session, self.site.opened())

    def take(self, *messages: StatementMessage) -> None:
        for message in messages:
            with transaction(self.engine) as session:
                take_statement(session, message, domain=DOMAIN, now=NOON)

    def mirror(self) -> None:
        """The site's head is anchored and the bank has judged it."""
        self.block += 1
        with transaction(self.engine) as session:
            MIRROR.project(session, self.site.anchored(block=self.block))
            wanted = MIRROR.wanted_blocks(session)
            MIRROR.remember_blocks(session, [Beacon(each, block_hash(each), NOON) for each in wanted])
            assert MIRROR.examine(session, NOON) == []

    def moves(self, way: str, *, tags: tuple[int, ...] = (7,)) -> list[StatementMessage]:
        seen = self.site.record(self.camera.says("gate.crossing", crossing(way, *tags)))
        weighed = self.site.record(self.scale.says("weigh.ticket", ticket(23_940)))
        fields = movement(23_940, id_of(seen), id_of(weighed))
        fused = self.site.record(self.fusion.says(f"movement.{way}", fields, subject=COIL))
        return [seen, weighed, fused]

    def worth(self, *, later: timedelta = timedelta(0), gaining: frozenset[bytes] = GAINING) -> Eligibility:
        question = Question(self.site.id, (COIL,), gaining)
        with reading(self.engine) as session:
            return eligibility_of(session, question, terms=STANDARD, now=NOON + later)

    def score(self, claim: Claim) -> int:
        return next(each.score_bps for each in self.worth().claims if each.claim is claim)


@pytest.fixture
def yard(engine: Engine, site: Site, camera: Device, scale: Device) -> Yard:
    return Yard(engine, site, camera, scale)


def test_a_coil_seen_weighed_and_watched_counts_in_full(yard: Yard) -> None:
    yard.take(*yard.moves("in"))
    yard.mirror()
    worth = yard.worth()
    assert worth.bps == 10_000
    assert {each.claim: each.sources for each in worth.claims} == {
        Claim.EXISTS: 2,
        Claim.IDENTITY: 1,
        Claim.QUANTITY: 1,
        Claim.PLACE: 1,
    }


def test_before_its_head_is_judged_a_statement_supports_nothing(yard: Yard) -> None:
    yard.take(*yard.moves("in"))
    assert yard.worth().bps == 0
    yard.mirror()
    assert yard.worth().bps == 10_000


def test_a_coil_whose_tag_nobody_read_has_no_identity(yard: Yard) -> None:
    yard.take(*yard.moves("in", tags=()))
    yard.mirror()
    assert yard.score(Claim.IDENTITY) == 0
    assert yard.score(Claim.QUANTITY) == 10_000


def test_held_statements_are_credited_to_no_claim_until_the_gap_is_declared(yard: Yard) -> None:
    yard.scale.says("weigh.ticket", ticket(1))
    yard.take(*yard.moves("in"))
    yard.mirror()
    assert (yard.score(Claim.QUANTITY), yard.score(Claim.EXISTS)) == (0, 0)
    with transaction(yard.engine) as session:
        (gap,) = gaps(session)
        declare_gap(session, gap, reason="never sent", declared_by="officer.one", now=NOON)
    assert yard.worth().bps == 10_000


def test_a_coil_seen_leaving_contradicts_that_it_exists_even_before_any_anchor(yard: Yard) -> None:
    yard.take(*yard.moves("in"))
    yard.mirror()
    yard.take(*yard.moves("out"))
    worth = yard.worth()
    assert worth.in_conflict
    assert worth.bps == 0


def test_a_coil_that_came_back_exists_again(yard: Yard) -> None:
    yard.take(*yard.moves("in"), *yard.moves("out"), *yard.moves("in"))
    yard.mirror()
    assert not yard.worth().in_conflict
    assert yard.worth().bps == 10_000


def test_a_device_that_said_two_things_at_once_supports_nothing_any_more(yard: Yard) -> None:
    yard.take(*yard.moves("in"))
    yard.mirror()
    device = name32(yard.scale.name)
    lied = Finding(FindingKind.EQUIVOCATION, "equivocation:x:1", yard.site.id, device, {})
    with transaction(yard.engine) as session:
        record_finding(session, lied, proof=None, now=NOON)
    assert yard.score(Claim.QUANTITY) == 0


def test_a_suspended_device_supports_nothing_while_it_is(yard: Yard) -> None:
    yard.take(*yard.moves("in"))
    yard.mirror()
    for suspended, score in ((True, 0), (False, 10_000)):
        with transaction(yard.engine) as session:
            facts = {"device": name32(yard.camera.name), "suspended": suspended}
            changed = event("PartyRegistry", "DeviceSuspended", block=61 - suspended, **facts)
            parties.project(session, changed)
        assert yard.score(Claim.IDENTITY) == score


def test_goods_go_stale_when_nobody_watches_for_the_creditor(yard: Yard) -> None:
    yard.take(*yard.moves("in"))
    yard.mirror()
    assert yard.worth(later=timedelta(minutes=31)).bps == 0


def test_a_party_that_gains_cannot_be_the_only_one_who_ordered_the_watching(yard: Yard) -> None:
    yard.take(*yard.moves("in"))
    yard.mirror()
    everybody = frozenset({OPERATOR, DEPOSITOR, BANK, name32("inspector")})
    assert yard.worth(gaining=everybody).bps == 0


def test_no_movement_is_found_where_none_was_linked(yard: Yard) -> None:
    with reading(yard.engine) as session, pytest.raises(MovementMissing):
        movement_of(session, yard.site.id, "movement.in", COIL)

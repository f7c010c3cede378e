"""What a loan may know of its goods: confirmed receipts, their documents, and evidence that counts today."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Engine

from backend.clock import FixedClock, Moment
from backend.db import reading, transaction
from backend.evidence.actions import take_statement
from backend.evidence.heads import Mirror
from backend.evidence.rules import Beacon
from backend.loans.actions.goods import GoodsOnRecord, TariffUnknown
from backend.loans.rules.loan import ClaimsBelowBar, Collateral, require_claims
from backend.loans.rules.product import standard_product
from backend.receipts import actions as acts
from backend.receipts import projection as receipts
from backend.receipts.rules import DocumentUnknown, ReceiptUnknown
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import name32
from tests.backend.edge import (
    BANK,
    CHAIN_ID,
    DEPOSITOR,
    DOMAIN,
    EVIDENCE_LOG,
    INSPECTOR,
    NOON,
    OPERATOR,
    Device,
    Site,
    block_hash,
    crossing,
    enrol,
    event,
    id_of,
    movement,
    ticket,
)
from tests.backend.receipts.test_document import COMPLETE

COILS: Final = tuple(bytes([n]) * 32 for n in (0xC1, 0xC2))
COIL_KG: Final = 23_940
TODAY: Final = Moment(NOON, date(2026, 3, 12))
HOUR: Final = timedelta(hours=1)


@dataclass
class Yard:
    """A site of two coils under one receipt, and what the bank knows of it."""

    engine: Engine
    site: Site = field(default_factory=Site)
    camera: Device = field(default_factory=lambda: Device("gate-cam.1", host=OPERATOR, commissioner=BANK))
    scale: Device = field(default_factory=lambda: Device("scale.1", host=INSPECTOR, commissioner=INSPECTOR))
    fusion: Device = field(default_factory=lambda: Device("fusion.1", host=OPERATOR, commissioner=BANK))
    wall: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    tariff: dict[bytes, int] = field(default_factory=lambda: {OPERATOR: 30})
    heads: int = 50

    def known(self, receipt: int = 1) -> Collateral:
        with reading(self.engine) as session:
            on_record = GoodsOnRecord(self.wall, self.tariff)
            return on_record(session, standard_product(), [receipt], TODAY)[0]

    def moves(self, kind: str, coil: bytes, mass_kg: int = COIL_KG) -> None:
        """The coil crosses the gate over the scale, and the fusion says so."""
        way = kind.removeprefix("movement.")
        seen = self.take(self.camera.says("gate.crossing", crossing(way, 7)))
        weighed = self.take(self.scale.says("weigh.ticket", ticket(mass_kg)))
        fields = movement(mass_kg, id_of(seen), id_of(weighed))
        self.take(self.fusion.says(kind, fields, subject=coil))

    def take(self, message: StatementMessage) -> StatementMessage:
        recorded = self.site.record(message)
        with transaction(self.engine) as session:
            take_statement(session, recorded, domain=DOMAIN, now=NOON)
        return recorded

    def anchor(self) -> None:
        """Everything so far is under a head that the bank has re-derived."""
        self.heads += 1
        mirror = Mirror(CHAIN_ID, EVIDENCE_LOG, "bank")
        with transaction(self.engine) as session:
            if self.heads == 51:
                mirror.project(session, self.site.opened())
            mirror.project(session, self.site.anchored(block=self.heads))
            wanted = mirror.wanted_blocks(session)
            mirror.remember_blocks(session, [Beacon(each, block_hash(each), NOON) for each in wanted])
            mirror.examine(session, NOON)

    def confirm(self, name: str, **args: Any) -> None:
        self.heads += 1
        with transaction(self.engine) as session:
            receipts.project(session, event("ReceiptRegistry", name, block=self.heads, **args))

    def order(self, mass_kg: int, number: int = 1) -> None:
        hours = {"opensAt": int(NOON.timestamp()), "closesAt": int((NOON + 2 * HOUR).timestamp())}
        sides = {"gate": name32("gate-cam.1"), "to": DEPOSITOR, "by": BANK}
        self.confirm("ReleaseOrdered", orderId=number, receiptId=1, massKg=mass_kg, **hours, **sides)

    def delivered(self, coil: bytes) -> None:
        self.confirm(
            "GoodsDelivered",
            receiptId=1,
            orderId=1,
            massKg=COIL_KG,
            fingerprints=[coil],
            remainingKg=COIL_KG,
        )


@pytest.fixture
def yard(database: Engine) -> Yard:
    yard = Yard(database)
    enrol(database, yard.camera, yard.scale, yard.fusion)
    with transaction(database) as session:
        kept = acts.keep_document(session, COMPLETE, "CN-909", NOON)
    goods = {
        "site": name32("yard.one"),
        "bay": name32("bay.a"),
        "commodity": name32("steel.hrc"),
        "grade": name32("q235b"),
        "massKg": 2 * COIL_KG,
        "fingerprints": list(COILS),
        "document": kept,
    }
    yard.confirm("IssueRequested", requestId=1, depositor=DEPOSITOR, representations=bytes(32), **goods)
    yard.confirm("ReceiptIssued", receiptId=1, requestId=1, holder=DEPOSITOR, operator=OPERATOR, **goods)
    yard.heads = 50
    return yard


@pytest.fixture
def full(yard: Yard) -> Yard:
    """The yard with both coils seen coming in, anchored."""
    for coil in COILS:
        yard.moves("movement.in", coil)
    yard.anchor()
    return yard


def test_goods_that_were_seen_and_weighed_count_in_full(full: Yard) -> None:
    found = full.known()
    assert (found.mass_kg, found.eligibility_bps, found.in_conflict) == (2 * COIL_KG, 10_000, False)
    assert set(found.claims) == {"exists", "identity", "quantity", "place"}
    assert (found.stored_until, found.goods_valid_until) == (date(2026, 12, 31), None)
    require_claims(standard_product(), (found,))


def test_the_operators_lien_grows_by_its_tariff_from_the_first_day_of_storage(full: Yard) -> None:
    assert full.known().lien_minor == 14_364  # 47.880 t · 10 days · 0.30
    full.tariff[OPERATOR] = 0
    assert full.known().lien_minor == 0
    full.tariff.clear()
    with pytest.raises(TariffUnknown):
        full.known()


def test_statements_that_are_under_no_head_support_nothing(yard: Yard) -> None:
    for coil in COILS:
        yard.moves("movement.in", coil)
    assert yard.known().eligibility_bps == 0


def test_claims_age_by_the_wall_clock_and_stale_ones_stop_a_loan(full: Yard) -> None:
    full.wall.advance(20 * timedelta(minutes=1))
    found = full.known()
    assert (found.claims["exists"], found.claims["quantity"]) == (6_666, 10_000)
    with pytest.raises(ClaimsBelowBar):
        require_claims(standard_product(), (found,))


def test_an_exit_without_an_order_contradicts_the_whole_receipt(full: Yard) -> None:
    full.moves("movement.out", COILS[0])
    found = full.known()
    assert (found.in_conflict, found.eligibility_bps, found.mass_kg) == (True, 0, 2 * COIL_KG)


def test_ordered_mass_counts_no_more_and_an_ordered_exit_contradicts_nothing(full: Yard) -> None:
    full.order(COIL_KG)
    before = full.known()
    assert (before.mass_kg, before.eligibility_bps) == (COIL_KG, 10_000)
    full.moves("movement.out", COILS[0], COIL_KG + 20)  # scales may differ by 0.3 %
    after = full.known()
    assert (after.in_conflict, after.eligibility_bps) == (False, 10_000)
    assert after.mass_kg == COIL_KG - 20
    full.wall.advance(3 * HOUR)  # the hours are over, the delivery is not confirmed yet
    assert not full.known().in_conflict


def test_a_second_coil_under_an_order_for_one_is_not_explained_by_it(full: Yard) -> None:
    full.order(COIL_KG)
    for coil in COILS:
        full.moves("movement.out", coil)
    assert full.known().in_conflict


def test_after_a_confirmed_delivery_the_rest_stands_on_its_own(full: Yard) -> None:
    full.order(COIL_KG)
    full.moves("movement.out", COILS[0])
    full.delivered(COILS[0])
    found = full.known()
    assert (found.mass_kg, found.eligibility_bps, found.in_conflict) == (COIL_KG, 10_000, False)


def test_a_receipt_or_document_that_is_not_there_is_named(full: Yard) -> None:
    with pytest.raises(ReceiptUnknown):
        full.known(9)
    goods = {"site": name32("yard.one"), "bay": name32("bay.a"), "commodity": name32("steel.hrc")}
    goods |= {"grade": name32("q235b"), "massKg": 5, "fingerprints": [b"\xd1" * 32], "document": bytes(32)}
    asked = {"depositor": DEPOSITOR, "representations": bytes(32)}
    full.confirm("IssueRequested", requestId=2, **asked, **goods)
    full.confirm("ReceiptIssued", receiptId=2, requestId=2, holder=DEPOSITOR, operator=OPERATOR, **goods)
    with pytest.raises(DocumentUnknown):
        full.known(2)

"""What is due can always be done: no pause, suspension or lapsed licence stops an act that discharges."""

import pytest

from iot_bridge.evidence.statement import name32
from tests.contracts.conftest import COILS
from tests.support.ledger_life import (
    DEPOSITOR,
    FUSION,
    HOUR_S,
    INSPECTOR,
    LENDER,
    OPERATOR,
    SITE,
    YEAR_S,
    LedgerLife,
    hash_of,
)
from tests.support.refusals import refused


def take_every_standing(life: LedgerLife) -> None:
    """Pause, suspend everybody and everything, and let licence and calibration run out."""
    life.ledger.chain.wait(2 * YEAR_S)
    life.pause()
    for party in (DEPOSITOR, OPERATOR, LENDER):
        life.suspend("Party", party)
    life.suspend("Site", SITE)
    life.suspend("Device", FUSION)


def test_a_loan_is_repaid_released_delivered_and_closed_without_any_standing(pledged: LedgerLife) -> None:
    take_every_standing(pledged)
    pledged.record(1, "repaid")
    first = pledged.order(1, COILS["coil-1"])
    exit_1 = pledged.site.see("movement.out", hash_of("coil-1"), COILS["coil-1"])
    pledged.site.anchor()
    pledged.site.witness(INSPECTOR)
    deliver(pledged, first, "coil-1", exit_1)
    pledged.release(1, 1)
    last = pledged.order(1, COILS["coil-2"])
    exit_2 = pledged.site.see("movement.out", hash_of("coil-2"), COILS["coil-2"])
    pledged.site.anchor()
    pledged.site.witness(INSPECTOR)
    deliver(pledged, last, "coil-2", exit_2)
    pledged.close(1)


def test_an_honest_exit_needs_no_witness_but_time(pledged: LedgerLife) -> None:
    take_every_standing(pledged)
    pledged.suspend("Party", INSPECTOR)
    order = pledged.order(1, COILS["coil-1"])
    index = pledged.site.see("movement.out", hash_of("coil-1"), COILS["coil-1"])
    pledged.site.anchor()
    pledged.ledger.chain.wait(24 * HOUR_S)
    deliver(pledged, order, "coil-1", index)


def test_a_withdrawal_a_lapse_and_a_cancelled_request_need_no_standing(issued: LedgerLife) -> None:
    request = issued.request({"coil-9": 100})
    pledge = issued.endorse([1], expires_in_s=300 * 24 * HOUR_S)
    lapsing = issued.copy()
    for life in (issued, lapsing):
        if life is lapsing:
            life.attorn(pledge)
            life.register(pledge)
            life.accept(pledge)
            life.ledger.chain.wait(8 * 24 * HOUR_S)
        life.pause()
        for party in (DEPOSITOR, OPERATOR, LENDER):
            life.suspend("Party", party)
    issued.ledger.act(DEPOSITOR, "PledgeRegistry", "withdraw", pledge)
    issued.ledger.act(DEPOSITOR, "ReceiptRegistry", "cancelRequest", request)
    lapsing.ledger.act(DEPOSITOR, "PledgeRegistry", "lapse", pledge)


def test_the_revoked_key_of_a_device_still_speaks_for_what_it_saw_before(pledged: LedgerLife) -> None:
    order = pledged.order(1, COILS["coil-1"])
    index = pledged.site.see("movement.out", hash_of("coil-1"), COILS["coil-1"])
    pledged.ledger.act("guardian", "PartyRegistry", "revokeDeviceKey", name32(FUSION), 1)
    pledged.site.anchor()
    pledged.site.witness()
    deliver(pledged, order, "coil-1", index)


@pytest.mark.parametrize("step", ["endorse", "attorn", "register", "accept"])
def test_a_pause_stops_every_act_that_creates_a_right(issued: LedgerLife, step: str) -> None:
    before = {
        "endorse": [],
        "attorn": ["endorse"],
        "register": ["endorse", "attorn"],
        "accept": ["endorse", "attorn", "register"],
    }[step]
    take = {
        "endorse": lambda: issued.endorse([1]),
        "attorn": lambda: issued.attorn(1),
        "register": lambda: issued.register(1),
        "accept": lambda: issued.accept(1),
    }
    for each in before:
        take[each]()
    issued.pause()
    with refused("CreatingIsPaused"):
        take[step]()
    issued.ledger.chain.wait(HOUR_S + 60)
    take[step]()


def test_a_pause_stops_requests_for_receipts(life: LedgerLife) -> None:
    life.pause()
    with refused("CreatingIsPaused"):
        life.request(COILS)


def deliver(life: LedgerLife, order: int, piece: str, index: int) -> None:
    movements = [life.site.evidence(index)]
    life.ledger.act(OPERATOR, "ReceiptRegistry", "deliver", order, COILS[piece], movements)

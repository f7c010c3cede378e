"""The ledger's confirmed events move loans; one that does not fit moves none and stops nobody."""

from typing import Any

from backend.clock import FixedClock
from backend.db import transaction
from backend.loans.actions import ending
from backend.loans.actions import reading as loans
from backend.loans.rules.life import LoanState
from backend.margin.actions import calling
from backend.margin.actions.following import Following
from backend.margin.rules.call import MarginState
from tests.backend.edge import NOON, event
from tests.backend.loans.bank import BORROWER, LOAN, Bank, collateral, disburse, state


def confirm(bank: Bank, contract: str, name: str, **args: Any) -> None:
    """As the follower does: the projections first, then what loans make of it, in one unit of work."""
    following = Following(bank.desk, FixedClock(bank.at.now), "Asia/Shanghai")
    bank.confirm(contract, name, **args)
    with transaction(bank.engine) as session:
        following.project(session, event(contract, name, **args))


def test_a_loan_follows_the_ledger_from_pledge_to_close(bank: Bank) -> None:
    bank.apply()
    loan = bank.approve()
    assert loan.terms is not None
    bank.endorse(7, loan.borrower, loan.terms, loan.receipts)
    with transaction(bank.engine) as session:
        effective = event("PledgeRegistry", "PledgeEffective", pledgeId=7, pledgee=bytes(32))
        Following(bank.desk, FixedClock(bank.at.now), "Asia/Shanghai").project(session, effective)
    assert state(bank) is LoanState.PLEDGED
    disburse(bank)
    bank.pay_in(500_000_000)
    with transaction(bank.engine) as session:
        ending.release(session, bank.desk, LOAN, receipt=1, people=("zhou", "feng"), at=bank.at)
    assert len(bank.asked("release")) == 1
    confirm(bank, "ReceiptRegistry", "ReceiptDisencumbered", pledgeId=7, receiptId=1)
    confirm(bank, "PledgeRegistry", "PledgeReleased", pledgeId=7, receiptId=1)
    assert state(bank) is LoanState.RELEASED
    with transaction(bank.engine) as session:
        ending.close(session, bank.desk, LOAN, by="zhou", at=bank.at)
    assert bank.asked("close") == [{"pledgeId": 7}]
    confirm(bank, "PledgeRegistry", "LoanClosed", pledgeId=7)
    assert state(bank) is LoanState.CLOSED


def test_an_event_that_does_not_fit_its_loan_changes_nothing_and_is_passed_over(drawn: Bank) -> None:
    confirm(drawn, "PledgeRegistry", "LoanClosed", pledgeId=7)
    assert state(drawn) is LoanState.DISBURSED
    confirm(drawn, "ReceiptRegistry", "ReceiptDisencumbered", pledgeId=7, receiptId=1)
    confirm(drawn, "PledgeRegistry", "PledgeReleased", pledgeId=7, receiptId=1)
    assert state(drawn) is LoanState.DISBURSED


def test_a_delivery_is_told_and_reviewed_at_once(drawn: Bank) -> None:
    drawn.goods[1] = collateral(1, 1_000_000)
    order = {
        "orderId": 1,
        "receiptId": 1,
        "massKg": 1_500_000,
        "gate": bytes(32),
        "to": BORROWER,
        "by": bytes(32),
    }
    hours = {"opensAt": int(NOON.timestamp()), "closesAt": int(NOON.timestamp()) + 60}
    confirm(drawn, "ReceiptRegistry", "ReleaseOrdered", **order, **hours)
    goods = {"massKg": 1_500_000, "fingerprints": [], "remainingKg": 1_000_000}
    with transaction(drawn.engine) as session:
        delivered = event("ReceiptRegistry", "GoodsDelivered", receiptId=1, orderId=1, block=900, **goods)
        Following(drawn.desk, FixedClock(drawn.at.now), "Asia/Shanghai").project(session, delivered)
        assert calling.margin_state(session, LOAN) is MarginState.CALLED
        assert loans.receipts_under(session, LOAN) == [1]

"""Money over the API: out once, back in by the borrower's word, and only for one's own loan."""

import pytest

from backend.loans.rules.life import LoanState
from backend.payments.rules import EndToEndIdReused, LineState
from backend.units import Money
from tests.backend.loans.bank import LOAN, Bank, state
from tests.backend.loans.callers import Callers, code_of


def test_a_loan_is_paid_out_once_however_often_it_is_asked_for(pledged: Bank) -> None:
    callers = Callers(pledged)
    path = f"/v1/loans/{LOAN}/disburse"
    assert code_of(callers.post("lin", path))[0] == 403
    first, again = callers.done("sun", path), callers.done("qian", path)
    assert (first["state"], first["id"]) == ("intended", again["id"])
    assert [each.state.value for each in pledged.step().finished] == ["settled"]
    listed = callers.get("lin", "/v1/payments").json()["items"]
    assert [(each["id"], each["state"]) for each in listed] == [(first["id"], "settled")]
    assert callers.get("lin", f"/v1/payments/{first['id']}").json() == listed[0]
    assert code_of(callers.get("lin", "/v1/payments/D-0")) == (404, "payments.payment_unknown")


def test_a_repayment_is_taken_once_and_booked_from_the_statement(drawn: Bank) -> None:
    callers = Callers(drawn)
    path, body = f"/v1/loans/{LOAN}/repayments", {"amount": {"amount_minor": 500_000_000, "currency": "CNY"}}
    first, again = (callers.post("chen", path, body, key="repay-0001") for _ in range(2))
    assert (first.status_code, again.json()) == (202, first.json())
    assert state(drawn) is LoanState.DISBURSED
    assert [each.state for each in drawn.step().lines] == [LineState.BOOKED]
    assert drawn.step().lines == []
    assert state(drawn) is LoanState.REPAID
    assert code_of(callers.post("stranger", path, body)) == (404, "loans.loan_unknown")
    euros = {"amount": {"amount_minor": 1, "currency": "EUR"}}
    assert code_of(callers.post("chen", path, euros)) == (422, "units.currency_mismatch")


def test_a_repayment_handed_over_again_after_a_kill_is_the_same_money(drawn: Bank) -> None:
    paid = {"payer": "x", "reference": LOAN, "key": "P-1"}
    one, same = (drawn.rail.receive(amount=Money(5, "CNY"), **paid) for _ in range(2))
    assert one == same
    with pytest.raises(EndToEndIdReused):
        drawn.rail.receive(amount=Money(6, "CNY"), **paid)


def test_nothing_is_repaid_before_it_was_paid_out(pledged: Bank) -> None:
    callers = Callers(pledged)
    body = {"amount": {"amount_minor": 1, "currency": "CNY"}}
    answer = callers.post("chen", f"/v1/loans/{LOAN}/repayments", body)
    assert code_of(answer) == (409, "loans.before_disbursement")


def test_a_rail_with_its_own_way_in_takes_no_orders(drawn: Bank) -> None:
    callers = Callers(drawn, rail=OneWay())
    body = {"amount": {"amount_minor": 1, "currency": "CNY"}}
    answer = callers.post("chen", f"/v1/loans/{LOAN}/repayments", body)
    assert code_of(answer) == (409, "payments.rail_takes_no_orders")


def test_money_that_nobody_knows_is_assigned_and_what_is_too_much_refunded(drawn: Bank) -> None:
    callers = Callers(drawn)
    drawn.pay_in(500_000_100, reference="no such loan")
    lines = callers.get("lin", "/v1/statement-lines").json()["items"]
    assert [(each["reference"], each["state"]) for each in lines] == [("no such loan", "unmatched")]
    path = f"/v1/statement-lines/sandbox/{lines[0]['number']}/assign"
    assert callers.done("sun", path, {"loan_id": LOAN})["state"] == "booked"
    assert code_of(callers.post("sun", path, {"loan_id": LOAN})) == (409, "payments.line_taken")
    refund = {
        "amount": {"amount_minor": 101, "currency": "CNY"},
        "to": {"name": "Wuxi Trading", "account": "6222-1", "bank": "ICBKCNBJ"},
    }
    path = f"/v1/loans/{LOAN}/refunds"
    assert code_of(callers.both("sun", "qian", path, refund)) == (409, "payments.credit_too_small")


class OneWay:
    """A rail that only a payer's own bank feeds."""

    name = "real"


def test_two_payment_officers_refund_a_credit(drawn: Bank) -> None:
    callers = Callers(drawn)
    drawn.pay_in(500_000_100)
    refund = {
        "amount": {"amount_minor": 100, "currency": "CNY"},
        "to": {"name": "Wuxi Trading", "account": "6222-1", "bank": "ICBKCNBJ"},
    }
    done = callers.both("sun", "qian", f"/v1/loans/{LOAN}/refunds", refund)
    assert done.json()["id"] == f"R-{LOAN}-1"

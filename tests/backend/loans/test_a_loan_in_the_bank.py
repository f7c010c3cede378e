"""A loan that was paid out: its money, its end, and what the database itself refuses."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.db import reading, transaction
from backend.identity.rules import SamePerson
from backend.loans.actions import applying, booking, ending
from backend.loans.actions import reading as loans
from backend.loans.actions.booking import FactFromTheFuture, NotThePrincipal
from backend.loans.rules import loan as l
from backend.loans.rules.book import Balances
from backend.loans.rules.commitments import open_commitment
from backend.loans.rules.facts import (
    BeforeDisbursement,
    FactInvalid,
    FactKind,
    NothingToReverse,
    fact_from_json,
)
from backend.loans.rules.life import ActNotPossible, LoanState
from backend.loans.rules.product import FeeBase, ProductInvalid, standard_product
from backend.loans.rules.standing import RiskClass
from backend.units import Money
from backend.valuation.rules.prices import PriceStale
from tests.backend.loans.bank import (
    BORROWER,
    LOAN,
    START,
    Bank,
    disburse,
    open_bank,
    state,
)

DAY = timedelta(days=1)


def release(
    bank: Bank, session: Session, receipt: int = 1, people: tuple[str, str] = ("zhou", "feng")
) -> None:
    ending.release(session, bank.desk, LOAN, receipt=receipt, people=people, at=bank.at)


def test_the_whole_life_of_a_loan_with_interest_to_the_fen(drawn: Bank) -> None:
    drawn.wait(30)
    drawn.pay_in(202_958_333)
    drawn.wait(60)
    with reading(drawn.engine) as session:
        rest = loans.standing(session, LOAN, at=drawn.at)
        assert booking.payoff_on(session, LOAN, drawn.at.today) == rest.balances
    assert rest.balances == Balances(300_000_000, 2_800_000, 750_000, 0, 0, 0)
    assert drawn.pay_in(rest.balances.outstanding).lines[0].loan_id == LOAN
    assert state(drawn) is LoanState.REPAID
    with transaction(drawn.engine) as session:
        release(drawn, session)
    assert drawn.asked("release")[0]["receiptId"] == 1
    assert state(drawn) is LoanState.REPAID  # owed until the ledger has said so
    drawn.confirm("ReceiptRegistry", "ReceiptDisencumbered", pledgeId=7, receiptId=1)
    drawn.confirm("PledgeRegistry", "PledgeReleased", pledgeId=7, receiptId=1)
    with transaction(drawn.engine) as session:
        ending.record_released(session, drawn.desk, pledge_id=7, receipt=1, at=drawn.at)
        ending.close(session, drawn.desk, LOAN, by="zhou", at=drawn.at)
    assert state(drawn) is LoanState.RELEASED
    with transaction(drawn.engine) as session:
        ending.record_closed(session, pledge_id=7, at=drawn.at)
    assert state(drawn) is LoanState.CLOSED
    with reading(drawn.engine) as session:
        assert sum(loans.trial_balance(session).values()) == 0
        earned = {
            account.value: amount for (account, _), amount in loans.trial_balance(session, LOAN).items()
        }
        assert (earned["interest_income"], earned["supervision_fee_payable"]) == (-5_133_333, -1_375_000)
        assert earned["principal"] == earned["interest_receivable"] == 0
        assert loans.journal(session, LOAN)


def test_every_loan_event_on_the_ledger_opens_to_what_happened_in_order(drawn: Bank) -> None:
    drawn.pay_in(100)
    told = [each["commitment"] for each in drawn.asked("recordLoanEvent")]
    with reading(drawn.engine) as session:
        kept = loans.openings(session, LOAN)
        loan = loans.loan(session, LOAN)
    assert [kept[0].commitment, *told] == [each.commitment for each in kept]
    assert loan.terms == kept[0].commitment
    opened = [open_commitment(each.opening, each.commitment) for each in kept]
    assert opened[0][0] == "loan.terms"
    assert opened[0][1]["principal_minor"] == "500000000"
    assert [content["happened"] for _, content in opened[1:]] == ["Disbursed", "Repaid"]
    assert [content["number"] for _, content in opened[1:]] == [1, 2]
    assert len({len(each.opening) for each in kept[1:]}) == 1


def test_the_openings_alone_tell_every_fact_of_the_loans_book(drawn: Bank) -> None:
    drawn.wait(30)
    drawn.pay_in(202_958_333)
    with transaction(drawn.engine) as session:
        booking.record_cost(
            session, drawn.desk, LOAN, cost="c1", amount=Money(5_000, "CNY"), by="lin", at=drawn.at
        )
    with reading(drawn.engine) as session:
        kept = loans.openings(session, LOAN)
        facts = [each for each in loans.facts(session, LOAN) if each.kind is not FactKind.ACCRUE]
    told = [open_commitment(each.opening, each.commitment)[1] for each in kept[1:]]
    assert [fact_from_json(each["fact"]) for each in told] == facts
    assert told[1]["met"] == {"interest": "2333333", "fee": "625000", "principal": "200000000"}


@pytest.mark.parametrize(
    "told", [{}, {"id": "a", "on": "2026-03-01", "kind": "gift"}, {"id": "a", "on": "x"}]
)
def test_an_opening_that_tells_no_fact_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(FactInvalid):
        fact_from_json(told)


def test_the_loan_keeps_the_product_version_it_was_made_under(drawn: Bank) -> None:
    dearer = replace(standard_product(), version=2, base_rate_bps=900)
    with transaction(drawn.engine) as session:
        applying.store_product(session, dearer, at=drawn.at)
        with pytest.raises(ProductInvalid):
            applying.store_product(session, dearer, at=drawn.at)
        assert loans.loan(session, LOAN).product.base_rate_bps == 560


def test_what_is_paid_out_is_the_principal_with_nothing_deducted(pledged: Bank) -> None:
    with pytest.raises(NotThePrincipal), transaction(pledged.engine) as session:
        booking.record_disbursed(
            session,
            pledged.desk,
            LOAN,
            payment="x",
            amount=Money(499_999_999, "CNY"),
            on=START,
            at=pledged.at,
        )


def test_a_late_payment_for_an_earlier_date_is_replayed_and_both_versions_stay(drawn: Bank) -> None:
    drawn.wait(40)
    with transaction(drawn.engine) as session:
        assert booking.accrue_day(session, at=drawn.at) == [LOAN]
        assert booking.accrue_day(session, at=drawn.at) == []
        before = loans.journal(session, LOAN)
        booking.book_payment(
            session,
            drawn.desk,
            LOAN,
            payment="late",
            amount=Money(202_958_333, "CNY"),
            on=START + 30 * DAY,
            at=drawn.at,
        )
        after = loans.journal(session, LOAN)
        owed = loans.standing(session, LOAN, at=drawn.at).balances
    assert after[: len(before)] == before
    assert {entry.reverses for entry in after} >= {before[-1].number}
    assert (owed.principal, owed.interest) == (300_000_000, 466_667)


def test_a_payment_that_bounced_makes_a_repaid_loan_owe_again(drawn: Bank) -> None:
    drawn.wait(10)
    with reading(drawn.engine) as session:
        owed = booking.payoff_on(session, LOAN, drawn.at.today).outstanding
    drawn.pay_in(owed)
    assert state(drawn) is LoanState.REPAID
    with transaction(drawn.engine) as session:
        name = loans.facts(session, LOAN)[-1].id
        reopened = booking.reverse_payment(session, drawn.desk, LOAN, payment=name, at=drawn.at)
    assert reopened.state is LoanState.DISBURSED
    with pytest.raises(NothingToReverse), transaction(drawn.engine) as session:
        booking.reverse_payment(session, drawn.desk, LOAN, payment=name, at=drawn.at)


def test_a_loan_is_overdue_the_day_after_it_is_due_and_classed_by_days(drawn: Bank) -> None:
    with reading(drawn.engine) as session:
        due = loans.loan(session, LOAN).due_on
    assert due == date(2026, 6, 1)  # ninety days on is a Sunday
    drawn.move_to(due)
    assert state(drawn) is LoanState.DISBURSED
    drawn.wait(91)
    with reading(drawn.engine) as session:
        late = loans.standing(session, LOAN, at=drawn.at)
    assert (late.state, late.days_past_due, late.risk_class) == (LoanState.OVERDUE, 91, RiskClass.SUBSTANDARD)
    assert late.balances.penalty > 0


def test_a_fee_on_market_value_starts_from_what_the_disbursement_was_decided_on(
    database: Engine, tmp_path: Path
) -> None:
    """8 500 000.00 at 1.50 % for 30 days of 360, then 7 225 000.00 for 60."""
    product = replace(standard_product(), supervision_fee_base=FeeBase.MARKET_VALUE)
    bank = open_bank(database, tmp_path, product)
    bank.apply()
    bank.pledge(bank.approve())
    disburse(bank)
    bank.wait(30)
    with pytest.raises(PriceStale), transaction(bank.engine) as session:
        booking.restate_value(session, bank.desk, LOAN, at=bank.at)
    bank.price(2_890)
    with transaction(bank.engine) as session:
        booking.restate_value(session, bank.desk, LOAN, at=bank.at)
        assert loans.standing(session, LOAN, at=bank.at).balances.fee == 1_062_500
    bank.wait(60)
    with reading(bank.engine) as session:
        assert loans.standing(session, LOAN, at=bank.at).balances.fee == 1_062_500 + 1_806_250


def test_costs_misuse_and_a_write_off_by_two_are_booked_from_their_day(drawn: Bank) -> None:
    with transaction(drawn.engine) as session:
        booking.record_misuse(
            session, drawn.desk, LOAN, case="m1", amount=Money(100_000_000, "CNY"), by="lin", at=drawn.at
        )
        booking.record_cost(
            session, drawn.desk, LOAN, cost="c1", amount=Money(5_000, "CNY"), by="lin", at=drawn.at
        )
    drawn.wait(90)
    with reading(drawn.engine) as session:
        owed = loans.standing(session, LOAN, at=drawn.at).balances
    assert (owed.enforcement, owed.interest, owed.penalty) == (5_000, 5_600_000, 2_800_000)
    drawn.wait(30)
    with pytest.raises(SamePerson), transaction(drawn.engine) as session:
        booking.write_off(session, drawn.desk, LOAN, first="wu", second="wu", at=drawn.at)
    with transaction(drawn.engine) as session:
        booking.write_off(session, drawn.desk, LOAN, first="wu", second="zhao", at=drawn.at)
        end = loans.standing(session, LOAN, at=drawn.at)
    assert (end.state, end.balances.outstanding) == (LoanState.WRITTEN_OFF, 0)


def test_nothing_counts_from_a_day_that_has_not_come_or_before_disbursement(pledged: Bank) -> None:
    with reading(pledged.engine) as session, pytest.raises(BeforeDisbursement):
        booking.payoff_on(session, LOAN, START)
    disburse(pledged)
    with pytest.raises(FactFromTheFuture), transaction(pledged.engine) as session:
        booking.accrue(session, LOAN, to=START + DAY, at=pledged.at)
    with pytest.raises(FactFromTheFuture), transaction(pledged.engine) as session:
        booking.book_payment(
            session,
            pledged.desk,
            LOAN,
            payment="p",
            amount=Money(5, "CNY"),
            on=START + DAY,
            at=pledged.at,
        )


def test_goods_go_back_only_when_nothing_is_owed_and_by_two_people(drawn: Bank) -> None:
    with pytest.raises(ActNotPossible), transaction(drawn.engine) as session:
        release(drawn, session)
    drawn.pay_in(500_000_000)
    with pytest.raises(SamePerson), transaction(drawn.engine) as session:
        release(drawn, session, people=("zhou", "zhou"))
    with pytest.raises(l.CollateralUnknown), transaction(drawn.engine) as session:
        release(drawn, session, receipt=2)
    with pytest.raises(ActNotPossible), transaction(drawn.engine) as session:
        ending.close(session, drawn.desk, LOAN, by="zhou", at=drawn.at)


def test_a_receipt_that_was_delivered_whole_needs_no_release(drawn: Bank) -> None:
    drawn.pay_in(500_000_000)
    with transaction(drawn.engine) as session:
        ending.record_delivered(session, drawn.desk, receipt=1, remaining_kg=1_000, at=drawn.at)
        assert loans.receipts_under(session, LOAN) == [1]
        ending.record_delivered(session, drawn.desk, receipt=1, remaining_kg=0, at=drawn.at)
    assert state(drawn) is LoanState.RELEASED


def test_events_of_pledges_that_are_not_ours_change_nothing(bank: Bank) -> None:
    with transaction(bank.engine) as session:
        assert ending.record_released(session, bank.desk, pledge_id=3, receipt=1, at=bank.at) is None
        assert ending.record_closed(session, pledge_id=3, at=bank.at) is None


@pytest.mark.parametrize("table", ["journal_entry", "loan_fact", "loan_opening", "loan_act", "product"])
def test_the_database_refuses_to_alter_what_was_written(drawn: Bank, table: str) -> None:
    column = inspect(drawn.engine).get_columns(table)[0]["name"]
    for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):  # noqa: S608 - of our tables
        with pytest.raises(IntegrityError, match="append-only"), transaction(drawn.engine) as session:
            session.connection().execute(text(sql))


def test_the_database_refuses_an_unbalanced_or_empty_entry(drawn: Bank) -> None:
    sql = (
        "INSERT INTO journal_entry (loan_id, number, debit, credit, amount_minor, currency, counts_on,"
        " cause_kind, cause_id, booked_at, previous, hash) SELECT loan_id, 99, :debit, credit, :amount,"
        " currency, counts_on, cause_kind, cause_id, booked_at, hash, previous FROM journal_entry LIMIT 1"
    )
    for values in ({"debit": "cash", "amount": 5}, {"debit": "principal", "amount": 0}):
        with pytest.raises(IntegrityError, match=r"(?i)check"), transaction(drawn.engine) as session:
            session.connection().execute(text(sql), values)


def test_a_loan_that_is_not_there_is_named(bank: Bank) -> None:
    with reading(bank.engine) as session, pytest.raises(l.LoanUnknown):
        loans.standing(session, "L-0000", at=bank.at)


def test_every_act_is_kept_with_who_did_it_and_what_decided_it(drawn: Bank) -> None:
    with reading(drawn.engine) as session:
        acts = loans.acts_after(session, LOAN, 0, 9)
    assert [(act.act, act.by) for act in acts] == [
        ("submit", "0x" + BORROWER.hex()),
        ("value", "lin"),
        ("approve", "zhao"),
        ("sign", "0x" + BORROWER.hex()),
        ("record_pledge", "ledger"),
        ("disburse", "sun"),
        ("record_disbursed", "rail"),
    ]
    facts = acts[2].facts
    assert facts["approvers"] == ["wu", "zhao"]
    assert facts["allowed_debt_minor"] == 595_000_000

"""A loan from application to pledge in a real database, and every way in which it is refused."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backend.db import transaction
from backend.identity.rules import RoleMissing, SamePerson
from backend.loans.actions import applying, pledging
from backend.loans.actions.pledging import DrawdownFrozen, NotFrozen
from backend.loans.rules import approval
from backend.loans.rules import loan as l
from backend.loans.rules.life import ActNotPossible, LoanState
from backend.payments import actions as payments
from backend.pledges.rules import PledgeIncomplete, PledgeStateIs
from backend.units import CurrencyMismatch, Money
from backend.valuation.rules.prices import PriceStale
from iot_bridge.evidence.statement import name32
from tests.backend.loans.bank import (
    FIVE_MILLION,
    LOAN,
    PAYEE,
    SEARCH,
    START,
    Bank,
    application,
    collateral,
    disburse,
    state,
)

DAY = timedelta(days=1)


def test_a_receipt_cannot_serve_two_loans_that_live(bank: Bank) -> None:
    bank.apply()
    with pytest.raises(l.ReceiptTaken), transaction(bank.engine) as session:
        applying.submit(session, application(FIVE_MILLION, "L-2026-0002"), at=bank.at)
    with pytest.raises(l.LoanExists), transaction(bank.engine) as session:
        applying.submit(session, application(FIVE_MILLION), at=bank.at)
    with transaction(bank.engine) as session:
        applying.withdraw(session, LOAN, at=bank.at)
        applying.submit(session, application(FIVE_MILLION, "L-2026-0002"), at=bank.at)
    assert state(bank) is LoanState.WITHDRAWN


def test_the_database_itself_refuses_a_receipt_under_a_second_loan(bank: Bank) -> None:
    bank.apply()
    bank.goods[2] = collateral(2)
    bank.apply(loan_id="L-2026-0002", receipts=(2,))
    sql = "INSERT INTO loan_receipt (loan_id, receipt) VALUES ('L-2026-0002', 1)"
    with pytest.raises(IntegrityError), transaction(bank.engine) as session:
        session.connection().execute(text(sql))


def test_an_application_without_purpose_or_with_a_receipt_twice_is_incomplete() -> None:
    for change in (
        {"purpose": ""},
        {"receipts": (1, 1)},
        {"receipts": ()},
        {"payee": replace(PAYEE, account="")},
    ):
        with pytest.raises(l.ApplicationIncomplete):
            replace(application(FIVE_MILLION), **change)


def test_an_unknown_product_or_another_currency_is_refused(bank: Bank) -> None:
    for wrong, refusal in (
        (replace(application(FIVE_MILLION), product="other"), l.ProductUnknown),
        (application(Money(5, "USD")), CurrencyMismatch),
    ):
        with pytest.raises(refusal), transaction(bank.engine) as session:
            applying.submit(session, wrong, at=bank.at)


def test_weak_claims_conflict_and_an_unclean_search_stop_a_proposal(bank: Bank) -> None:
    bank.apply()
    good = bank.goods[1]
    for worse in (
        replace(good, claims={**good.claims, "quantity": 9_999}),
        replace(good, claims={"exists": 10_000}),
        replace(good, in_conflict=True),
    ):
        bank.goods[1] = worse
        with pytest.raises(l.ClaimsBelowBar), transaction(bank.engine) as session:
            applying.value(session, bank.desk, LOAN, by="lin", search=SEARCH, at=bank.at)
    bank.goods[1] = good
    for search in (replace(SEARCH, clean=False), replace(SEARCH, reference="")):
        with pytest.raises(l.SearchNotClean), transaction(bank.engine) as session:
            applying.value(session, bank.desk, LOAN, by="lin", search=search, at=bank.at)
    assert state(bank) is LoanState.SUBMITTED


def test_a_stale_price_stops_a_proposal(bank: Bank) -> None:
    bank.apply()
    bank.wait(2)
    with pytest.raises(PriceStale), transaction(bank.engine) as session:
        applying.value(session, bank.desk, LOAN, by="lin", search=SEARCH, at=bank.at)


def test_goods_that_nobody_confirmed_carry_no_loan(bank: Bank) -> None:
    bank.apply(receipts=(99,))
    with pytest.raises(l.CollateralUnknown), transaction(bank.engine) as session:
        applying.value(session, bank.desk, LOAN, by="lin", search=SEARCH, at=bank.at)


def test_a_proposal_is_approved_by_two_others_and_nothing_less(bank: Bank) -> None:
    bank.apply()
    with pytest.raises(ActNotPossible), transaction(bank.engine) as session:
        applying.approve(session, bank.desk, LOAN, by="wu", at=bank.at)
    with transaction(bank.engine) as session:
        applying.value(session, bank.desk, LOAN, by="zhao", search=SEARCH, at=bank.at)
    refusals: list[tuple[str, type[Exception]]] = [
        ("zhao", approval.MakerIsChecker),
        ("lin", RoleMissing),
    ]
    for by, refusal in refusals:
        with pytest.raises(refusal), transaction(bank.engine) as session:
            applying.approve(session, bank.desk, LOAN, by=by, at=bank.at)
    with transaction(bank.engine) as session:
        assert applying.approve(session, bank.desk, LOAN, by="wu", at=bank.at).state is LoanState.VALUED
    with pytest.raises(approval.AlreadyApproved), transaction(bank.engine) as session:
        applying.approve(session, bank.desk, LOAN, by="wu", at=bank.at)
    with pytest.raises(ActNotPossible), transaction(bank.engine) as session:
        applying.sign(session, LOAN, terms=bytes(32), at=bank.at)


def test_an_approval_needs_cover_and_time_on_its_own_day(bank: Bank) -> None:
    bank.apply(amount=Money(595_000_001, "CNY"))  # 2 500 t at 3 400 carry 5 950 000.00 at 70 %
    with transaction(bank.engine) as session:
        applying.value(session, bank.desk, LOAN, by="lin", search=SEARCH, at=bank.at)
    with pytest.raises(approval.BeyondInitialLine), transaction(bank.engine) as session:
        applying.approve(session, bank.desk, LOAN, by="wu", at=bank.at)
    bank.goods[1] = replace(bank.goods[1], stored_until=START + 119 * DAY, mass_kg=3_000_000)
    with pytest.raises(approval.MaturityTooLate), transaction(bank.engine) as session:
        applying.approve(session, bank.desk, LOAN, by="wu", at=bank.at)


def test_terms_that_were_not_approved_cannot_be_signed(bank: Bank) -> None:
    bank.apply()
    with transaction(bank.engine) as session:
        applying.value(session, bank.desk, LOAN, by="lin", search=SEARCH, at=bank.at)
        for by in ("wu", "zhao"):
            applying.approve(session, bank.desk, LOAN, by=by, at=bank.at)
    with pytest.raises(l.TermsNotThese), transaction(bank.engine) as session:
        applying.sign(session, LOAN, terms=bytes(32), at=bank.at)


def test_a_declined_application_frees_its_receipts(bank: Bank) -> None:
    bank.apply()
    with transaction(bank.engine) as session:
        applying.decline(session, LOAN, by="lin", reason="purpose outside policy", at=bank.at)
        applying.submit(session, application(FIVE_MILLION, "L-2026-0002"), at=bank.at)
    with pytest.raises(ActNotPossible), transaction(bank.engine) as session:
        applying.withdraw(session, LOAN, at=bank.at)


def test_a_pledge_over_other_receipts_or_by_another_party_is_not_the_loans(bank: Bank) -> None:
    bank.goods[2] = collateral(2)
    bank.issue(2)
    bank.apply()
    loan = bank.approve()
    for number, wrong in enumerate((replace(loan, receipts=(2,)), replace(loan, borrower=bytes(32)))):
        with pytest.raises(l.PledgeDiffers):
            bank.pledge(wrong, 20 + number)
        for receipt in wrong.receipts:
            bank.confirm("ReceiptRegistry", "ReceiptDisencumbered", pledgeId=20 + number, receiptId=receipt)
            bank.confirm("PledgeRegistry", "PledgeReleased", pledgeId=20 + number, receiptId=receipt)
    assert bank.pledge(replace(loan, terms=bytes(32)), 30) is None
    bank.confirm("ReceiptRegistry", "ReceiptDisencumbered", pledgeId=30, receiptId=1)
    bank.confirm("PledgeRegistry", "PledgeReleased", pledgeId=30, receiptId=1)
    pledged = bank.pledge(loan)
    assert pledged is not None
    assert pledged.state is LoanState.PLEDGED


def test_no_money_leaves_before_the_pledge_is_confirmed(bank: Bank) -> None:
    bank.apply()
    bank.approve()
    with pytest.raises(ActNotPossible), transaction(bank.engine) as session:
        payments.disburse(session, bank.desk, LOAN, by="sun", at=bank.at)


def test_a_pledge_with_a_step_missing_is_none(bank: Bank) -> None:
    bank.apply()
    loan = bank.approve()
    endorsed = {"pledgor": loan.borrower, "pledgee": name32("bank"), "receipts": [1], "terms": loan.terms}
    bank.confirm("PledgeRegistry", "PledgeEndorsed", pledgeId=7, expiresAt=2_000_000_000, **endorsed)
    with pytest.raises(PledgeIncomplete), transaction(bank.engine) as session:
        pledging.record_pledge(session, pledge_id=7, at=bank.at)


def test_no_money_leaves_when_the_pledge_is_gone_again(pledged: Bank) -> None:
    pledged.confirm("ReceiptRegistry", "ReceiptDisencumbered", pledgeId=7, receiptId=1)
    pledged.confirm("PledgeRegistry", "PledgeReleased", pledgeId=7, receiptId=1)
    with pytest.raises(PledgeStateIs), transaction(pledged.engine) as session:
        payments.disburse(session, pledged.desk, LOAN, by="sun", at=pledged.at)


def test_a_freeze_stops_drawdown_until_two_people_lift_it(pledged: Bank) -> None:
    with transaction(pledged.engine) as session:
        frozen = pledging.freeze_loans_on(
            session, receipt=1, reason="unauthorised_exit", facts={"tag": 7}, by="alerts", at=pledged.at
        )
        again = pledging.freeze(
            session, LOAN, reason="unauthorised_exit", facts={}, by="alerts", at=pledged.at
        )
    assert (frozen, again) == ([LOAN], False)
    with pytest.raises(DrawdownFrozen), transaction(pledged.engine) as session:
        payments.disburse(session, pledged.desk, LOAN, by="sun", at=pledged.at)
    for first, second, refusal in (("zhou", "zhou", SamePerson), ("zhou", "lin", RoleMissing)):
        with pytest.raises(refusal), transaction(pledged.engine) as session:
            pledging.unfreeze(
                session, LOAN, reason="unauthorised_exit", first=first, second=second, at=pledged.at
            )
    with pytest.raises(NotFrozen), transaction(pledged.engine) as session:
        pledging.unfreeze(session, LOAN, reason="other", first="zhou", second="feng", at=pledged.at)
    with transaction(pledged.engine) as session:
        pledging.unfreeze(
            session, LOAN, reason="unauthorised_exit", first="zhou", second="feng", at=pledged.at
        )
    disburse(pledged)

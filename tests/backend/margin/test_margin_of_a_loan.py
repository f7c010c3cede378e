"""A loan whose price falls: called, cured to the fen, enforced or released, each decision with its facts."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backend.db import reading, transaction
from backend.identity.rules import RoleMissing, SamePerson
from backend.loans.actions import reading as loans
from backend.loans.rules.commitments import open_commitment
from backend.loans.rules.life import LoanState, RequirementMissing
from backend.loans.rules.loan import CollateralUnknown
from backend.margin.actions import calling, releasing
from backend.margin.actions.calling import Agreement, NotReviewed, Review
from backend.margin.actions.releasing import Leave, Quote
from backend.margin.rules import call as c
from backend.margin.rules.call import MarginState
from backend.margin.rules.release import MoreThanPledged, ReleaseNotCovered
from backend.margin.tables import QuoteUnknown
from backend.payments.worker import PaymentWorker
from backend.units import Money
from tests.backend.edge import NOON
from tests.backend.loans.bank import LOAN, Bank, collateral, state

DAY = timedelta(days=1)


def review(bank: Bank) -> Review:
    with transaction(bank.engine) as session:
        return calling.review(session, bank.desk, LOAN, at=bank.at)


def fall(bank: Bank, yuan: int = 2_490) -> Review:
    """A day later the price is lower; 2 490 is the first whole yuan at which this loan is called."""
    bank.wait(1)
    bank.price(yuan)
    return review(bank)


def call(bank: Bank) -> Any:
    with reading(bank.engine) as session:
        return calling.call(session, LOAN)


def told(bank: Bank) -> list[str]:
    with reading(bank.engine) as session:
        kept = loans.openings(session, LOAN)
    return [open_commitment(each.opening, each.commitment)[1]["happened"] for each in kept[1:]]


def test_a_falling_price_opens_one_call_with_both_cures_and_a_deadline(drawn: Bank) -> None:
    assert review(drawn).state is MarginState.HEALTHY
    found = fall(drawn)
    assert (found.before, found.state) == (MarginState.HEALTHY, MarginState.CALLED)
    debt = 500_000_000 + 77_778 + 20_833  # a day of interest and fee
    allowed = 2_500 * 249_000 * 7 // 10
    opened = call(drawn)
    assert opened.cash_minor == debt - allowed
    assert opened.cure_by == date(2026, 3, 5)
    goods = opened.goods[0]
    assert goods["mass_kg"] * 174_300 >= opened.cash_minor * 1_000 > (goods["mass_kg"] - 1) * 174_300
    assert fall(drawn, 2_480).state is MarginState.CALLED
    assert call(drawn).id == opened.id
    assert told(drawn) == ["Disbursed", "MarginCallOpened"]


def test_a_warning_precedes_a_call(drawn: Bank) -> None:
    assert fall(drawn, 2_600).state is MarginState.WARNED
    assert call(drawn) is None


def test_the_database_itself_refuses_a_second_open_call(drawn: Bank) -> None:
    fall(drawn)
    sql = (
        "INSERT INTO margin_call (loan_id, opened_on, opened_at, cure_by, cash_minor, currency, goods)"
        " SELECT loan_id, opened_on, opened_at, cure_by, cash_minor, currency, goods FROM margin_call"
    )
    with pytest.raises(IntegrityError, match=r"(?i)unique"), transaction(drawn.engine) as session:
        session.connection().execute(text(sql))


def test_one_minor_unit_less_than_the_shortfall_does_not_cure_and_the_last_one_does(drawn: Bank) -> None:
    fall(drawn)
    cash = call(drawn).cash_minor
    drawn.pay_in(cash - 1)
    assert review(drawn).state is MarginState.CALLED
    drawn.pay_in(1)
    assert review(drawn).state is MarginState.HEALTHY
    assert call(drawn) is None
    assert told(drawn)[-1] == "MarginCallCured"


def test_a_payment_cures_in_the_transaction_that_books_it(drawn: Bank) -> None:
    fall(drawn)
    drawn.rail.receive(payer="Wuxi", amount=Money(call(drawn).cash_minor, "CNY"), reference=LOAN)
    worker = PaymentWorker(
        drawn.engine,
        drawn.rail,
        drawn.desk,
        reactions=(lambda session, _: calling.review(session, drawn.desk, LOAN, at=drawn.at),),
    )
    worker.step(drawn.at)
    assert call(drawn) is None


def test_the_stated_goods_cure_and_a_kilogram_less_does_not(drawn: Bank) -> None:
    fall(drawn)
    added = call(drawn).goods[0]["mass_kg"]
    whole = drawn.goods[1]
    drawn.goods[1] = replace(whole, mass_kg=whole.mass_kg + added - 1)
    assert review(drawn).state is MarginState.CALLED
    drawn.goods[1] = replace(whole, mass_kg=whole.mass_kg + added)
    assert review(drawn).state is MarginState.HEALTHY


def test_a_stale_price_changes_no_state_and_is_said_to_be_missing(drawn: Bank) -> None:
    fall(drawn)
    drawn.wait(3)
    found = review(drawn)
    assert (found.state, found.unvalued) == (MarginState.CALLED, "valuation.price_stale")
    drawn.pay_in(call(drawn).cash_minor)  # a payment is booked all the same
    assert review(drawn).state is MarginState.CALLED
    drawn.price(2_490)
    assert review(drawn).state is MarginState.CALLED  # three days of interest are still missing
    drawn.pay_in(1_000_000)
    assert review(drawn).state is MarginState.HEALTHY
    with reading(drawn.engine) as session:
        kept = [(row.state, row.unvalued) for row in calling.decisions(session, LOAN)]
    assert kept == [
        ("called", None),
        ("called", "valuation.price_stale"),
        ("called", None),
        ("healthy", None),
    ]


def test_a_loan_that_owes_nothing_is_cured_without_any_price(drawn: Bank) -> None:
    fall(drawn)
    drawn.wait(9)
    with reading(drawn.engine) as session:
        owed = loans.standing(session, LOAN, at=drawn.at).balances.outstanding
    drawn.pay_in(owed)
    assert review(drawn).state is MarginState.HEALTHY
    assert (call(drawn), state(drawn)) == (None, LoanState.REPAID)


def test_each_decision_keeps_the_facts_it_saw_and_cannot_be_altered(drawn: Bank) -> None:
    fall(drawn)
    with reading(drawn.engine) as session:
        facts = calling.decisions(session, LOAN)[-1].facts
    assert (facts["debt_minor"], facts["allowed_debt_minor"]) == (500_098_611, 435_750_000)
    assert facts["effective_ltv_bps"] == 8_034
    assert (facts["lots"][0]["minor_per_kg"], len(facts["prices"])) == ("249", 1)
    with pytest.raises(IntegrityError, match="append-only"), transaction(drawn.engine) as session:
        session.connection().execute(text("UPDATE margin_decision SET state = 'healthy'"))


def test_less_eligible_goods_call_a_loan_though_the_price_stands_still(drawn: Bank) -> None:
    good = drawn.goods[1]
    drawn.goods[1] = replace(good, claims={**good.claims, "place": 5_000})
    assert review(drawn).state is MarginState.CALLED


def test_goods_in_doubt_freeze_the_loan_and_revalue_it_in_one_unit_of_work(drawn: Bank) -> None:
    drawn.goods[1] = replace(drawn.goods[1], claims=dict.fromkeys(drawn.goods[1].claims, 0), in_conflict=True)
    with transaction(drawn.engine) as session:
        found = calling.freeze_goods(
            session,
            drawn.desk,
            receipt=1,
            reason="unauthorised_exit",
            facts={"alert": 1},
            by="alerts",
            at=drawn.at,
        )
        assert [each.state for each in found] == [MarginState.CALLED]
        assert loans.standing(session, LOAN, at=drawn.at).freezes == ("unauthorised_exit",)
    assert call(drawn).cash_minor == 500_000_000
    assert call(drawn).goods[0]["commodity"] == "steel.hrc"


def test_a_loan_is_reviewed_only_while_its_goods_are_pledged_for_money(pledged: Bank) -> None:
    with pytest.raises(NotReviewed):
        review(pledged)
    with transaction(pledged.engine) as session:
        assert calling.review_all(session, pledged.desk, at=pledged.at) == []


PLEDGOR = Agreement("pledgor", "signed 2026-03-06")


def enforce(bank: Bank, people: tuple[str, str] = ("lin", "he"), agreement: Agreement = PLEDGOR) -> LoanState:
    with transaction(bank.engine) as session:
        return calling.open_enforcement(
            session, bank.desk, LOAN, people=people, agreement=agreement, at=bank.at
        ).state


def test_enforcement_needs_an_uncured_deadline_two_people_and_somebody_beside_the_lender(drawn: Bank) -> None:
    with pytest.raises(c.NoCallOpen):
        enforce(drawn)
    fall(drawn)
    with pytest.raises(c.EnforcementTooEarly):
        enforce(drawn)
    drawn.move_to(date(2026, 3, 6))
    drawn.price(2_490)
    for people, refusal in ((("lin", "lin"), SamePerson), (("lin", "sun"), RoleMissing)):
        with pytest.raises(refusal):
            enforce(drawn, people)
    for agreement in (Agreement("lender", "x"), Agreement("arbiter", "")):
        with pytest.raises(RequirementMissing):
            enforce(drawn, agreement=agreement)
    assert enforce(drawn) is LoanState.ENFORCING
    assert (call(drawn), told(drawn)[-1]) == (None, "EnforcementOpened")


def test_enforcement_is_shut_when_the_price_is_back_below_the_call_line(drawn: Bank) -> None:
    fall(drawn)
    drawn.move_to(date(2026, 3, 6))
    drawn.price(2_600)
    assert review(drawn).state is MarginState.CALLED
    with pytest.raises(c.EnforcementShut):
        enforce(drawn)


def test_the_enforcement_line_is_a_way_only_from_the_day_after_notice(drawn: Bank) -> None:
    with pytest.raises(c.NoCallOpen), transaction(drawn.engine) as session:
        calling.give_notice(session, LOAN, by="lin", at=drawn.at)
    fall(drawn, 2_200)
    with transaction(drawn.engine) as session:
        calling.give_notice(session, LOAN, by="lin", at=drawn.at)
    with pytest.raises(c.EnforcementTooEarly):
        enforce(drawn)
    fall(drawn, 2_200)
    assert enforce(drawn) is LoanState.ENFORCING


def quote(bank: Bank, kg: int = 1_000_000, receipt: int = 1) -> Quote:
    with transaction(bank.engine) as session:
        return releasing.quote_release(
            session, bank.desk, LOAN, leaving={receipt: kg}, valid_for=DAY, at=bank.at
        )


def signed(receipt: int = 1, people: tuple[str, str] = ("zhou", "feng")) -> Leave:
    return Leave(receipt, "gate.1", NOON, NOON + DAY, people)


def order(bank: Bank, quote_id: str, leave: Leave | None = None) -> None:
    with transaction(bank.engine) as session:
        releasing.order_release(session, bank.desk, quote_id, leave=leave or signed(), at=bank.at)


def test_pay_x_release_y_to_the_fen(drawn: Bank) -> None:
    priced = quote(drawn)
    allowed_rest = 1_500 * 340_000 * 7 // 10
    assert (priced.price.bank, priced.price.operator) == (
        Money(500_000_000 - allowed_rest, "CNY"),
        Money(0, "CNY"),
    )
    drawn.pay_in(priced.price.bank.amount_minor - 1)
    with pytest.raises(ReleaseNotCovered):
        order(drawn, priced.id)
    drawn.pay_in(1)
    order(drawn, priced.id)
    sent = drawn.asked("orderRelease")[0]
    assert (sent["terms"]["massKg"], sent["terms"]["receipt"]) == (1_000_000, 1)
    with reading(drawn.engine) as session:
        assert releasing.owed(session, LOAN) == [(1, 1_000_000)]
    with pytest.raises(releasing.AlreadyOrdered):
        order(drawn, priced.id)


def test_goods_that_are_ordered_to_leave_cover_nothing_more(drawn: Bank) -> None:
    drawn.pay_in(143_000_000)
    order(drawn, quote(drawn).id)
    assert quote(drawn, 1).price.bank > Money(0, "CNY")
    assert review(drawn).found is not None
    with pytest.raises(MoreThanPledged):
        quote(drawn, 1_500_001)
    with transaction(drawn.engine) as session:
        releasing.record_order_refused(session, f"Q-{LOAN}-1", receipt=1, reason="OrderExpired", at=drawn.at)
    assert quote(drawn, 1).price.bank == Money(0, "CNY")


def test_a_confirmed_order_is_no_longer_owed(drawn: Bank) -> None:
    drawn.pay_in(143_000_000)
    order(drawn, quote(drawn).id)
    drawn.goods[1] = collateral(1, 1_500_000)
    with transaction(drawn.engine) as session:
        releasing.record_ordered(session, receipt=1, mass_kg=1_000_000, at=drawn.at)
        assert releasing.owed(session, LOAN) == []
    assert review(drawn).state is MarginState.HEALTHY


def test_a_quote_expires_names_its_receipts_and_needs_two_people(drawn: Bank) -> None:
    drawn.pay_in(143_000_000)
    priced = quote(drawn)
    with pytest.raises(releasing.NothingLeaves):
        order(drawn, priced.id, signed(receipt=2))
    with pytest.raises(SamePerson):
        order(drawn, priced.id, signed(people=("zhou", "zhou")))
    with pytest.raises(QuoteUnknown):
        order(drawn, "Q-none")
    drawn.wait(1)
    with pytest.raises(releasing.QuoteExpired):
        order(drawn, priced.id)
    with pytest.raises(CollateralUnknown):
        quote(drawn, receipt=2)
    with pytest.raises(releasing.NothingLeaves), transaction(drawn.engine) as session:
        releasing.quote_release(session, drawn.desk, LOAN, leaving={}, valid_for=DAY, at=drawn.at)


def test_the_operator_is_paid_its_lien_on_what_leaves_first(drawn: Bank) -> None:
    drawn.goods[1] = replace(drawn.goods[1], lien_minor=1_000_000)
    priced = quote(drawn)
    assert priced.price.operator == Money(400_000, "CNY")
    drawn.pay_in(priced.price.bank.amount_minor)
    with pytest.raises(releasing.OperatorUnpaid):
        order(drawn, priced.id)
    with transaction(drawn.engine) as session:
        releasing.record_operator_paid(session, priced.id, reference="WH-88", by="sun")
    order(drawn, priced.id)


def test_releasing_goods_of_a_repaid_loan_needs_no_price(drawn: Bank) -> None:
    drawn.pay_in(500_000_000)
    drawn.wait(30)
    assert quote(drawn, 2_500_000).price.bank == Money(0, "CNY")

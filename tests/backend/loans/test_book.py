"""The book of one loan: what follows from its facts, whatever they are and in whatever order they arrive."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.loans.rules import facts as f
from backend.loans.rules.allocation import (
    STANDARD_ORDER,
    AllocationIncomplete,
    Bucket,
    Owed,
    allocate,
    require_order,
)
from backend.loans.rules.book import Account, Balances, balances_of, balances_on, book
from backend.loans.rules.facts import Fact, FactKind, Terms
from backend.loans.rules.journal import Entry, JournalBroken, entries_to_add, require_unbroken, standing
from backend.loans.rules.product import FeeBase, standard_product

DRAWN: Final = date(2026, 1, 5)
DUE: Final = DRAWN + timedelta(days=90)
FIVE_MILLION: Final = 500_000_000
TERMS: Final = Terms(standard_product(), DUE)
BOOKED: Final = datetime(2026, 5, 1, tzinfo=UTC)


def day(number: int) -> date:
    return DRAWN + timedelta(days=number)


def fact(name: str, on: int, kind: FactKind, amount: int = 0, of: str | None = None) -> Fact:
    return Fact(id=name, on=day(on), kind=kind, amount_minor=amount, of=of)


DRAW: Final = fact("draw", 0, FactKind.DRAW, FIVE_MILLION)


def paid(name: str, on: int, amount: int) -> Fact:
    return fact(name, on, FactKind.PAYMENT, amount)


def earned(facts: list[Fact]) -> tuple[int, int, int]:
    sums = balances_of(book(TERMS, facts).postings)
    accounts = (Account.INTEREST_INCOME, Account.FEE_PAYABLE, Account.PENALTY_INCOME)
    return tuple(-sums.get(account, 0) for account in accounts)  # type: ignore[return-value]


def test_a_part_payment_on_day_thirty_costs_interest_to_the_fen() -> None:
    facts = [DRAW, paid("first", 30, 202_958_333)]
    first = book(TERMS, facts).payments["first"]
    assert (first[Bucket.INTEREST], first[Bucket.FEE], first[Bucket.PRINCIPAL]) == (
        2_333_333,
        625_000,
        200_000_000,
    )
    rest = balances_on(TERMS, facts, day(90)).outstanding
    facts.append(paid("rest", 90, rest))
    assert earned(facts) == (5_133_333, 1_375_000, 0)
    assert book(TERMS, facts).balances == Balances(0, 0, 0, 0, 0, 0)


def test_overdue_principal_runs_at_the_penalty_rate_in_place_of_the_base_rate() -> None:
    facts = [fact("draw", 0, FactKind.DRAW, 300_000_000)]
    due = balances_on(TERMS, facts, DUE)
    facts.append(paid("interest", 90, due.interest + due.fee))
    late = balances_on(TERMS, facts, DUE + timedelta(days=10))
    assert (late.interest, late.fee, late.penalty, late.principal) == (0, 125_000, 700_000, 300_000_000)


def test_penalty_runs_once_on_overdue_interest_and_never_on_penalty() -> None:
    facts = [DRAW, paid("principal", 90, FIVE_MILLION)]
    terms = replace(TERMS, product=replace(TERMS.product, supervision_rate_bps=0, base_rate_bps=560))
    facts[1] = replace(facts[1], to=Bucket.PRINCIPAL)
    assert balances_on(terms, facts, DUE).interest == 7_000_000
    ten, twenty = (balances_on(terms, facts, DUE + timedelta(days=late)).penalty for late in (10, 20))
    assert (ten, twenty) == (16_333, 32_667)  # 70 000.00 · 8.4 % · 10/360, and exactly twice that


def test_grace_delays_the_penalty_and_the_base_rate_goes_on() -> None:
    terms = replace(TERMS, product=replace(TERMS.product, grace_days=5))
    late = balances_on(terms, [DRAW], DUE + timedelta(days=10))
    assert late.interest == 7_000_000 + 388_889
    assert late.penalty == (5 * 500_000_000 * 840 + 5 * 7_000_000 * 840 + 1_800_000) // 3_600_000


def test_misuse_and_overdue_together_take_the_heavier_rate_not_their_product() -> None:
    facts = [DRAW, fact("misuse", 0, FactKind.MISUSE, 100_000_000)]
    on_due = balances_on(TERMS, facts, DUE)
    assert (on_due.interest, on_due.penalty) == (5_600_000, 2_800_000)
    only_misused = [
        fact("draw", 0, FactKind.DRAW, 100_000_000),
        fact("misuse", 0, FactKind.MISUSE, 100_000_000),
    ]
    late = balances_on(TERMS, only_misused, DUE + timedelta(days=10)).penalty
    assert late - balances_on(TERMS, only_misused, DUE).penalty == 311_111  # 1 000 000.00 · 11.2 % · 10/360


def test_two_payments_on_one_day_never_make_interest_negative() -> None:
    facts = [DRAW, paid("part", 30, 202_958_333), paid("rest", 30, 300_000_000)]
    result = book(TERMS, facts)
    assert result.payments["rest"][Bucket.INTEREST] == 0
    assert result.balances == Balances(0, 0, 0, 0, 0, 0)


def test_an_overpayment_is_parked_and_refunded_only_by_an_act_of_its_own() -> None:
    facts = [DRAW, paid("all", 0, FIVE_MILLION + 77)]
    assert book(TERMS, facts).balances == Balances(0, 0, 0, 0, 0, 77)
    assert balances_on(TERMS, facts, day(60)).credit == 77
    facts.append(fact("refund", 5, FactKind.REFUND, 77))
    assert book(TERMS, facts).balances.credit == 0
    with pytest.raises(f.MoreThanOwed):
        book(TERMS, [*facts, fact("again", 6, FactKind.REFUND, 1)])


def test_a_payer_may_prepay_principal_before_interest() -> None:
    payment = Fact(id="p", on=day(30), kind=FactKind.PAYMENT, amount_minor=200_000_000, to=Bucket.PRINCIPAL)
    result = book(TERMS, [DRAW, payment])
    assert result.payments["p"].met == {Bucket.PRINCIPAL: 200_000_000}
    assert result.balances.interest == 2_333_333


def test_costs_are_met_first_and_a_write_off_never_exceeds_what_is_owed() -> None:
    facts = [DRAW, fact("lawyer", 10, FactKind.COST, 1_000), paid("p", 10, 1_500)]
    assert book(TERMS, facts).payments["p"][Bucket.ENFORCEMENT] == 1_000
    owed = book(TERMS, facts).balances.outstanding
    assert book(TERMS, [*facts, fact("loss", 10, FactKind.WRITE_OFF, owed)]).balances.outstanding == 0
    with pytest.raises(f.MoreThanOwed):
        book(TERMS, [*facts, fact("loss", 10, FactKind.WRITE_OFF, owed + 1)])


def test_a_reversed_payment_is_as_if_it_had_never_come() -> None:
    facts = [DRAW, paid("bounced", 30, 202_958_333), fact("undo", 40, FactKind.REVERSE, of="bounced")]
    assert balances_on(TERMS, facts, day(60)) == balances_on(TERMS, [DRAW], day(60))
    assert balances_on(TERMS, facts, day(35)).principal == 300_000_000  # nobody knew yet
    for wrong in ("draw", "bounced", "nobody"):
        with pytest.raises(f.NothingToReverse):
            book(TERMS, [*facts, fact("again", 41, FactKind.REVERSE, of=wrong)])


def test_a_fact_dated_before_disbursement_is_refused() -> None:
    with pytest.raises(f.BeforeDisbursement):
        book(TERMS, [DRAW, paid("early", -1, 5)])


def test_a_fee_on_market_value_needs_a_stated_value() -> None:
    terms = replace(TERMS, product=replace(TERMS.product, supervision_fee_base=FeeBase.MARKET_VALUE))
    with pytest.raises(f.FeeBaseUnknown):
        balances_on(terms, [DRAW], day(1))
    facts = [fact("value", 0, FactKind.MARKET_VALUE, 800_000_000), DRAW]
    assert balances_on(terms, facts, day(90)).fee == 3_000_000


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_of_nothing_is_no_payment(amount: int) -> None:
    with pytest.raises(f.Invalid):
        paid("p", 1, amount)


def test_an_order_that_forgets_a_kind_is_refused() -> None:
    with pytest.raises(AllocationIncomplete):
        require_order(STANDARD_ORDER[:-1])


@given(
    amount=st.integers(0, 10**6),
    owed=st.fixed_dictionaries(
        {bucket: st.builds(Owed, st.integers(0, 10**5), st.integers(0, 10**5)) for bucket in Bucket}
    ),
)
def test_allocation_never_creates_or_loses_a_unit(amount: int, owed: dict[Bucket, Owed]) -> None:
    result = allocate(amount, owed, STANDARD_ORDER)
    assert sum(result.met.values()) + result.excess_minor == amount
    assert all(0 < share <= owed[bucket].due + owed[bucket].undue for bucket, share in result.met.items())
    if result.excess_minor:
        assert all(result[bucket] == claim.due + claim.undue for bucket, claim in owed.items())


MONEY = st.integers(1, 600_000_000)
EVENTS = st.one_of(
    st.tuples(st.integers(0, 200), st.just(FactKind.PAYMENT), MONEY),
    st.tuples(st.integers(0, 200), st.just(FactKind.COST), st.integers(1, 1_000_000)),
    st.tuples(st.integers(0, 200), st.just(FactKind.MISUSE), MONEY),
    st.tuples(st.integers(0, 80), st.just(FactKind.DRAW), MONEY),
    st.tuples(st.integers(0, 200), st.just(FactKind.ACCRUE), st.just(0)),
)
STORIES = st.lists(EVENTS, max_size=12).map(
    lambda events: [DRAW, *(fact(f"e{n}", on, kind, amount) for n, (on, kind, amount) in enumerate(events))]
)


@given(facts=STORIES)
def test_every_book_balances_and_owes_what_was_drawn_and_earned_less_what_was_paid(facts: list[Fact]) -> None:
    result = book(TERMS, facts)
    sums = balances_of(result.postings)
    assert sum(sums.values()) == 0
    assert all(posting.amount_minor > 0 for posting in result.postings)

    def given_as(kind: FactKind) -> int:
        return sum(fact.amount_minor for fact in facts if fact.kind is kind)

    drawn, costs, came_in = given_as(FactKind.DRAW), given_as(FactKind.COST), given_as(FactKind.PAYMENT)
    owed = result.balances
    assert min(owed.principal, owed.interest, owed.fee, owed.penalty, owed.enforcement, owed.credit) >= 0
    assert owed.outstanding - owed.credit == drawn + costs + sum(earned(facts)) - came_in


@given(facts=STORIES)
def test_when_accrual_was_run_makes_no_difference(facts: list[Fact]) -> None:
    without = [fact for fact in facts if fact.kind is not FactKind.ACCRUE]
    end = day(250)
    assert balances_on(TERMS, facts, end) == balances_on(TERMS, without, end)


@given(facts=STORIES, order=st.randoms())
def test_late_facts_in_any_order_leave_the_book_of_a_fresh_replay(facts: list[Fact], order: object) -> None:
    """Facts of different dates may become known in any order; the journal then stands as if in time."""
    by_date = {fact.on: fact for fact in facts[1:] if fact.on != DRAWN}
    arriving = list(by_date.values())
    order.shuffle(arriving)  # type: ignore[attr-defined]
    entries: list[Entry] = []
    known = [DRAW]
    for late in arriving:
        known.append(late)
        entries += entries_to_add(
            entries, book(TERMS, known).postings, loan_id="L1", currency="CNY", booked_at=BOOKED
        )
    fresh = book(TERMS, [DRAW, *(by_date[on] for on in sorted(by_date))])
    if arriving:
        assert [entry.posting for entry in standing(entries)] == list(fresh.postings)
        everything, net = balances_of(entry.posting for entry in entries), balances_of(fresh.postings)
        assert {account: amount for account, amount in everything.items() if amount} == {
            account: amount for account, amount in net.items() if amount
        }
    require_unbroken(entries, [entry.hash for entry in entries])


def test_a_journal_that_was_altered_is_found_out() -> None:
    postings = book(TERMS, [DRAW, paid("p", 30, 202_958_333)]).postings
    entries = entries_to_add([], postings, loan_id="L1", currency="CNY", booked_at=BOOKED)
    hashes = [entry.hash for entry in entries]
    require_unbroken(entries, hashes)
    altered = replace(entries[1], posting=replace(entries[1].posting, amount_minor=1))
    for broken in ([entries[0], altered, *entries[2:]], [entries[0], *entries[2:]]):
        with pytest.raises(JournalBroken):
            require_unbroken(broken, hashes[: len(broken)])

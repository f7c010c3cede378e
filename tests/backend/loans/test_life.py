"""The life of a loan: the table, the people, the product and the commitments."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.loans.rules import approval as a
from backend.loans.rules import commitments as c
from backend.loans.rules import life
from backend.loans.rules.approval import Approval, is_approved, take_approval
from backend.loans.rules.life import Act, Actor, Holds, LoanState, Who, require_act
from backend.loans.rules.product import (
    ApprovalTier,
    HaircutUnknown,
    NoTier,
    Product,
    ProductInvalid,
    product_from_json,
    product_to_json,
    standard_product,
)
from backend.loans.rules.standing import (
    RiskClass,
    class_of,
    class_with_contagion,
    days_past_due,
    penalty_days,
)
from backend.units import Money

TWO = ApprovalTier(up_to_minor=None, approvers=("approver", "approver"))
TERMINAL = {LoanState.DECLINED, LoanState.WITHDRAWN, LoanState.WRITTEN_OFF}
SALT = bytes(range(32))


def approver(name: str, key: str | None = None, role: str = "approver") -> Approval:
    return Approval(person=name, key=key or name, role=role)


def test_no_act_leaves_a_terminal_state_and_every_other_state_has_one() -> None:
    with_acts = {row.state for row in life.TABLE}
    assert not with_acts & TERMINAL
    assert with_acts == set(LoanState) - TERMINAL
    assert all(row.next is not LoanState.OVERDUE for row in life.TABLE)
    assert len({(row.state, row.act) for row in life.TABLE}) == len(life.TABLE)


def test_money_moves_only_on_an_effective_pledge() -> None:
    into = [row for row in life.TABLE if row.next is LoanState.DISBURSED and row.state is LoanState.PLEDGED]
    assert [row.act for row in into] == [Act.RECORD_DISBURSED]
    instructs = next(row for row in life.TABLE if row.act is Act.DISBURSE)
    assert {Holds.PLEDGE_EFFECTIVE, Holds.DRAWDOWN_OPEN} <= instructs.holds
    assert [row.state for row in life.TABLE if row.next is LoanState.PLEDGED] == [
        LoanState.SIGNED,
        LoanState.PLEDGED,
    ]


@given(state=st.sampled_from(LoanState), act=st.sampled_from(Act), who=st.sets(st.sampled_from(Who)))
def test_an_act_is_possible_exactly_where_the_table_has_it(state: LoanState, act: Act, who: set[Who]) -> None:
    row = next((row for row in life.TABLE if (row.state, row.act) == (state, act)), None)
    actor = Actor("somebody", frozenset(who))
    if row is None:
        with pytest.raises(life.ActNotPossible):
            require_act(state, act, actor, set(Holds))
    elif not row.who & who:
        with pytest.raises(life.ActNotAllowed):
            require_act(state, act, actor, set(Holds))
    else:
        assert require_act(state, act, actor, set(row.holds)) == row
        for missing in row.holds:
            with pytest.raises(life.RequirementMissing):
                require_act(state, act, actor, set(row.holds) - {missing})


def test_a_loan_is_overdue_by_the_facts_and_not_by_hand() -> None:
    due = date(2026, 4, 7)
    assert life.state_on(LoanState.DISBURSED, due, due, outstanding_minor=1) is LoanState.DISBURSED
    late = due + timedelta(days=1)
    assert life.state_on(LoanState.DISBURSED, due, late, outstanding_minor=1) is LoanState.OVERDUE
    assert life.state_on(LoanState.DISBURSED, due, late, outstanding_minor=0) is LoanState.DISBURSED


def test_the_maker_of_a_proposal_never_approves_it() -> None:
    with pytest.raises(a.MakerIsChecker):
        take_approval(TWO, (), maker="lin", related=frozenset(), by=approver("lin"))


def test_one_person_or_one_key_counts_once() -> None:
    first = take_approval(TWO, (), maker="lin", related=frozenset(), by=approver("wu"))
    assert not is_approved(TWO, first)
    for again in (approver("wu", "other-key"), approver("zhao", "wu")):
        with pytest.raises(a.AlreadyApproved):
            take_approval(TWO, first, maker="lin", related=frozenset(), by=again)
    both = take_approval(TWO, first, maker="lin", related=frozenset(), by=approver("zhao"))
    assert is_approved(TWO, both)


def test_a_related_person_and_a_role_without_a_place_are_refused() -> None:
    with pytest.raises(a.RelatedParty):
        take_approval(TWO, (), maker="lin", related=frozenset({"wu"}), by=approver("wu"))
    with pytest.raises(a.NoPlaceForRole):
        take_approval(TWO, (), maker="lin", related=frozenset(), by=approver("wu", role="auditor"))


def test_the_amount_decides_how_many_approve() -> None:
    product = standard_product()
    limit = 5_000_000_000
    assert len(product.tier_of(Money(limit, "CNY")).approvers) == 2
    assert len(product.tier_of(Money(limit + 1, "CNY")).approvers) == 3
    with pytest.raises(NoTier):
        replace(product, approval_tiers=(ApprovalTier(1, ("approver",)),)).tier_of(Money(2, "CNY"))


def test_a_loan_must_end_before_its_goods_and_their_storage_do() -> None:
    product, drawn = standard_product(), date(2026, 1, 5)
    due = drawn + timedelta(days=90)
    a.require_maturity(product, drawn, due, [due + timedelta(days=30)])
    with pytest.raises(a.MaturityTooLate):
        a.require_maturity(product, drawn, due, [due + timedelta(days=29)])
    with pytest.raises(a.MaturityTooLate):
        a.require_maturity(product, drawn, drawn + timedelta(days=181), [])


def test_more_than_the_initial_line_is_refused() -> None:
    a.require_within_line(Money(5, "CNY"), Money(5, "CNY"))
    with pytest.raises(a.BeyondInitialLine):
        a.require_within_line(Money(6, "CNY"), Money(5, "CNY"))


def test_the_standard_product_shows_its_fee_apart_and_survives_json() -> None:
    product = standard_product()
    assert (product.base_rate_bps, product.supervision_rate_bps) == (560, 150)
    data = product_to_json(product)
    assert data["allocation"] == ["enforcement", "penalty", ["interest", "fee"], "principal"]
    assert product_from_json(data) == product


@pytest.mark.parametrize(
    "change",
    [
        {"base_rate": 560},
        {"day_count": "30/360"},
        {"price_max_age": "36 hours"},
        {"warning_ltv_bps": 8_500},
        {"approval_tiers": []},
        {"evidence_max_age": {"beauty": "PT1H"}},
    ],
)
def test_a_product_with_a_field_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProductInvalid):
        product_from_json({**product_to_json(standard_product()), **change})


def test_a_product_that_lacks_a_field_is_refused_and_nothing_is_filled_in() -> None:
    data = product_to_json(standard_product())
    del data["grace_days"]
    with pytest.raises(ProductInvalid):
        product_from_json(data)


def test_a_commodity_without_a_haircut_is_not_lent_against() -> None:
    product: Product = replace(standard_product(), haircut_bps={"steel.hrc": 1_500, "steel.hrc/q235b": 1_000})
    assert product.haircut_of("steel.hrc", "q355b") == 1_500
    assert product.haircut_of("steel.hrc", "q235b") == 1_000
    with pytest.raises(HaircutUnknown):
        product.haircut_of("nickel", "1")


@pytest.mark.parametrize(
    ("late", "found"),
    [(0, 1), (1, 2), (90, 2), (91, 3), (270, 3), (271, 4), (360, 4), (361, 5)],
)
def test_the_class_follows_the_days_past_due(late: int, found: int) -> None:
    due = date(2026, 4, 7)
    counted = days_past_due(due, due + timedelta(days=late), outstanding_minor=1)
    assert (counted, class_of(counted)) == (late, RiskClass(found))
    assert days_past_due(due, due + timedelta(days=late), outstanding_minor=0) == 0
    assert penalty_days(due, due + timedelta(days=late), grace_days=5) == max(0, late - 5)


def test_more_than_a_tenth_of_bad_loans_taints_a_borrowers_others() -> None:
    at_limit = [(90, RiskClass.PASS), (10, RiskClass.SUBSTANDARD)]
    beyond = [(89, RiskClass.PASS), (11, RiskClass.SUBSTANDARD)]
    assert class_with_contagion(RiskClass.PASS, at_limit) is RiskClass.PASS
    assert class_with_contagion(RiskClass.PASS, beyond) is RiskClass.SUBSTANDARD


def test_a_commitment_opens_to_what_was_committed_and_to_nothing_else() -> None:
    opening = c.make_opening("loan.event", {"index": 1, "amount_minor": "500000000"}, SALT)
    commitment = c.commitment_of(opening)
    assert c.open_commitment(opening, commitment) == ("loan.event", {"index": 1, "amount_minor": "500000000"})
    for flipped in (opening.replace(b"500000000", b"500000001"), opening[:-1]):
        with pytest.raises(c.OpeningDiffers):
            c.open_commitment(flipped, commitment)
        with pytest.raises(c.OpeningInvalid):
            c.open_commitment(flipped[:-1], c.commitment_of(flipped[:-1]))


def test_an_opening_tells_neither_kind_nor_size_by_its_length() -> None:
    short = c.make_opening("a", {}, SALT)
    long = c.make_opening("margin_call_opened", {"facts": "x" * 700}, SALT)
    assert len(short) == len(long) == c.BLOCK
    assert c.commitment_of(short) != c.commitment_of(c.make_opening("a", {}, bytes(32)))


def test_a_salt_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(c.OpeningInvalid):
        c.make_opening("a", {}, b"short")
    with pytest.raises(c.OpeningInvalid):
        c.make_opening("a", {"amount": 2**53}, SALT)

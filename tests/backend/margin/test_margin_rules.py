"""Cover, calls and cures: the worked example of the margin arithmetic, and what must hold for every loan."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.margin.rules import call as c
from backend.margin.rules import release as r
from backend.margin.rules.call import Lines, MarginState, OpenCall, next_state
from backend.margin.rules.cover import Cover, shortfall
from backend.margin.rules.cure import GoodsCannotCure, GoodsCure, OfferedGoods, carried_by, goods_cure
from backend.margin.rules.proceeds import RankedClaim, share_out
from backend.units import CurrencyMismatch, Money

LINES: Final = Lines(warning_bps=7_500, margin_call_bps=8_000, enforcement_bps=9_000)
TODAY: Final = date(2026, 3, 2)
DAY: Final = timedelta(days=1)
STEEL: Final = OfferedGoods(per_kilogram=Fraction(289), advance=Fraction(7, 10))


def cny(yuan: int) -> Money:
    return Money(yuan * 100, "CNY")


def cover(debt: int, value: int, target_bps: int = 7_000) -> Cover:
    allowed = Money(value * target_bps // 100, "CNY")
    return Cover(cny(debt), allowed, cny(value), target_bps)


WORKED: Final = cover(4_760_000, 5_780_000)


def test_the_worked_example_opens_a_call_and_names_both_cures() -> None:
    assert WORKED.allowed_debt == cny(4_046_000)
    assert (WORKED.ltv_bps, WORKED.effective_ltv_bps) == (8_236, 8_236)
    assert next_state(MarginState.HEALTHY, WORKED, LINES) is MarginState.CALLED
    cash = shortfall(debt=WORKED.debt, allowed_debt=WORKED.allowed_debt)
    assert cash == cny(714_000)
    assert goods_cure(cash, STEEL) == GoodsCure(cny(1_020_000), 352_942, None)


def test_goods_that_bring_a_lien_must_be_worth_more() -> None:
    with_lien = replace(STEEL, lien_per_kilogram=Fraction(285, 100))
    assert goods_cure(cny(714_000), with_lien).worth == Money(103_457_508, "CNY")


def test_goods_worth_only_the_cash_shortfall_do_not_cure() -> None:
    added = cover(4_760_000, 5_780_000 + 714_000)
    assert not added.holds
    assert added.effective_ltv_bps == 7_330
    assert next_state(MarginState.CALLED, added, LINES) is MarginState.CALLED
    assert cover(4_760_000, 5_780_000 + 1_020_000).holds


def test_goods_come_in_whole_pieces() -> None:
    found = goods_cure(cny(714_000), replace(STEEL, piece_kg=23_940))
    assert (found.pieces, found.mass_kg) == (15, 359_100)


def test_goods_that_carry_no_more_than_their_lien_cannot_cure() -> None:
    for advance in (Fraction(0), Fraction(1, 100)):
        with pytest.raises(GoodsCannotCure):
            goods_cure(cny(1), OfferedGoods(Fraction(289), advance, lien_per_kilogram=Fraction(289, 100)))


@given(debt=st.integers(1, 10**12), allowed=st.integers(0, 10**12))
def test_paying_exactly_the_shortfall_cures_and_one_minor_unit_less_does_not(debt: int, allowed: int) -> None:
    owed, carries = Money(debt, "CNY"), Money(allowed, "CNY")
    cash = shortfall(debt=owed, allowed_debt=carries)
    assert Cover(owed - cash, carries, carries, 7_000).holds
    if not cash.is_zero:
        one_less = Cover(owed - cash + Money(1, "CNY"), carries, carries, 7_000)
        assert not one_less.holds
        assert next_state(MarginState.CALLED, one_less, LINES) is MarginState.CALLED


@given(
    cash=st.integers(1, 10**11),
    per_kilogram=st.fractions(Fraction(1, 10), 10**5, max_denominator=1_000),
    advance=st.integers(1, 10_000),
    lien=st.fractions(0, 10, max_denominator=1_000),
    piece=st.none() | st.integers(1, 30_000),
)
def test_the_goods_cure_cures_and_one_piece_less_does_not(
    cash: int, per_kilogram: Fraction, advance: int, lien: Fraction, piece: int | None
) -> None:
    goods = OfferedGoods(per_kilogram, Fraction(advance, 10_000), lien, piece)
    if goods.advance <= lien / per_kilogram + Fraction(1, 100):
        return
    found = goods_cure(Money(cash, "CNY"), goods)
    assert carried_by(found.mass_kg, goods) >= cash
    assert carried_by(found.mass_kg - (piece or 1), goods) < cash


def test_a_call_opens_at_its_line_and_closes_only_at_target() -> None:
    below, at = cover(7_999, 10_000), cover(8_000, 10_000)
    assert next_state(MarginState.HEALTHY, below, LINES) is MarginState.WARNED
    assert next_state(MarginState.HEALTHY, at, LINES) is MarginState.CALLED
    for debt in (7_999, 7_500, 7_001):
        assert next_state(MarginState.CALLED, cover(debt, 10_000), LINES) is MarginState.CALLED
    assert next_state(MarginState.CALLED, cover(7_000, 10_000), LINES) is MarginState.HEALTHY


def test_a_warning_opens_at_its_line_and_ends_at_target() -> None:
    assert next_state(MarginState.HEALTHY, cover(7_499, 10_000), LINES) is MarginState.HEALTHY
    assert next_state(MarginState.HEALTHY, cover(7_500, 10_000), LINES) is MarginState.WARNED
    assert next_state(MarginState.WARNED, cover(7_001, 10_000), LINES) is MarginState.WARNED
    assert next_state(MarginState.WARNED, cover(7_000, 10_000), LINES) is MarginState.HEALTHY


def test_no_debt_is_covered_by_nothing_and_any_debt_without_allowance_is_past_every_line() -> None:
    assert cover(0, 0).holds
    assert (cover(0, 0).ltv_bps, cover(0, 0).effective_ltv_bps) == (0, 0)
    bare = cover(1, 0)
    assert (bare.ltv_bps, bare.effective_ltv_bps) == (None, None)
    assert bare.has_reached(1_000_000)


def test_the_lines_are_met_by_effective_ltv_which_moves_with_eligibility() -> None:
    half_eligible = Cover(cny(3_000), cny(3_500), cny(10_000), 7_000)
    assert (half_eligible.ltv_bps, half_eligible.effective_ltv_bps) == (3_000, 6_000)


def test_cover_in_two_currencies_is_refused() -> None:
    with pytest.raises(CurrencyMismatch):
        _ = Cover(cny(1), Money(1, "USD"), cny(1), 7_000).effective_ltv_bps


CALL: Final = OpenCall(opened_on=TODAY, cure_by=TODAY + 2 * DAY)


def test_enforcement_is_shut_before_the_deadline_and_on_its_day() -> None:
    for today in (TODAY, TODAY + 2 * DAY):
        with pytest.raises(c.EnforcementTooEarly):
            c.require_enforceable(CALL, WORKED, LINES, today=today)
    assert c.require_enforceable(CALL, WORKED, LINES, today=TODAY + 3 * DAY) == CALL


def test_enforcement_stays_shut_between_target_and_call_line_after_the_deadline() -> None:
    with pytest.raises(c.EnforcementShut):
        c.require_enforceable(CALL, cover(7_999, 10_000), LINES, today=TODAY + 3 * DAY)
    with pytest.raises(c.NoCallOpen):
        c.require_enforceable(None, WORKED, LINES, today=TODAY)


def test_the_enforcement_line_opens_the_way_early_only_after_notice() -> None:
    noticed = replace(CALL, noticed_on=TODAY)
    deep = cover(9_000, 10_000)
    assert c.require_enforceable(noticed, deep, LINES, today=TODAY + DAY) == noticed
    for call, found, today in (
        (CALL, deep, TODAY + DAY),
        (noticed, WORKED, TODAY + DAY),
        (noticed, deep, TODAY),
    ):
        with pytest.raises(c.EnforcementTooEarly):
            c.require_enforceable(call, found, LINES, today=today)


def test_goods_never_go_to_the_lender_or_its_relations() -> None:
    assert c.require_buyer("mill", lender="bank", related=frozenset({"leasing"})) == "mill"
    for buyer in ("bank", "leasing"):
        with pytest.raises(c.ForfeitureRefused):
            c.require_buyer(buyer, lender="bank", related=frozenset({"leasing"}))


def test_paying_everything_ends_an_enforcement_and_a_price_never_does() -> None:
    assert next_state(MarginState.ENFORCING, cover(1, 10_000), LINES) is MarginState.ENFORCING
    assert next_state(MarginState.ENFORCING, cover(0, 10_000), LINES) is MarginState.HEALTHY


def test_proceeds_are_shared_out_in_rank_order() -> None:
    ranked = [
        RankedClaim("sale", cny(60_000)),
        RankedClaim("lien", cny(84_000)),
        RankedClaim("legal", cny(120_000)),
    ]
    shares = share_out(cny(150_000), ranked)
    assert [claim.amount for claim in shares.paid] == [cny(60_000), cny(84_000), cny(6_000)]
    assert (shares.surplus, shares.unpaid) == (cny(0), cny(114_000))
    assert share_out(cny(300_000), ranked).surplus == cny(36_000)


def test_paying_the_quoted_price_keeps_cover_and_one_minor_unit_less_does_not() -> None:
    figures = {"debt": cny(1_000), "lien_leaving": cny(10), "allowed_rest": cny(700)}
    price = r.release_price(**figures)
    assert (price.bank, price.operator) == (cny(290), cny(10))
    r.require_covered_after(**{**figures, "debt": cny(1_000) - price.bank})
    with pytest.raises(r.ReleaseNotCovered):
        r.require_covered_after(**{**figures, "debt": cny(1_000) - price.bank + Money(1, "CNY")})


def test_more_than_is_pledged_cannot_leave() -> None:
    assert r.mass_left(receipt=1, pledged_kg=5, leaving_kg=5) == 0
    with pytest.raises(r.MoreThanPledged):
        r.mass_left(receipt=1, pledged_kg=5, leaving_kg=6)

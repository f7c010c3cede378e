"""Collateral cases that other lending systems' own tests state, by the rules that decide the same here."""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from backend.loans.rules.life import TABLE, Act, LoanState
from backend.margin.rules.cover import Cover, shortfall
from backend.margin.rules.cure import OfferedGoods, goods_cure
from backend.margin.rules.release import ReleaseNotCovered, mass_left, require_covered_after
from backend.units import BPS, Money, floor_minor
from backend.valuation.rules.value import advance_rate, market_value
from tests.backend.loans.peers import Case, bps, cases, minor, reference, text


def carried(value_minor: int, *, haircut_bps: int = 0, line_bps: int = BPS) -> Money:
    return Money(floor_minor(value_minor * advance_rate(BPS, haircut_bps, line_bps)), "CNY")


def haircut(given: Case) -> Case:
    pledged = given["pledge"][0]
    value = market_value(pledged["qty"], Fraction(pledged["price"]), "JPY")
    carries = carried(value.amount_minor, haircut_bps=bps(pledged["haircut_pct"]))
    return {"gross_value": str(value.amount_minor), "max_loan": str(carries.amount_minor)}


def cure_by_goods(given: Case) -> Case:
    line = bps(given["max_ltv_pct"])
    debt, value = Money(minor(given["outstanding"]), "CNY"), minor(given["value_now"])
    cash = shortfall(debt=debt, allowed_debt=carried(value, line_bps=line))
    goods = goods_cure(cash, OfferedGoods(Fraction(1), advance_rate(BPS, 0, line)))
    return {
        "cash_to_cure": text(cash.amount_minor),
        "extra_collateral_value_to_cure": text(goods.worth.amount_minor),
    }


def no_draw_in_shortfall(given: Case) -> Case:
    value = minor(given["qty"] * given["price_now"])
    debt = Money(minor(given["drawn"]), "CNY")
    allowed = carried(value, line_bps=bps(given["max_ltv_pct"]))
    headroom = shortfall(debt=allowed, allowed_debt=debt)
    return {
        "available": str(headroom.amount_minor),
        "shortfall_by_definition": text(shortfall(debt=debt, allowed_debt=allowed).amount_minor),
    }


def may_leave(debt: Money, value_left: int, line_bps: int) -> bool:
    try:
        require_covered_after(
            debt=debt, lien_leaving=Money(0, "CNY"), allowed_rest=carried(value_left, line_bps=line_bps)
        )
    except ReleaseNotCovered:
        return False
    return True


def largest_release(given: Case) -> Case:
    line, unit = bps(given["max_ltv_pct"]), minor(given["unit_price"])
    debt, before = Money(minor(given["outstanding_principal"]), "CNY"), minor(given["value_before"])
    least = next(
        value for value in range(minor("825890.40"), minor("825890.50")) if may_leave(debt, value, line)
    )
    return {
        "min_value_to_keep": text(least),
        "max_whole_units_of_S2_releasable": str(
            max(units for units in range(4_001) if may_leave(debt, before - units * unit, line))
        ),
        "reject_if_all_S1_and_2000_of_S2_released": not may_leave(debt, minor("500000"), line),
    }


def all_without_debt(given: Case) -> Case:
    pledged, leaving = given["pledge"][0]["qty"], given["release_qty"]
    return {
        "allowed": may_leave(Money(given["outstanding_principal"], "CNY"), 0, BPS),
        "remaining_qty": str(mass_left(receipt=1, pledged_kg=pledged, leaving_kg=leaving)),
    }


def closes_after_release(given: Case) -> Case:
    """Paid in full, then released, then closed: no other way through the table leads to closed."""
    into_closed = [row for row in TABLE if row.next is LoanState.CLOSED and row.act is not Act.REPAY]
    into_released = [row for row in TABLE if row.next is LoanState.RELEASED and row.state is LoanState.REPAID]
    assert [row.state for row in into_closed] == [LoanState.RELEASED]
    assert len(into_released) == 1
    return {"loan_status": into_closed[0].next.value.capitalize()}


def draw_gate(given: Case) -> Case:
    """A cover of 125 % is a target line of 80 %: whoever is exactly there may draw."""
    target = floor_minor(Fraction(BPS * 100, given["margin_call_pct"]))
    covers = (
        Cover(Money(100, "CNY"), carried(percent, line_bps=target), Money(percent, "CNY"), target)
        for percent in given["cover_pct"]
    )
    return {"draw_allowed": [cover.holds for cover in covers]}


CLAIMED: Final[dict[str, Callable[[Case], Case]]] = {
    "FL-06-pledge-to-max-loan-haircut": haircut,
    "FL-09-shortfall-cure-by-collateral": cure_by_goods,
    "FL-12-no-draw-while-shortfall-open": no_draw_in_shortfall,
    "FL-14-largest-allowed-unpledge": largest_release,
    "FL-15-full-unpledge-undisbursed": all_without_debt,
    "FL-16-full-unpledge-after-payoff-closes": closes_after_release,
    "LB-05-draw-gate": draw_gate,
}


def test_every_collateral_case_that_is_given_comes_to_the_same_number() -> None:
    claimed = {name: case for name, case in cases().items() if name in CLAIMED}
    found = {name: CLAIMED[name](case["given"]) for name, case in claimed.items()}
    stated = {name: {key: claimed[name]["expected"][key] for key in found[name]} for name in found}
    assert found == stated


def test_every_collateral_case_that_is_claimed_is_in_the_folder_that_is_given() -> None:
    assert reference() is None or set(CLAIMED) <= set(cases())

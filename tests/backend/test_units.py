from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import units
from backend.units import Money

AMOUNTS = st.integers(min_value=0, max_value=10**15)
SHARES = st.integers(min_value=0, max_value=20_000)


def cny(amount_minor: int) -> Money:
    return Money(amount_minor, "CNY")


def test_money_of_two_currencies_is_never_added_or_compared() -> None:
    with pytest.raises(units.CurrencyMismatch):
        cny(1) + Money(1, "USD")
    with pytest.raises(units.CurrencyMismatch):
        _ = cny(1) < Money(1, "USD")


@pytest.mark.parametrize("amount", [1.0, True, "1", None])
def test_an_amount_that_is_not_an_integer_is_refused(amount: object) -> None:
    with pytest.raises(units.AmountNotInteger):
        Money(amount, "CNY")  # type: ignore[arg-type]


def test_an_amount_that_no_database_could_hold_is_refused() -> None:
    with pytest.raises(units.AmountOutOfRange):
        cny(units.LARGEST_MINOR) + cny(1)
    with pytest.raises(units.AmountOutOfRange):
        units.require_positive(cny(0))


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(units.CurrencyUnknown):
        Money(1, "XYZ")


def test_money_prints_in_its_own_decimals() -> None:
    assert [str(cny(5)), str(cny(-123_456)), str(Money(7, "JPY"))] == ["0.05 CNY", "-1234.56 CNY", "7 JPY"]


def test_a_ratio_against_nothing_is_refused() -> None:
    with pytest.raises(units.DivisorNotPositive):
        units.ratio_bps_up(cny(1), cny(0))


@given(amount=AMOUNTS, share=SHARES)
def test_a_share_rounds_as_its_name_says(amount: int, share: int) -> None:
    exact = Fraction(amount * share, units.BPS)
    down, up = (
        units.share_down(cny(amount), share).amount_minor,
        units.share_up(cny(amount), share).amount_minor,
    )
    nearest = units.share_half_up(cny(amount), share).amount_minor
    assert down <= exact < down + 1
    assert up - 1 < exact <= up
    assert -Fraction(1, 2) < nearest - exact <= Fraction(1, 2)


@given(weights=st.lists(AMOUNTS, min_size=1, max_size=5).filter(any), portion=st.integers(0, 10_000))
def test_sharing_out_never_creates_or_loses_a_unit(weights: list[int], portion: int) -> None:
    amount = sum(weights) * portion // 10_000
    parts = units.split_pro_rata(amount, tuple(weights))
    assert sum(parts) == amount
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))

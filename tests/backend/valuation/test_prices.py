"""A price counts only when it is signed, fresh, and not a leap on one source's word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.units import CurrencyMismatch, Money
from backend.valuation.rules import prices as p
from backend.valuation.rules.prices import PriceObservation, PricePolicy, market_price
from backend.valuation.rules.value import Lot, LotTwice, lower_price, storage_lien, value_lots

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
POLICY: Final = PricePolicy(timedelta(hours=36), 1_000)
KEY: Final = bytes(range(32))
HRC: Final = ("steel.hrc", "q235b")


def seen(
    source: str = "mysteel", yuan: int = 3_400, hours_ago: int = 1, currency: str = "CNY"
) -> PriceObservation:
    return PriceObservation(
        source=source,
        commodity="steel.hrc",
        grade="q235b",
        amount=Money(yuan * 100, currency),
        per_kg=1_000,
        priced_at=NOW - hours_ago * HOUR,
        valid_until=NOW - hours_ago * HOUR + timedelta(days=3),
    )


def yuan_per_tonne(observations: list[PriceObservation], policy: PricePolicy = POLICY) -> Fraction:
    return market_price(observations, policy, now=NOW).per_kilogram * 10


def public_key() -> bytes:
    return p.Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw()


def test_a_signed_observation_verifies_and_survives_its_json_form() -> None:
    assert p.from_fields(p.to_fields(seen())) == seen()
    p.require_signed(seen(), p.sign_price(seen(), KEY), public_key())


def test_a_price_with_one_digit_changed_is_unsigned() -> None:
    signature = p.sign_price(seen(), KEY)
    for other in (replace(seen(), amount=Money(340_001, "CNY")), replace(seen(), grade="q355b")):
        with pytest.raises(p.PriceUnsigned):
            p.require_signed(other, signature, public_key())
    for broken in (b"", signature[:-1], bytes(64)):
        with pytest.raises(p.PriceUnsigned):
            p.require_signed(seen(), broken, public_key())


@pytest.mark.parametrize(
    "change",
    [
        {"comment": "x"},
        {"priced_at": "yesterday"},
        {"priced_at": "2026-03-02T09:00:00"},
        {"grade": "Q 235 B"},
        {"valid_until": "2026-01-01T00:00:00+00:00"},
    ],
)
def test_a_malformed_observation_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(p.PriceMalformed):
        p.from_fields({**p.to_fields(seen()), **change})


def test_the_median_of_fresh_sources_is_the_price() -> None:
    three = [seen("source-a", 3_000), seen("source-b", 3_100), seen("source-c", 2_950)]
    assert yuan_per_tonne(three) == 3_000
    assert yuan_per_tonne([*three, seen("source-d", 3_101)]) == 3_050


def test_of_each_source_the_newest_price_counts_whatever_the_order() -> None:
    assert yuan_per_tonne([seen(yuan=2_900, hours_ago=1), seen(yuan=3_400, hours_ago=9)]) == 2_900


def test_a_stale_price_is_refused_and_never_used_silently() -> None:
    assert yuan_per_tonne([seen(hours_ago=36)]) == 3_400
    with pytest.raises(p.PriceStale):
        yuan_per_tonne([seen(hours_ago=37)])
    with pytest.raises(p.PriceStale):
        yuan_per_tonne([replace(seen(hours_ago=10), valid_until=NOW - HOUR)])


def test_no_price_and_only_a_future_price_are_missing_prices() -> None:
    with pytest.raises(p.PriceMissing):
        yuan_per_tonne([])
    with pytest.raises(p.PriceMissing):
        yuan_per_tonne([seen(hours_ago=-1)])


def test_a_fall_applies_at_once_and_a_leap_waits_for_a_second_source() -> None:
    before = seen(yuan=3_000, hours_ago=20)
    assert yuan_per_tonne([before, seen(yuan=1_500)]) == 1_500
    assert yuan_per_tonne([before, seen(yuan=3_300)]) == 3_300
    leap = seen(yuan=3_301)
    held = market_price([before, leap], POLICY, now=NOW)
    assert (held.per_kilogram * 10, held.held) == (3_000, (leap.id,))
    assert yuan_per_tonne([before, leap, seen("second", 3_200)]) == Fraction(3_301 + 3_200, 2)


def test_a_leap_alone_is_no_price_once_the_older_one_is_stale() -> None:
    with pytest.raises(p.PriceHeld):
        yuan_per_tonne([seen(yuan=3_000, hours_ago=40), seen(yuan=3_400)])


def test_sources_in_two_currencies_make_no_price() -> None:
    with pytest.raises(CurrencyMismatch):
        yuan_per_tonne([seen("source-a"), seen("source-b", 3_400, currency="USD")])


def lot(
    receipt: int = 1, mass_kg: int = 2_000_000, eligibility_bps: int = 10_000, haircut_bps: int = 1_500
) -> Lot:
    return Lot(
        receipt=receipt,
        commodity=HRC[0],
        grade=HRC[1],
        mass_kg=mass_kg,
        eligibility_bps=eligibility_bps,
        haircut_bps=haircut_bps,
    )


def test_a_lot_is_worth_mass_times_price_and_carries_its_advance_rate() -> None:
    prices = {HRC: market_price([seen(yuan=2_890)], POLICY, now=NOW)}
    found = value_lots([lot()], prices, line_bps=7_000, currency="CNY")
    assert (found.market_value, found.allowed_debt) == (Money(578_000_000, "CNY"), Money(404_600_000, "CNY"))
    assert found.rests_on == (seen(yuan=2_890).id,)
    half = value_lots([lot(eligibility_bps=5_000, haircut_bps=4_000)], prices, line_bps=7_000, currency="CNY")
    assert half.allowed_debt == Money(173_400_000, "CNY")


def test_a_lot_without_a_price_leaves_the_whole_valuation_unavailable() -> None:
    with pytest.raises(p.PriceMissing):
        value_lots([lot()], {}, line_bps=7_000, currency="CNY")
    prices = {HRC: market_price([seen()], POLICY, now=NOW)}
    with pytest.raises(LotTwice):
        value_lots([lot(), lot()], prices, line_bps=7_000, currency="CNY")
    with pytest.raises(CurrencyMismatch):
        value_lots([lot()], prices, line_bps=7_000, currency="USD")


def test_the_lower_of_market_and_contract_price_counts() -> None:
    assert lower_price(Fraction(340), 300_000) == 300
    assert lower_price(Fraction(340), 350_000) == lower_price(Fraction(340), None) == 340


def test_storage_charges_round_up_for_the_operator_who_ranks_first() -> None:
    assert storage_lien(2_000_000, 15, 180) == 5_400_000
    assert storage_lien(1, 15, 1) == 1


@given(
    masses=st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    yuan=st.integers(1, 10**6),
    eligibility=st.integers(0, 10_000),
    haircut=st.integers(0, 10_000),
)
def test_no_valuation_ever_rounds_up(masses: list[int], yuan: int, eligibility: int, haircut: int) -> None:
    prices = {HRC: market_price([seen(yuan=yuan)], POLICY, now=NOW)}
    lots = [lot(number, mass, eligibility, haircut) for number, mass in enumerate(masses)]
    found = value_lots(lots, prices, line_bps=7_000, currency="CNY")
    exact_value = Fraction(sum(masses) * yuan * 100, 1_000)
    exact_allowed = exact_value * Fraction(eligibility * min(7_000, 10_000 - haircut), 10**8)
    assert exact_value - len(masses) < found.market_value.amount_minor <= exact_value
    assert exact_allowed - 2 * len(masses) < found.allowed_debt.amount_minor <= exact_allowed

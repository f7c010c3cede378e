"""Interest to the fen: the check values of the lending design, and what must hold for every loan."""

import itertools
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.loans.rules import days
from backend.loans.rules.accrual import (
    AccrualOverlaps,
    Segment,
    annual_rate,
    exact_interest,
    interest_minor,
    require_disjoint,
    to_post,
)
from backend.loans.rules.days import DayCount

FIVE_MILLION = 500_000_000
START = date(2026, 1, 5)
DAY = timedelta(days=1)
DATES = st.dates(date(2020, 1, 1), date(2032, 12, 31))


def over(
    amount: int, number_of_days: int, rate_bps: int, day_count: DayCount, multiple_bps: int = 10_000
) -> int:
    rate = annual_rate(rate_bps, multiple_bps)
    return interest_minor([Segment(START, START + number_of_days * DAY, amount, rate)], day_count)


def test_ninety_days_of_five_million_come_to_the_fen() -> None:
    assert over(FIVE_MILLION, 90, 560, DayCount.ACT_360) == 7_000_000
    assert over(FIVE_MILLION, 90, 150, DayCount.ACT_360) == 1_875_000
    assert over(FIVE_MILLION, 90, 560, DayCount.ACT_365F) == 6_904_110
    assert over(FIVE_MILLION, 90, 150, DayCount.ACT_365F) == 1_849_315


def test_penalty_interest_comes_to_the_fen() -> None:
    assert over(300_000_000, 10, 560, DayCount.ACT_360, 15_000) == 700_000
    assert over(5_133_333, 10, 560, DayCount.ACT_360, 15_000) == 11_978


@pytest.mark.parametrize(
    ("start", "end", "actual", "thirty"),
    [
        (date(2025, 12, 31), date(2026, 3, 31), 90, 90),
        (date(2028, 2, 1), date(2028, 3, 1), 29, 30),
        (date(2026, 2, 28), date(2026, 3, 31), 31, 32),
        (date(2026, 1, 31), date(2026, 2, 28), 28, 28),
        (date(2026, 5, 4), date(2026, 5, 4), 0, 0),
    ],
)
def test_days_are_counted_as_their_convention_says(start: date, end: date, actual: int, thirty: int) -> None:
    assert DayCount.ACT_360.days(start, end) == DayCount.ACT_365F.days(start, end) == actual
    assert DayCount.THIRTY_E_360.days(start, end) == thirty


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(days.PeriodBackwards):
        DayCount.ACT_360.days(START, START - DAY)


@given(
    cuts=st.lists(DATES, min_size=2, max_size=8),
    amount=st.integers(0, 10**13),
    day_count=st.sampled_from(DayCount),
)
def test_interest_is_additive_over_time_and_free_of_order(
    cuts: list[date], amount: int, day_count: DayCount
) -> None:
    cuts.sort()
    whole = exact_interest([Segment(cuts[0], cuts[-1], amount, annual_rate(560))], day_count)
    parts = [Segment(a, b, amount, annual_rate(560)) for a, b in itertools.pairwise(cuts)]
    assert exact_interest(parts, day_count) == exact_interest(reversed(parts), day_count) == whole


@given(amounts=st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_posting_day_by_day_ends_where_posting_once_does(amounts: list[int]) -> None:
    cumulative, posted = Fraction(0), 0
    for number, amount in enumerate(amounts):
        day = START + number * DAY
        cumulative += exact_interest([Segment(day, day + DAY, amount, annual_rate(560))], DayCount.ACT_360)
        due = to_post(cumulative, posted)
        assert due >= 0
        posted += due
    assert abs(posted - cumulative) <= Fraction(1, 2)


def test_rounded_days_are_never_added_up() -> None:
    """Ninety days rounded one by one would come to 70 000.20."""
    day, posted = over(FIVE_MILLION, 1, 560, DayCount.ACT_360), 0
    for number in range(1, 91):
        segment = Segment(START, START + number * DAY, FIVE_MILLION, annual_rate(560))
        posted += to_post(exact_interest([segment], DayCount.ACT_360), posted)
    assert (90 * day, posted) == (7_000_020, 7_000_000)


@pytest.mark.parametrize(
    ("start", "end", "accepted"),
    [
        ("08-20", "08-24", False),
        ("08-25", "08-30", False),
        ("08-18", "08-27", False),
        ("08-26", "08-30", True),
    ],
)
def test_no_day_is_accrued_twice(start: str, end: str, accepted: bool) -> None:
    done = [(date(2024, 8, 20), date(2024, 8, 25))]
    period = date.fromisoformat(f"2024-{start}"), date.fromisoformat(f"2024-{end}")
    if accepted:
        require_disjoint(done, *period)
    else:
        with pytest.raises(AccrualOverlaps):
            require_disjoint(done, *period)


def test_a_maturity_on_a_holiday_rolls_to_the_next_working_day() -> None:
    china = days.NationalCalendar("CN")
    assert days.roll_forward(date(2026, 10, 1), china) == date(2026, 10, 8)
    assert days.roll_forward(date(2026, 2, 14), china) == date(
        2026, 2, 14
    )  # a Saturday worked for the New Year
    assert days.add_business_days(date(2026, 9, 30), 2, china) == date(2026, 10, 9)
    with pytest.raises(days.CalendarUnknown):
        days.NationalCalendar("XX")

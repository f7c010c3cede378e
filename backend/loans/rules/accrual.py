"""Simple interest, exact: segments of constant amount and rate are summed as rationals and rounded once.

Knows nothing of loans. The day a segment starts counts, the day it ends does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from backend.errors import Invalid
from backend.loans.rules.days import DayCount
from backend.units import BPS, half_up_minor


class AccrualOverlaps(Invalid):
    """Two accruals of one loan would cover the same day."""

    code = "loans.accrual_overlaps"


@dataclass(frozen=True, slots=True)
class Segment:
    """A time in which the amount that bears interest and its annual rate (a share of one) do not change."""

    start: date
    end: date
    amount_minor: int
    annual: Fraction


def annual_rate(rate_bps: int, multiple_bps: int = BPS) -> Fraction:
    """An annual rate as a share of one, times a multiple in basis points (15 000 is 1.5 times)."""
    return Fraction(rate_bps * multiple_bps, BPS * BPS)


def exact_interest(segments: Iterable[Segment], day_count: DayCount) -> Fraction:
    """Interest over all segments in minor units, not rounded."""
    return sum((_interest(segment, day_count) for segment in segments), Fraction(0))


def interest_minor(segments: Iterable[Segment], day_count: DayCount) -> int:
    """Interest over all segments, summed exactly and rounded once; exactly half goes up."""
    return half_up_minor(exact_interest(segments, day_count))


def to_post(cumulative: Fraction, posted_minor: int) -> int:
    """What is still to be posted so that all postings together are the rounded cumulative figure.

    Rounded days are never added up, so there is no drift however often one posts.
    """
    return half_up_minor(cumulative) - posted_minor


def require_disjoint(done: Iterable[tuple[date, date]], start: date, end: date) -> None:
    """Refuse a period that shares a day with one already accrued; both ends of a period belong to it.

    Raises:
        AccrualOverlaps: they share at least one day.
    """
    for earlier_start, earlier_end in done:
        if start <= earlier_end and earlier_start <= end:
            raise AccrualOverlaps(start=start, end=end, done_from=earlier_start, done_to=earlier_end)


def _interest(segment: Segment, day_count: DayCount) -> Fraction:
    days = day_count.days(segment.start, segment.end)
    return segment.amount_minor * segment.annual * Fraction(days, day_count.year)

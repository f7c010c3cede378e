"""How a loan stands against time: days past due, and the five-category class that follows from them."""

from collections.abc import Iterable
from datetime import date
from enum import IntEnum
from typing import Final

from backend.units import BPS

CONTAGION_BPS: Final = 1_000
"""With more than a tenth of a borrower's claims non-performing, all are (risk classification rules, 2023)."""


class RiskClass(IntEnum):
    """The five categories, better ones first; from `SUBSTANDARD` on a loan is non-performing."""

    PASS = 1
    SPECIAL_MENTION = 2
    SUBSTANDARD = 3
    DOUBTFUL = 4
    LOSS = 5


FROM_DAYS: Final = (
    (361, RiskClass.LOSS),
    (271, RiskClass.DOUBTFUL),
    (91, RiskClass.SUBSTANDARD),
    (1, RiskClass.SPECIAL_MENTION),
)


def days_past_due(due_on: date, on: date, *, outstanding_minor: int) -> int:
    """Days since the contractual due date, which is itself day 0; 0 when nothing is owed.

    Days of grace put off the penalty, never this count.
    """
    return max(0, (on - due_on).days) if outstanding_minor > 0 else 0


def penalty_days(due_on: date, on: date, *, grace_days: int) -> int:
    """How many days of penalty interest an unpaid claim has run."""
    return max(0, (on - due_on).days - grace_days)


def class_of(past_due: int) -> RiskClass:
    """The class that days past due alone give; collateral does not better it."""
    return next((found for from_days, found in FROM_DAYS if past_due >= from_days), RiskClass.PASS)


def class_with_contagion(own: RiskClass, claims: Iterable[tuple[int, RiskClass]]) -> RiskClass:
    """`own`, or substandard at least where too much of the borrower's debt here is non-performing.

    Args:
        own: the class of the loan by its own days past due.
        claims: outstanding minor units and own class of every loan of the borrower, this one included.
    """
    known = list(claims)
    bad = sum(outstanding for outstanding, found in known if found >= RiskClass.SUBSTANDARD)
    everything = sum(outstanding for outstanding, _ in known)
    return max(own, RiskClass.SUBSTANDARD) if bad * BPS > everything * CONTAGION_BPS else own

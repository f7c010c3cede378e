"""When something is an alert, and whether what left is what was ordered. No clock, no table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.errors import Forbidden, NotFound, WrongState
from backend.evidence.rules import FindingKind, Observed
from backend.receipts.rules import Order, OrderExceeded, Receipt, require_within_order


class AlertUnknown(NotFound):
    """There is no alert of this number."""

    code = "alerts.alert_unknown"


class AlertClosed(WrongState):
    """Somebody has closed this alert already."""

    code = "alerts.alert_closed"


class AnotherPersonNeeded(Forbidden):
    """Who has escalated an alert does not end it; another person does."""

    code = "alerts.another_person_needed"


class AlertKind(StrEnum):
    """What an alert is about."""

    UNAUTHORISED_EXIT = "unauthorised_exit"
    GAP = "gap"
    EQUIVOCATION = "equivocation"
    CHAIN_BROKEN = "chain_broken"
    SPLIT_VIEW = "split_view"
    HEAD_CONTRADICTED = "head_contradicted"
    LEAVES_WITHHELD = "leaves_withheld"


OF_FINDING = {
    FindingKind.GAP: AlertKind.GAP,
    FindingKind.EQUIVOCATION: AlertKind.EQUIVOCATION,
    FindingKind.CHAIN_BROKEN: AlertKind.CHAIN_BROKEN,
    FindingKind.SPLIT_VIEW: AlertKind.SPLIT_VIEW,
    FindingKind.LEAVES_WITHHELD: AlertKind.LEAVES_WITHHELD,
    FindingKind.ROOT_CONTRADICTED: AlertKind.HEAD_CONTRADICTED,
    FindingKind.BEACON_CONTRADICTED: AlertKind.HEAD_CONTRADICTED,
    FindingKind.GENESIS_CONTRADICTED: AlertKind.HEAD_CONTRADICTED,
}
"""The alert that each finding about a device or a log opens."""

FREEZING = frozenset(
    {
        AlertKind.UNAUTHORISED_EXIT,
        AlertKind.EQUIVOCATION,
        AlertKind.CHAIN_BROKEN,
        AlertKind.SPLIT_VIEW,
        AlertKind.HEAD_CONTRADICTED,
    }
)
"""Alerts that let nothing be drawn on goods of the site until people look; a gap only withholds credit."""


NO_DATA = frozenset({AlertKind.GAP, AlertKind.LEAVES_WITHHELD})
"""Alerts that say that something is missing: neither well nor ill until it comes or somebody looks."""


class Decision(StrEnum):
    """What a person who looked at an alert decides; `CONFIRMED` and `FALSE_ALARM` end it."""

    ACKNOWLEDGED = "acknowledged"
    RECOUNT_ASKED = "recount_asked"
    ESCALATED = "escalated"
    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"


ENDING = frozenset({Decision.CONFIRMED, Decision.FALSE_ALARM})


class AlertState(StrEnum):
    """Follows from what is known and decided; `CLOSED` is terminal."""

    FIRING = "firing"
    NO_DATA = "no_data"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class ExitState(StrEnum):
    """`MATCHED` and `UNAUTHORISED` are terminal."""

    PROVISIONAL = "provisional"
    MATCHED = "matched"
    UNAUTHORISED = "unauthorised"


class Mismatch(StrEnum):
    """Why an exit is not the one that was ordered."""

    NO_ORDER = "no_order"
    ANOTHER_LOT = "another_lot"
    HEAVIER = "heavier"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as opened; `facts` are what decided it, `closed_at` is None while it stands."""

    id: int
    kind: AlertKind
    site: bytes
    statement: bytes | None
    facts: dict[str, Any]
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order that was open when something left, the receipt it is for, and what exits have used of it."""

    order: Order
    receipt: Receipt
    used_kg: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on an alert, by whom, when and why."""

    alert: int
    decision: Decision
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PendingExit:
    """Something that went out in the hours of an order and waits for what says which piece it was."""

    crossing: bytes
    site: bytes
    gate: str
    taken_at: datetime
    due_at: datetime


def state_of(kind: AlertKind, decisions: Sequence[Decided], *, is_closed: bool) -> AlertState:
    """The state of an alert."""
    if is_closed:
        return AlertState.CLOSED
    if decisions:
        return AlertState.ACKNOWLEDGED
    return AlertState.NO_DATA if kind in NO_DATA else AlertState.FIRING


def owner_of(decisions: Sequence[Decided]) -> str | None:
    """Who looks after it: who decided last, and nobody yet once it was escalated."""
    if not decisions or decisions[-1].decision is Decision.ESCALATED:
        return None
    return decisions[-1].by


def require_may_decide(decisions: Sequence[Decided], decision: Decision, by: str) -> None:
    """Refuse that who escalated an alert ends it.

    Raises:
        AnotherPersonNeeded: they do.
    """
    escalated = [each for each in decisions if each.decision is Decision.ESCALATED]
    if decision in ENDING and escalated and escalated[-1].by == by:
        raise AnotherPersonNeeded(alert=escalated[-1].alert, escalated_by=by)


def is_exit(said: Observed) -> bool:
    """Whether the statement says that something crossed the gate outward."""
    return said.kind == "gate.crossing" and said.fields["direction"] == "out"


def is_departure(said: Observed) -> bool:
    """Whether the statement says which piece left and what it weighed."""
    return said.kind == "movement.out"


def matching_order(departure: Observed, candidates: Sequence[Candidate]) -> Order | Mismatch:
    """The order under which this piece of this mass may have left, or why there is none."""
    if not candidates:
        return Mismatch.NO_ORDER
    of_lot = [each for each in candidates if departure.subject in each.receipt.fingerprints]
    if not of_lot:
        return Mismatch.ANOTHER_LOT
    for each in of_lot:
        left_kg = min(each.order.left_kg, each.receipt.remaining_kg) - each.used_kg
        try:
            require_within_order(each.order, left_kg, departure.quantity)
        except OrderExceeded:
            continue
        return each.order
    return Mismatch.HEAVIER

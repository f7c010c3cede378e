"""What a person needs to decide on an alert: what was expected, what was counted, and what rests on it."""

from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from backend.alerts.rules import FREEZING, AlertKind, ExitState
from backend.alerts.tables import AlertRow, ExitRow
from backend.db import to_hex
from backend.loans.actions import reading as loans
from backend.receipts import actions as receipts
from backend.receipts.rules import Order

MOST_TOUCHED: Final = 100


@dataclass(frozen=True, slots=True)
class Touched:
    """A receipt that an alert is about or has frozen, and the loans that rest on it.

    `is_sure` says that the piece which left is one of its own; else its goods merely lie at the same site.
    """

    receipt: int
    loans: tuple[str, ...]
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Review:
    """What is known beside the alert's own facts.

    Attributes:
        exit_state: of the exit that it is about; None where it is about none.
        orders: under which the gate might be passed when it crossed; none is the reason of most alerts.
        departure: the statement that says which piece left, in hex; None before one came.
        piece: that piece, in hex.
        mass_kg: what it weighed.
        touched: receipts and loans, the sure ones first.
        freezes: whether the alert lets nothing be drawn on goods of the site.
    """

    exit_state: ExitState | None
    orders: tuple[Order, ...]
    departure: str | None
    piece: str | None
    mass_kg: int | None
    touched: tuple[Touched, ...]
    freezes: bool


def review(session: Session, row: AlertRow) -> Review:
    """The review of an alert."""
    left = session.get(ExitRow, row.statement) if row.statement is not None else None
    return Review(
        exit_state=None if left is None else ExitState(left.state),
        orders=() if left is None else _orders(session, left),
        departure=None if left is None or left.departure is None else to_hex(left.departure),
        piece=None if left is None or left.piece is None else to_hex(left.piece),
        mass_kg=None if left is None else left.mass_kg,
        touched=_touched(session, row, row.facts),
        freezes=AlertKind(row.kind) in FREEZING,
    )


def _orders(session: Session, left: ExitRow) -> tuple[Order, ...]:
    return tuple(receipts.orders_open_at(session, left.site, left.gate, left.taken_at))


def _touched(session: Session, row: AlertRow, facts: dict[str, Any]) -> tuple[Touched, ...]:
    sure = [facts["receipt"]] if facts.get("receipt") is not None else []
    at_site = [each for each in receipts.live_receipts_at(session, row.site) if each not in sure]
    found = [*((each, True) for each in sure), *((each, False) for each in at_site[:MOST_TOUCHED])]
    return tuple(
        Touched(receipt, tuple(loans.loans_on(session, receipt)), is_sure=is_sure)
        for receipt, is_sure in found
    )

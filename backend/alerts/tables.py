"""Alerts and exits as rows; a constraint opens each alert once, however often its statement comes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, Session, SQLModel, col, exists, func, select

from backend.alerts.rules import (
    NO_DATA,
    Alert,
    AlertKind,
    AlertState,
    AlertUnknown,
    Decided,
    Decision,
    ExitState,
    PendingExit,
)
from backend.db import BigInt, HexId, UtcDateTime, append_only


class AlertRow(SQLModel, table=True):
    """One alert."""

    __tablename__ = "alert"
    __table_args__ = (Index("ix_alert_open", "kind", "closed_at"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    kind: str = Field(max_length=32)
    subject: str = Field(max_length=200, unique=True)
    site: bytes = Field(sa_type=HexId, index=True)
    statement: bytes | None = Field(default=None, sa_type=HexId)
    facts: dict[str, Any] = Field(sa_type=JSON)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_by: str | None = Field(default=None, max_length=32)
    closing: str | None = None


class AlertDecisionRow(SQLModel, table=True):
    """What a person decided about an alert; a row is never changed."""

    __tablename__ = "alert_decision"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    alert_id: int = Field(sa_type=BigInt, foreign_key="alert.id", index=True)
    decision: str = Field(max_length=16)
    reason: str
    by: str = Field(max_length=32)
    at: datetime = Field(sa_type=UtcDateTime)


class ExitRow(SQLModel, table=True):
    """One crossing outward, until a departure under an open order explains it or it was not authorised."""

    __tablename__ = "gate_exit"
    __table_args__ = (Index("ix_gate_exit_due", "state", "due_at"),)

    crossing: bytes = Field(primary_key=True, sa_type=HexId)
    site: bytes = Field(sa_type=HexId)
    gate: str = Field(max_length=32)
    state: str = Field(max_length=16)
    taken_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    order_id: int | None = Field(default=None, sa_type=BigInt, index=True)
    departure: bytes | None = Field(default=None, sa_type=HexId, unique=True)
    piece: bytes | None = Field(default=None, sa_type=HexId)
    mass_kg: int | None = Field(default=None, sa_type=BigInt)


append_only(AlertDecisionRow)


def alert_of(row: AlertRow) -> Alert:
    """The row as other capabilities see it; it has its number since it was flushed."""
    assert row.id is not None  # noqa: S101 - type narrowing
    return Alert(
        id=row.id,
        kind=AlertKind(row.kind),
        site=row.site,
        statement=row.statement,
        facts=row.facts,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )


def alert_row(session: Session, alert_id: int) -> AlertRow:
    """The alert of that number.

    Raises:
        AlertUnknown: there is none.
    """
    row = session.get(AlertRow, alert_id)
    if row is None:
        raise AlertUnknown(alert=alert_id)
    return row


def alert_about(session: Session, subject: str) -> AlertRow | None:
    """The alert that was opened about this."""
    return session.exec(select(AlertRow).where(AlertRow.subject == subject)).first()


def open_alerts(session: Session) -> Sequence[AlertRow]:
    """Alerts that nobody has closed, oldest first."""
    found = select(AlertRow).where(col(AlertRow.closed_at).is_(None))
    return session.exec(found.order_by(col(AlertRow.id))).all()


def alerts_after(
    session: Session, after: int, limit: int, *, is_open: bool | None, sites: Collection[bytes] | None
) -> Sequence[AlertRow]:
    """Alerts behind that number, oldest first: open, closed, or all for None; of those sites, or of all."""
    found = select(AlertRow).where(col(AlertRow.id) > after)
    if is_open is not None:
        closed_at = col(AlertRow.closed_at)
        found = found.where(closed_at.is_(None) if is_open else closed_at.is_not(None))
    if sites is not None:
        found = found.where(col(AlertRow.site).in_(sites))
    return session.exec(found.order_by(col(AlertRow.id)).limit(limit)).all()


def alerts_in_state(
    session: Session, state: AlertState, after: int, limit: int, *, sites: Collection[bytes] | None
) -> Sequence[AlertRow]:
    """Alerts in that state behind that number, oldest first; of those sites, or of all."""
    found = select(AlertRow).where(col(AlertRow.id) > after)
    closed_at, decided = (
        col(AlertRow.closed_at),
        exists().where(col(AlertDecisionRow.alert_id) == AlertRow.id),
    )
    if state is AlertState.CLOSED:
        found = found.where(closed_at.is_not(None))
    elif state is AlertState.ACKNOWLEDGED:
        found = found.where(closed_at.is_(None), decided)
    else:
        missing = col(AlertRow.kind).in_([each.value for each in NO_DATA])
        wanted = missing if state is AlertState.NO_DATA else ~missing
        found = found.where(closed_at.is_(None), ~decided, wanted)
    if sites is not None:
        found = found.where(col(AlertRow.site).in_(sites))
    return session.exec(found.order_by(col(AlertRow.id)).limit(limit)).all()


def decisions_on(session: Session, alerts: Collection[int]) -> dict[int, list[Decided]]:
    """What was decided about each of these alerts, in the order it was."""
    found = select(AlertDecisionRow).where(col(AlertDecisionRow.alert_id).in_(alerts))
    decided: dict[int, list[Decided]] = {each: [] for each in alerts}
    for row in session.exec(found.order_by(col(AlertDecisionRow.id))).all():
        said = Decided(row.alert_id, Decision(row.decision), row.reason, row.by, row.at)
        decided[row.alert_id].append(said)
    return decided


def exits_waiting(session: Session, limit: int, *, sites: Collection[bytes] | None) -> list[PendingExit]:
    """Exits that still wait for their match, the first to fall due first; of those sites, or of all."""
    found = select(ExitRow).where(ExitRow.state == ExitState.PROVISIONAL)
    if sites is not None:
        found = found.where(col(ExitRow.site).in_(sites))
    rows = session.exec(found.order_by(col(ExitRow.due_at), col(ExitRow.crossing)).limit(limit)).all()
    return [PendingExit(row.crossing, row.site, row.gate, row.taken_at, row.due_at) for row in rows]


def exits_due(session: Session, at: datetime) -> Sequence[ExitRow]:
    """Provisional exits whose time for a match is over."""
    found = select(ExitRow).where(ExitRow.state == ExitState.PROVISIONAL, col(ExitRow.due_at) <= at)
    return session.exec(found.order_by(col(ExitRow.due_at))).all()


def matched_kg(session: Session, order_id: int) -> int:
    """What matched exits have taken under this order, delivered on the ledger or not."""
    found = select(func.coalesce(func.sum(ExitRow.mass_kg), 0)).where(
        ExitRow.order_id == order_id, ExitRow.state == ExitState.MATCHED
    )
    taken: int = session.exec(found).one()  # type: ignore[assignment]  # coalesced, so never NULL
    return taken

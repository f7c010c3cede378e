"""Notices as rows that are only added, where they are to be delivered, and how far each delivery is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, func, or_, select

from backend.db import BigInt, UtcDateTime, append_only, stored_number
from backend.notices.rules import (
    DeliveryState,
    EndpointUnknown,
    Notice,
    NoticeDeliveryUnknown,
    NoticeKind,
)


class NoticeRow(SQLModel, table=True):
    """One notice; ids grow in the order in which notices become visible."""

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_organisation", "organisation", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    kind: str = Field(max_length=32)
    organisation: str | None = Field(default=None, max_length=66)
    subject: str = Field(max_length=200)
    facts: dict[str, Any] = Field(sa_type=JSON)
    at: datetime = Field(sa_type=UtcDateTime)


class EndpointRow(SQLModel, table=True):
    """Where notices are delivered to: an https URL with its sealed secret, or `mailto:`, which has none."""

    __tablename__ = "webhook_endpoint"

    id: str = Field(primary_key=True, max_length=40)
    organisation: str = Field(max_length=66, index=True)
    sees_all: bool
    url: str = Field(max_length=500)
    sealed_secret: bytes | None = Field(default=None, sa_type=LargeBinary)
    kinds: list[str] = Field(sa_type=JSON)
    active: bool = True
    enrolled_at: datetime = Field(sa_type=UtcDateTime)


class NoticeDeliveryRow(SQLModel, table=True):
    """One notice on its way to one endpoint; there is never a second row for the two."""

    __tablename__ = "notice_delivery"
    __table_args__ = (
        UniqueConstraint("notice", "endpoint"),
        Index("ix_notice_delivery_due", "state", "next_at"),
        Index("ix_notice_delivery_endpoint", "endpoint", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    notice: int = Field(sa_type=BigInt, foreign_key="notice.id")
    endpoint: str = Field(max_length=40, foreign_key="webhook_endpoint.id")
    state: str = Field(max_length=16)
    attempts: int = 0
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_status: str | None = Field(default=None, max_length=64)


append_only(NoticeRow)


def notice_of(row: NoticeRow) -> Notice:
    """The row in our words."""
    return Notice(
        stored_number(row.id), NoticeKind(row.kind), row.organisation, row.subject, row.facts, row.at
    )


def newest_id(session: Session) -> int:
    """The highest id of a notice; 0 before the first."""
    return session.exec(select(func.max(NoticeRow.id))).one() or 0


def notices_after(session: Session, after: int, limit: int, *, organisation: str | None) -> list[Notice]:
    """Notices behind an id, oldest first: an organisation's own, or all of them for None."""
    query = select(NoticeRow).where(col(NoticeRow.id) > after)
    if organisation is not None:
        query = query.where(NoticeRow.organisation == organisation)
    return [notice_of(row) for row in session.exec(query.order_by(col(NoticeRow.id)).limit(limit)).all()]


def count_after(session: Session, after: int, most: int, *, organisation: str | None) -> int:
    """How many notices lie behind an id, counted no further than `most`."""
    query = select(NoticeRow.id).where(col(NoticeRow.id) > after)
    if organisation is not None:
        query = query.where(NoticeRow.organisation == organisation)
    return session.exec(select(func.count()).select_from(query.limit(most).subquery())).one()


def endpoints_for(session: Session, organisation: str | None) -> list[EndpointRow]:
    """Active endpoints of those who may see a notice."""
    sees = or_(col(EndpointRow.sees_all), col(EndpointRow.organisation) == organisation)
    return list(session.exec(select(EndpointRow).where(col(EndpointRow.active), sees)).all())


def endpoint_row(session: Session, endpoint_id: str, organisation: str) -> EndpointRow:
    """The organisation's endpoint of that name.

    Raises:
        EndpointUnknown: it has none.
    """
    row = session.get(EndpointRow, endpoint_id)
    if row is None or row.organisation != organisation:
        raise EndpointUnknown(endpoint=endpoint_id)
    return row


def endpoints_after(session: Session, organisation: str, after: str, limit: int) -> list[EndpointRow]:
    """The organisation's endpoints, disabled ones too, by name."""
    query = select(EndpointRow).where(EndpointRow.organisation == organisation, col(EndpointRow.id) > after)
    return list(session.exec(query.order_by(col(EndpointRow.id)).limit(limit)).all())


def mail_endpoints(session: Session, organisation: str) -> list[EndpointRow]:
    """Where the organisation's people are written to."""
    return [
        row for row in endpoints_after(session, organisation, "mail-", 1000) if row.id.startswith("mail-")
    ]


def deliveries_after(session: Session, endpoint_id: str, after: int, limit: int) -> list[NoticeDeliveryRow]:
    """An endpoint's deliveries, oldest first."""
    query = select(NoticeDeliveryRow).where(
        NoticeDeliveryRow.endpoint == endpoint_id, col(NoticeDeliveryRow.id) > after
    )
    return list(session.exec(query.order_by(col(NoticeDeliveryRow.id)).limit(limit)).all())


def delivery_row(session: Session, endpoint_id: str, delivery_id: int) -> NoticeDeliveryRow:
    """The endpoint's delivery of that number.

    Raises:
        NoticeDeliveryUnknown: it has none.
    """
    row = session.get(NoticeDeliveryRow, delivery_id)
    if row is None or row.endpoint != endpoint_id:
        raise NoticeDeliveryUnknown(endpoint=endpoint_id, delivery=delivery_id)
    return row


def due_deliveries(
    session: Session, now: datetime, *, busy: Sequence[str], limit: int
) -> list[tuple[NoticeDeliveryRow, EndpointRow, Notice]]:
    """Deliveries to try now, oldest first, of endpoints that are not busy."""
    due = or_(col(NoticeDeliveryRow.next_at).is_(None), col(NoticeDeliveryRow.next_at) <= now)
    query = (
        select(NoticeDeliveryRow, EndpointRow, NoticeRow)
        .where(
            NoticeDeliveryRow.endpoint == EndpointRow.id,
            NoticeDeliveryRow.notice == NoticeRow.id,
            NoticeDeliveryRow.state == DeliveryState.PENDING.value,
            due,
            col(NoticeDeliveryRow.endpoint).not_in(busy),
        )
        .order_by(col(NoticeDeliveryRow.id))
        .limit(limit)
    )
    return [(delivery, endpoint, notice_of(notice)) for delivery, endpoint, notice in session.exec(query)]


def pending_of(session: Session, endpoint_id: str) -> list[NoticeDeliveryRow]:
    """What is still to be delivered to an endpoint."""
    query = select(NoticeDeliveryRow).where(
        NoticeDeliveryRow.endpoint == endpoint_id, NoticeDeliveryRow.state == DeliveryState.PENDING.value
    )
    return list(session.exec(query).all())

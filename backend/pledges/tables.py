"""Projections of the pledge registry's confirmed events."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, Session, SQLModel, col, or_, select

from backend.db import BigInt, HexId, UtcDateTime
from backend.pledges.rules import Pledge, PledgeUnknown


class PledgeRow(SQLModel, table=True):
    """A pledge: each step's instant as the ledger has it."""

    __tablename__ = "pledge"

    id: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    pledgor: bytes = Field(sa_type=HexId, index=True)
    pledgee: bytes = Field(sa_type=HexId, index=True)
    terms: bytes = Field(sa_type=HexId)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    endorsed_at: datetime = Field(sa_type=UtcDateTime)
    attorned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    registered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    effective_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lapsed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PledgedReceiptRow(SQLModel, table=True):
    """A receipt under a pledge; the database refuses it under a second one that has taken effect."""

    __tablename__ = "pledged_receipt"
    __table_args__ = (
        Index(
            "uq_pledged_receipt_effective",
            "receipt_id",
            unique=True,
            sqlite_where=text("effective AND released_at IS NULL"),
            postgresql_where=text("effective AND released_at IS NULL"),
        ),
    )

    pledge_id: int = Field(primary_key=True, sa_type=BigInt, foreign_key="pledge.id")
    receipt_id: int = Field(primary_key=True, sa_type=BigInt)
    effective: bool = False
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RecordedLoanEventRow(SQLModel, table=True):
    """One opaque loan event as the ledger chained it."""

    __tablename__ = "recorded_loan_event"

    pledge_id: int = Field(primary_key=True, sa_type=BigInt, foreign_key="pledge.id")
    number: int = Field(primary_key=True, sa_type=BigInt)
    commitment: bytes = Field(sa_type=HexId)
    chain: bytes = Field(sa_type=HexId)
    block_number: int = Field(sa_type=BigInt)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


def pledge_facts(session: Session, pledge_id: int) -> Pledge:
    """The pledge as confirmed.

    Raises:
        PledgeUnknown: no confirmed event shows it.
    """
    row = session.get(PledgeRow, pledge_id)
    if row is None:
        raise PledgeUnknown(pledge=pledge_id)
    under = session.exec(
        select(PledgedReceiptRow)
        .where(PledgedReceiptRow.pledge_id == pledge_id)
        .order_by(col(PledgedReceiptRow.receipt_id))
    ).all()
    return Pledge(
        id=row.id,
        pledgor=row.pledgor,
        pledgee=row.pledgee,
        terms=row.terms,
        receipts=tuple(each.receipt_id for each in under if each.released_at is None),
        released=tuple(each.receipt_id for each in under if each.released_at is not None),
        expires_at=row.expires_at,
        endorsed_at=row.endorsed_at,
        attorned_at=row.attorned_at,
        registered_at=row.registered_at,
        effective_at=row.effective_at,
        withdrawn_at=row.withdrawn_at,
        lapsed_at=row.lapsed_at,
        closed_at=row.closed_at,
    )


def effective_pledge_of(session: Session, receipt_id: int) -> int | None:
    """The pledge under which the receipt is, if one has taken effect."""
    found = select(PledgedReceiptRow.pledge_id).where(
        PledgedReceiptRow.receipt_id == receipt_id,
        col(PledgedReceiptRow.effective).is_(True),
        col(PledgedReceiptRow.released_at).is_(None),
    )
    return session.exec(found).first()


def pledge_ids_over(session: Session, receipt_id: int, limit: int) -> list[int]:
    """The newest pledges that the receipt is or was under, oldest of them first."""
    found = select(PledgedReceiptRow.pledge_id).where(PledgedReceiptRow.receipt_id == receipt_id)
    newest = session.exec(found.order_by(col(PledgedReceiptRow.pledge_id).desc()).limit(limit)).all()
    return sorted(newest)


def released_at(session: Session, pledge_id: int, receipt_id: int) -> datetime | None:
    """When a receipt was let go by a pledge; None while it is under it."""
    return session.get_one(PledgedReceiptRow, (pledge_id, receipt_id)).released_at


def loan_events(session: Session, pledge_id: int) -> list[RecordedLoanEventRow]:
    """The recorded loan events of a pledge, in the ledger's order."""
    found = select(RecordedLoanEventRow).where(RecordedLoanEventRow.pledge_id == pledge_id)
    return list(session.exec(found.order_by(col(RecordedLoanEventRow.number))).all())


def latest_pledge_with(session: Session, pledgor: bytes, terms: bytes) -> int | None:
    """The newest pledge that this pledgor endorsed under these terms."""
    found = select(PledgeRow.id).where(PledgeRow.pledgor == pledgor, PledgeRow.terms == terms)
    return session.exec(found.order_by(col(PledgeRow.id).desc())).first()


def pledge_ids_after(session: Session, after: int, limit: int, *, of: tuple[bytes, Any] | None) -> list[int]:
    """Numbers of pledges behind `after`, in order.

    Args:
        session: the unit of work.
        after: the number of the last one seen.
        limit: how many at most.
        of: a party that gave or took the pledge, with the query for the receipts that it keeps the goods of;
            None for all.
    """
    found = select(PledgeRow.id).where(PledgeRow.id > after)
    if of is not None:
        party, kept = of
        holds = select(PledgedReceiptRow.pledge_id).where(col(PledgedReceiptRow.receipt_id).in_(kept))
        mine = or_(
            col(PledgeRow.pledgor) == party, col(PledgeRow.pledgee) == party, col(PledgeRow.id).in_(holds)
        )
        found = found.where(mine)
    return list(session.exec(found.order_by(col(PledgeRow.id)).limit(limit)).all())

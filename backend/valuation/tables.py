"""Sources of prices and what they said. An observation is never altered; the database refuses it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, Session, SQLModel, col, func, select

from backend.db import BigInt, HexId, UtcDateTime, append_only
from backend.units import Money
from backend.valuation.rules.prices import PriceObservation

LIVE = text("revoked_at IS NULL")


class PriceSourceRow(SQLModel, table=True):
    """A source and its public key; it has one live key at most, and a revoked one stays to be seen."""

    __tablename__ = "price_source"
    __table_args__ = (
        Index("uq_price_source_live", "name", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    )

    name: str = Field(primary_key=True, max_length=32)
    public_key: bytes = Field(primary_key=True, sa_type=HexId)
    enrolled_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PriceRow(SQLModel, table=True):
    """One signed observation, under the hash of what was signed."""

    __tablename__ = "price_observation"
    __table_args__ = (
        UniqueConstraint("source", "commodity", "grade", "priced_at"),
        Index("ix_price_observation_goods", "commodity", "grade", "currency", "priced_at"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("per_kg > 0", name="per_kg_positive"),
    )

    id: bytes = Field(primary_key=True, sa_type=HexId)
    source: str = Field(max_length=32)
    commodity: str = Field(max_length=32)
    grade: str = Field(max_length=32)
    currency: str = Field(max_length=3)
    amount_minor: int = Field(sa_type=BigInt)
    per_kg: int
    priced_at: datetime = Field(sa_type=UtcDateTime)
    valid_until: datetime = Field(sa_type=UtcDateTime)
    signature: bytes = Field(sa_type=LargeBinary)
    public_key: bytes = Field(sa_type=HexId)
    taken_at: datetime = Field(sa_type=UtcDateTime)


append_only(PriceRow)


def live_key(session: Session, source: str) -> bytes | None:
    """The public key that a source signs with now, if it has one."""
    query = select(PriceSourceRow.public_key).where(
        PriceSourceRow.name == source, col(PriceSourceRow.revoked_at).is_(None)
    )
    return session.exec(query).one_or_none()


def observations_of(session: Session, commodity: str, grade: str, currency: str) -> list[PriceObservation]:
    """Everything that was ever observed of these goods, oldest first."""
    rows = session.exec(
        select(PriceRow)
        .where(PriceRow.commodity == commodity, PriceRow.grade == grade, PriceRow.currency == currency)
        .order_by(col(PriceRow.priced_at), col(PriceRow.source))
    ).all()
    return [
        PriceObservation(
            source=row.source,
            commodity=row.commodity,
            grade=row.grade,
            amount=Money(row.amount_minor, row.currency),
            per_kg=row.per_kg,
            priced_at=row.priced_at,
            valid_until=row.valid_until,
        )
        for row in rows
    ]


def newest_of_each_source(session: Session, commodity: str, grade: str, currency: str) -> list[PriceRow]:
    """What each source said last of these goods, by the sources' names."""
    newest = (
        select(PriceRow.source, func.max(PriceRow.priced_at).label("at"))
        .where(PriceRow.commodity == commodity, PriceRow.grade == grade, PriceRow.currency == currency)
        .group_by(col(PriceRow.source))
        .subquery()
    )
    found = select(PriceRow).join(
        newest, (col(PriceRow.source) == newest.c.source) & (col(PriceRow.priced_at) == newest.c.at)
    )
    same = (PriceRow.commodity == commodity, PriceRow.grade == grade, PriceRow.currency == currency)
    return list(session.exec(found.where(*same).order_by(col(PriceRow.source))).all())


def contradicted_by(session: Session, observation: PriceObservation) -> PriceRow | None:
    """What the same source said of the same goods and instant before, if anything."""
    return session.exec(
        select(PriceRow).where(
            PriceRow.source == observation.source,
            PriceRow.commodity == observation.commodity,
            PriceRow.grade == observation.grade,
            PriceRow.priced_at == observation.priced_at,
        )
    ).one_or_none()

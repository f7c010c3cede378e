"""Decisions about a loan's cover with their facts, its calls, and what was quoted and ordered to leave."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, text
from sqlmodel import Field, Session, SQLModel, and_, col, func, or_, select

from backend.db import BigInt, UtcDateTime, append_only
from backend.errors import NotFound
from backend.margin.rules.call import MarginState

OPEN = text("ended_at IS NULL")


class QuoteUnknown(NotFound):
    """There is no release quote of that name."""

    code = "margin.quote_unknown"


class MarginDecisionRow(SQLModel, table=True):
    """One change in how a loan's cover stands, with everything it rests on. Rows are only ever added."""

    __tablename__ = "margin_decision"

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    state: str = Field(max_length=16)
    unvalued: str | None = Field(default=None, max_length=64)
    facts: dict[str, Any] = Field(sa_type=JSON)
    decided_at: datetime = Field(sa_type=UtcDateTime)


class MarginCallRow(SQLModel, table=True):
    """A margin call with both its cures; a loan has one open at most."""

    __tablename__ = "margin_call"
    __table_args__ = (
        Index("uq_margin_call_open", "loan_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
        CheckConstraint("cash_minor > 0", name="cash_positive"),
    )

    id: int | None = Field(default=None, primary_key=True)
    loan_id: str = Field(max_length=40, foreign_key="loan.id", index=True)
    opened_on: date
    opened_at: datetime = Field(sa_type=UtcDateTime)
    cure_by: date
    cash_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    goods: list[dict[str, Any]] = Field(sa_type=JSON)
    noticed_on: date | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_as: str | None = Field(default=None, max_length=16)


class ReleaseQuoteRow(SQLModel, table=True):
    """What must be paid for some goods to leave, and until when that holds."""

    __tablename__ = "release_quote"

    id: str = Field(primary_key=True, max_length=40)
    loan_id: str = Field(max_length=40, foreign_key="loan.id", index=True)
    leaving: dict[str, int] = Field(sa_type=JSON)
    bank_minor: int = Field(sa_type=BigInt)
    operator_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    facts: dict[str, Any] = Field(sa_type=JSON)
    quoted_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    operator_paid: str | None = Field(default=None, max_length=80)


class OrderedReleaseRow(SQLModel, table=True):
    """Goods of a quote that were ordered to leave: owed until the ledger's event is confirmed."""

    __tablename__ = "ordered_release"

    quote_id: str = Field(primary_key=True, max_length=40, foreign_key="release_quote.id")
    receipt: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    loan_id: str = Field(max_length=40, foreign_key="loan.id", index=True)
    mass_kg: int = Field(sa_type=BigInt)
    ordered_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_as: str | None = Field(default=None, max_length=64)


append_only(MarginDecisionRow)


def last_decision(session: Session, loan_id: str) -> MarginDecisionRow | None:
    """The newest decision about a loan's cover, if there was any."""
    return session.exec(
        select(MarginDecisionRow)
        .where(MarginDecisionRow.loan_id == loan_id)
        .order_by(col(MarginDecisionRow.number).desc())
        .limit(1)
    ).one_or_none()


def decisions_of(session: Session, loan_id: str) -> list[MarginDecisionRow]:
    """Every decision about a loan's cover, in order."""
    return list(
        session.exec(
            select(MarginDecisionRow)
            .where(MarginDecisionRow.loan_id == loan_id)
            .order_by(col(MarginDecisionRow.number))
        ).all()
    )


def next_decision_number(session: Session, loan_id: str) -> int:
    """The number of the next decision about a loan, from 1."""
    return session.exec(select(func.count()).where(MarginDecisionRow.loan_id == loan_id)).one() + 1


def state_of(session: Session, loan_id: str) -> MarginState:
    """Where the loan's cover stands by the newest decision; healthy before the first."""
    row = last_decision(session, loan_id)
    return MarginState.HEALTHY if row is None else MarginState(row.state)


def open_call(session: Session, loan_id: str) -> MarginCallRow | None:
    """The margin call that is open on a loan, if there is one."""
    return session.exec(
        select(MarginCallRow).where(MarginCallRow.loan_id == loan_id, col(MarginCallRow.ended_at).is_(None))
    ).one_or_none()


def quote_row(session: Session, quote_id: str) -> ReleaseQuoteRow:
    """The quote of that name.

    Raises:
        QuoteUnknown: there is none.
    """
    row = session.get(ReleaseQuoteRow, quote_id)
    if row is None:
        raise QuoteUnknown(quote_id=quote_id)
    return row


def quotes_of(session: Session, loan_id: str) -> int:
    """How many quotes were made for a loan."""
    return session.exec(select(func.count()).where(ReleaseQuoteRow.loan_id == loan_id)).one()


def owed_releases(session: Session, loan_id: str) -> list[OrderedReleaseRow]:
    """Goods ordered to leave of which the ledger has not said so yet, oldest first."""
    return list(
        session.exec(
            select(OrderedReleaseRow)
            .where(OrderedReleaseRow.loan_id == loan_id, col(OrderedReleaseRow.ended_at).is_(None))
            .order_by(col(OrderedReleaseRow.ordered_at), col(OrderedReleaseRow.quote_id))
        ).all()
    )


def owed_release_of(session: Session, receipt: int, mass_kg: int) -> OrderedReleaseRow | None:
    """The oldest owed order of so much of a receipt."""
    return session.exec(
        select(OrderedReleaseRow)
        .where(
            OrderedReleaseRow.receipt == receipt,
            OrderedReleaseRow.mass_kg == mass_kg,
            col(OrderedReleaseRow.ended_at).is_(None),
        )
        .order_by(col(OrderedReleaseRow.ordered_at))
        .limit(1)
    ).one_or_none()


def ordered_of(session: Session, quote_id: str) -> list[OrderedReleaseRow]:
    """What was ordered to leave under a quote, by receipt."""
    found = select(OrderedReleaseRow).where(OrderedReleaseRow.quote_id == quote_id)
    return list(session.exec(found.order_by(col(OrderedReleaseRow.receipt))).all())


def ordered_from(session: Session, loan_id: str) -> list[OrderedReleaseRow]:
    """Everything that was ordered to leave from under a loan and that the ledger did not refuse, in order."""
    found = select(OrderedReleaseRow).where(
        OrderedReleaseRow.loan_id == loan_id,
        or_(col(OrderedReleaseRow.ended_as).is_(None), OrderedReleaseRow.ended_as == "confirmed"),
    )
    return list(session.exec(found.order_by(col(OrderedReleaseRow.ordered_at))).all())


def calls_of(session: Session, loan_id: str) -> list[MarginCallRow]:
    """Every margin call of a loan, in order."""
    found = select(MarginCallRow).where(MarginCallRow.loan_id == loan_id)
    return list(session.exec(found.order_by(col(MarginCallRow.id))).all())


def newest_quotes(session: Session, loan_id: str, limit: int) -> list[ReleaseQuoteRow]:
    """The newest quotes for a loan's goods, newest first."""
    found = select(ReleaseQuoteRow).where(ReleaseQuoteRow.loan_id == loan_id)
    return list(session.exec(found.order_by(col(ReleaseQuoteRow.quoted_at).desc()).limit(limit)).all())


def decisions_after(session: Session, loan_id: str, after: int, limit: int) -> list[MarginDecisionRow]:
    """Decisions about a loan's cover behind that number, in order."""
    found = select(MarginDecisionRow).where(
        MarginDecisionRow.loan_id == loan_id, MarginDecisionRow.number > after
    )
    return list(session.exec(found.order_by(col(MarginDecisionRow.number)).limit(limit)).all())


def newest_decisions(session: Session, until: datetime) -> list[MarginDecisionRow]:
    """The newest decision about each loan's cover that was taken by that instant, by the loans' numbers."""
    newest = (
        select(MarginDecisionRow.loan_id, func.max(MarginDecisionRow.number).label("number"))
        .where(MarginDecisionRow.decided_at <= until)
        .group_by(MarginDecisionRow.loan_id)
        .subquery()
    )
    found = select(MarginDecisionRow).join(
        newest,
        and_(
            col(MarginDecisionRow.loan_id) == newest.c.loan_id,
            col(MarginDecisionRow.number) == newest.c.number,
        ),
    )
    return list(session.exec(found.order_by(col(MarginDecisionRow.loan_id))).all())

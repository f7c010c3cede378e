"""Payments that leave, and the lines of the bank's statement. Each can exist once: the database says so."""

from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, Index, text
from sqlmodel import Field, Session, SQLModel, and_, col, func, or_, select

from backend.db import BigInt, UtcDateTime
from backend.loans.rules.loan import Payee
from backend.payments.rules import (
    Direction,
    Instruction,
    IntentKind,
    IntentState,
    PaymentIntent,
    PaymentUnknown,
    StatementLine,
)
from backend.units import Money

ONE_DISBURSEMENT = text("kind = 'disbursement' AND state <> 'rejected'")


class PaymentIntentRow(SQLModel, table=True):
    """One payment that leaves, named by its end-to-end id; a loan is paid out once."""

    __tablename__ = "payment_intent"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index(
            "uq_payment_intent_disbursement",
            "loan_id",
            unique=True,
            sqlite_where=ONE_DISBURSEMENT,
            postgresql_where=ONE_DISBURSEMENT,
        ),
    )

    end_to_end_id: str = Field(primary_key=True, max_length=35)
    kind: str = Field(max_length=16)
    loan_id: str = Field(max_length=40, foreign_key="loan.id", index=True)
    payee: dict[str, str] = Field(sa_type=JSON)
    amount_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    state: str = Field(max_length=16, index=True)
    intended_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_on: date | None = None
    reason: str | None = None


class StatementLineRow(SQLModel, table=True):
    """One line of a rail's statement, taken once, and what it was found to be for."""

    __tablename__ = "statement_line"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)

    rail: str = Field(primary_key=True, max_length=16)
    number: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    direction: str = Field(max_length=3)
    amount_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    value_on: date
    reference: str
    counterparty: str
    state: str = Field(max_length=16, index=True)
    loan_id: str | None = Field(default=None, max_length=40, foreign_key="loan.id")
    taken_at: datetime = Field(sa_type=UtcDateTime)


class RepaymentRow(SQLModel, table=True):
    """Money that a borrower has asked to be taken from its account; `number` once the rail has it."""

    __tablename__ = "repayment"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)

    key: str = Field(primary_key=True, max_length=35)
    loan_id: str = Field(max_length=40, foreign_key="loan.id", index=True)
    payer: str = Field(max_length=66)
    amount_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    asked_by: str = Field(max_length=66)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    rail: str = Field(max_length=16)
    number: int | None = Field(default=None, sa_type=BigInt)


def intent_of(session: Session, end_to_end_id: str) -> PaymentIntent:
    """The payment of that name.

    Raises:
        PaymentUnknown: there is none.
    """
    row = session.get(PaymentIntentRow, end_to_end_id)
    if row is None:
        raise PaymentUnknown(end_to_end_id=end_to_end_id)
    return to_intent(row)


def to_intent(row: PaymentIntentRow) -> PaymentIntent:
    """The row in our words."""
    amount = Money(row.amount_minor, row.currency)
    return PaymentIntent(
        Instruction(row.end_to_end_id, Payee(**row.payee), amount),
        IntentKind(row.kind),
        row.loan_id,
        IntentState(row.state),
        row.settled_on,
        row.reason,
    )


def intents_of(session: Session, loan_id: str, kind: IntentKind) -> list[PaymentIntent]:
    """All payments of one kind that left or are to leave for a loan, oldest first."""
    rows = session.exec(
        select(PaymentIntentRow)
        .where(PaymentIntentRow.loan_id == loan_id, PaymentIntentRow.kind == kind.value)
        .order_by(col(PaymentIntentRow.intended_at), col(PaymentIntentRow.end_to_end_id))
    ).all()
    return [to_intent(row) for row in rows]


def open_intents(session: Session) -> list[PaymentIntent]:
    """Payments whose outcome is not known, oldest first."""
    unfinished = [IntentState.INTENDED.value, IntentState.SENT.value]
    rows = session.exec(
        select(PaymentIntentRow)
        .where(col(PaymentIntentRow.state).in_(unfinished))
        .order_by(col(PaymentIntentRow.intended_at), col(PaymentIntentRow.end_to_end_id))
    ).all()
    return [to_intent(row) for row in rows]


def last_line(session: Session, rail: str) -> int:
    """The highest number of a statement line that was taken from a rail; 0 before the first."""
    found = session.exec(select(func.max(StatementLineRow.number)).where(StatementLineRow.rail == rail)).one()
    return 0 if found is None else int(found)


def to_line(row: StatementLineRow) -> StatementLine:
    """The row in our words."""
    return StatementLine(
        row.number,
        Direction(row.direction),
        Money(row.amount_minor, row.currency),
        row.value_on,
        row.reference,
        row.counterparty,
    )


def lines_above(session: Session, rail: str, number: int) -> list[StatementLineRow]:
    """Lines of a rail with higher numbers, in order."""
    found = select(StatementLineRow).where(StatementLineRow.rail == rail, StatementLineRow.number > number)
    return list(session.exec(found.order_by(col(StatementLineRow.number))).all())


def lines_in(session: Session, state: str) -> list[StatementLineRow]:
    """Lines in one state, in the order they were taken."""
    return list(
        session.exec(
            select(StatementLineRow)
            .where(StatementLineRow.state == state)
            .order_by(col(StatementLineRow.rail), col(StatementLineRow.number))
        ).all()
    )


def lines_after(
    session: Session, state: str, after: tuple[str, int] | None, limit: int
) -> list[StatementLineRow]:
    """Lines in one state behind that rail and number, or from the first on."""
    found = select(StatementLineRow).where(StatementLineRow.state == state)
    if after is not None:
        rail, number = after
        same_rail = and_(col(StatementLineRow.rail) == rail, col(StatementLineRow.number) > number)
        found = found.where(or_(col(StatementLineRow.rail) > rail, same_rail))
    ordered = found.order_by(col(StatementLineRow.rail), col(StatementLineRow.number))
    return list(session.exec(ordered.limit(limit)).all())


def payments_after(session: Session, after: str, limit: int) -> list[PaymentIntent]:
    """Payments by their names, behind that one."""
    found = select(PaymentIntentRow).where(PaymentIntentRow.end_to_end_id > after)
    rows = session.exec(found.order_by(col(PaymentIntentRow.end_to_end_id)).limit(limit)).all()
    return [to_intent(row) for row in rows]


def open_repayments(session: Session, rail: str) -> list[RepaymentRow]:
    """Repayments that the rail does not have yet, oldest first."""
    found = select(RepaymentRow).where(RepaymentRow.rail == rail, col(RepaymentRow.number).is_(None))
    return list(session.exec(found.order_by(col(RepaymentRow.asked_at), col(RepaymentRow.key))).all())

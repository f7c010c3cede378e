"""The facts about a loan's money, the journal that follows from them, and what the ledger was told, opened.

Rows are only ever added; the database refuses to change or delete one.
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, Session, SQLModel, col, func, select

from backend.db import BigInt, HexId, UtcDateTime, append_only
from backend.loans.rules.allocation import Bucket
from backend.loans.rules.book import Account, Posting
from backend.loans.rules.facts import Fact, FactKind
from backend.loans.rules.journal import Entry

REVERSES = text("undoes IS NOT NULL")


class LoanFactRow(SQLModel, table=True):
    """One fact about a loan's money, in the order they became known."""

    __tablename__ = "loan_fact"
    __table_args__ = (
        UniqueConstraint("loan_id", "fact_id"),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
        Index(
            "uq_loan_fact_reversed_once",
            "loan_id",
            "undoes",
            unique=True,
            sqlite_where=REVERSES,
            postgresql_where=REVERSES,
        ),
    )

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    fact_id: str = Field(max_length=80)
    kind: str = Field(max_length=16)
    counts_on: date
    amount_minor: int = Field(sa_type=BigInt)
    paid_to: str | None = Field(default=None, max_length=16)
    undoes: str | None = Field(default=None, max_length=80)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class EntryRow(SQLModel, table=True):
    """One entry of the journal: balanced by its shape, chained by hash, undone at most once."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        UniqueConstraint("loan_id", "reverses"),
        UniqueConstraint("loan_id", "previous"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("debit <> credit", name="two_accounts"),
    )

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    debit: str = Field(max_length=32, index=True)
    credit: str = Field(max_length=32, index=True)
    amount_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    counts_on: date
    cause_kind: str = Field(max_length=16)
    cause_id: str = Field(max_length=80)
    booked_at: datetime = Field(sa_type=UtcDateTime)
    reverses: int | None = None
    previous: bytes = Field(sa_type=HexId)
    hash: bytes = Field(sa_type=HexId)


class OpeningRow(SQLModel, table=True):
    """What a commitment on the ledger opens to: number 0 the terms, then the loan's events in order."""

    __tablename__ = "loan_opening"

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(max_length=32)
    opening: bytes = Field(sa_type=LargeBinary)
    commitment: bytes = Field(sa_type=HexId, unique=True)
    made_at: datetime = Field(sa_type=UtcDateTime)


append_only(LoanFactRow)
append_only(EntryRow)
append_only(OpeningRow)


def facts_of(session: Session, loan_id: str) -> list[Fact]:
    """The loan's facts in the order they became known."""
    return facts_of_each(session, [loan_id])[loan_id]


def facts_of_each(session: Session, loan_ids: Sequence[str]) -> dict[str, list[Fact]]:
    """The facts of each loan in the order they became known; one statement however many."""
    found: dict[str, list[Fact]] = {loan_id: [] for loan_id in loan_ids}
    wanted = select(LoanFactRow).where(col(LoanFactRow.loan_id).in_(loan_ids))
    for row in session.exec(wanted.order_by(col(LoanFactRow.loan_id), col(LoanFactRow.number))).all():
        found[row.loan_id].append(_fact(row))
    return found


def facts_after(session: Session, loan_id: str, after: int, limit: int) -> list[tuple[int, Fact]]:
    """The loan's facts behind that number, each with its own, in the order they became known."""
    wanted = select(LoanFactRow).where(LoanFactRow.loan_id == loan_id, LoanFactRow.number > after)
    rows = session.exec(wanted.order_by(col(LoanFactRow.number)).limit(limit)).all()
    return [(row.number, _fact(row)) for row in rows]


def recorded_facts(session: Session, loan_id: str) -> list[tuple[datetime, Fact]]:
    """The loan's facts in the order they became known, each with when that was."""
    wanted = select(LoanFactRow).where(LoanFactRow.loan_id == loan_id)
    return [(row.recorded_at, _fact(row)) for row in session.exec(wanted.order_by(col(LoanFactRow.number)))]


def add_fact(session: Session, loan_id: str, fact: Fact, *, number: int, recorded_at: datetime) -> None:
    """Remember a fact; the database refuses a second one of the same name."""
    session.add(
        LoanFactRow(
            loan_id=loan_id,
            number=number,
            fact_id=fact.id,
            kind=fact.kind.value,
            counts_on=fact.on,
            amount_minor=fact.amount_minor,
            paid_to=None if fact.to is None else fact.to.value,
            undoes=fact.of,
            recorded_at=recorded_at,
        )
    )
    session.flush()


def journal_of(session: Session, loan_id: str) -> tuple[list[Entry], list[bytes]]:
    """Every entry of a loan's journal in order, and the hash stored beside each."""
    rows = session.exec(
        select(EntryRow).where(EntryRow.loan_id == loan_id).order_by(col(EntryRow.number))
    ).all()
    return [_entry(row) for row in rows], [row.hash for row in rows]


def entries_after(session: Session, loan_id: str, after: int, limit: int) -> tuple[list[Entry], list[bytes]]:
    """Entries of a loan's journal behind that number, in order, and the hash stored beside each."""
    wanted = select(EntryRow).where(EntryRow.loan_id == loan_id, EntryRow.number > after)
    rows = session.exec(wanted.order_by(col(EntryRow.number)).limit(limit)).all()
    return [_entry(row) for row in rows], [row.hash for row in rows]


def add_entries(session: Session, entries: list[Entry]) -> None:
    """Write entries at the end of the journal."""
    session.add_all(
        EntryRow(
            loan_id=entry.loan_id,
            number=entry.number,
            debit=entry.posting.debit.value,
            credit=entry.posting.credit.value,
            amount_minor=entry.posting.amount_minor,
            currency=entry.currency,
            counts_on=entry.posting.on,
            cause_kind=entry.posting.cause[0],
            cause_id=entry.posting.cause[1],
            booked_at=entry.booked_at,
            reverses=entry.reverses,
            previous=entry.previous,
            hash=entry.hash,
        )
        for entry in entries
    )
    session.flush()


def trial_balance(session: Session, loan_id: str | None = None) -> dict[tuple[Account, str], int]:
    """Debits less credits of every account and currency, over one loan or the whole book; they sum to 0."""
    sums: dict[tuple[Account, str], int] = {}
    for side, sign in ((col(EntryRow.debit), 1), (col(EntryRow.credit), -1)):
        query = select(side, EntryRow.currency, func.sum(EntryRow.amount_minor)).group_by(
            side, col(EntryRow.currency)
        )
        if loan_id is not None:
            query = query.where(EntryRow.loan_id == loan_id)
        for account, currency, amount in session.exec(query).all():
            key = (Account(account), currency)
            sums[key] = sums.get(key, 0) + sign * int(amount)
    return sums


def openings_of(session: Session, loan_id: str) -> list[OpeningRow]:
    """The openings of a loan's commitments: its terms, then its events in the order the ledger was told."""
    return list(
        session.exec(
            select(OpeningRow).where(OpeningRow.loan_id == loan_id).order_by(col(OpeningRow.number))
        ).all()
    )


def _fact(row: LoanFactRow) -> Fact:
    return Fact(
        id=row.fact_id,
        on=row.counts_on,
        kind=FactKind(row.kind),
        amount_minor=row.amount_minor,
        to=None if row.paid_to is None else Bucket(row.paid_to),
        of=row.undoes,
    )


def _entry(row: EntryRow) -> Entry:
    return Entry(
        loan_id=row.loan_id,
        number=row.number,
        posting=Posting(
            Account(row.debit),
            Account(row.credit),
            row.amount_minor,
            row.counts_on,
            (row.cause_kind, row.cause_id),
        ),
        currency=row.currency,
        booked_at=row.booked_at,
        reverses=row.reverses,
        previous=row.previous,
    )

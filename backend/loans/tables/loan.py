"""Products, loans, the receipts they rest on, who approved them, what was done and what freezes them."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, Session, SQLModel, and_, col, func, or_, select

from backend.db import BigInt, HexId, UtcDateTime, append_only
from backend.loans.rules.life import Act, LoanState
from backend.loans.rules.loan import Loan, LoanUnknown, Payee, ProductUnknown
from backend.loans.rules.product import Product, product_from_json
from backend.units import Money

OPEN = text("ended_at IS NULL")
FROZEN = text("lifted_at IS NULL")


class ProductRow(SQLModel, table=True):
    """One version of a product, whole; it is never changed, only followed by the next."""

    __tablename__ = "product"

    name: str = Field(primary_key=True, max_length=32)
    version: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    terms: dict[str, Any] = Field(sa_type=JSON)
    stored_at: datetime = Field(sa_type=UtcDateTime)


class LoanRow(SQLModel, table=True):
    """A loan; `state` is where its last act led, overdue follows from its dates and its book."""

    __tablename__ = "loan"
    __table_args__ = (
        CheckConstraint("principal_minor > 0", name="principal_positive"),
        CheckConstraint("(drawn_on IS NULL) = (due_on IS NULL)", name="dates_together"),
        ForeignKeyConstraint(["product_name", "product_version"], ["product.name", "product.version"]),
    )

    id: str = Field(primary_key=True, max_length=40)
    borrower: bytes = Field(sa_type=HexId, index=True)
    product_name: str = Field(max_length=32)
    product_version: int = Field(sa_type=BigInt)
    principal_minor: int = Field(sa_type=BigInt)
    currency: str = Field(max_length=3)
    tenor_days: int
    purpose: str
    payee: dict[str, str] = Field(sa_type=JSON)
    state: str = Field(max_length=16, index=True)
    maker: str | None = Field(default=None, max_length=32)
    terms: bytes | None = Field(default=None, sa_type=HexId, unique=True)
    pledge_id: int | None = Field(default=None, sa_type=BigInt, unique=True)
    drawn_on: date | None = None
    due_on: date | None = None
    submitted_at: datetime = Field(sa_type=UtcDateTime)


class LoanReceiptRow(SQLModel, table=True):
    """A receipt that a loan rests on; the database refuses it for a second loan that lives."""

    __tablename__ = "loan_receipt"
    __table_args__ = (
        Index("uq_loan_receipt_live", "receipt", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    )

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    receipt: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ApprovalRow(SQLModel, table=True):
    """One person's approval of a loan; neither the person nor their key counts twice."""

    __tablename__ = "loan_approval"
    __table_args__ = (UniqueConstraint("loan_id", "signer"),)

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    person: str = Field(primary_key=True, max_length=32)
    signer: str = Field(max_length=32)
    role: str = Field(max_length=32)
    given_at: datetime = Field(sa_type=UtcDateTime)


class LoanActRow(SQLModel, table=True):
    """One act on a loan with the facts that decided it. Rows are only ever added."""

    __tablename__ = "loan_act"

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    act: str = Field(max_length=32)
    before: str = Field(max_length=16)
    after: str = Field(max_length=16)
    by: str = Field(max_length=66)
    facts: dict[str, Any] = Field(sa_type=JSON)
    at: datetime = Field(sa_type=UtcDateTime)


class FreezeRow(SQLModel, table=True):
    """A reason why nothing may be drawn; lifted by two people, never deleted."""

    __tablename__ = "loan_freeze"
    __table_args__ = (
        Index(
            "uq_loan_freeze_standing",
            "loan_id",
            "reason",
            unique=True,
            sqlite_where=FROZEN,
            postgresql_where=FROZEN,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    loan_id: str = Field(max_length=40, foreign_key="loan.id", index=True)
    reason: str = Field(max_length=64)
    facts: dict[str, Any] = Field(sa_type=JSON)
    frozen_by: str = Field(max_length=66)
    frozen_at: datetime = Field(sa_type=UtcDateTime)
    lifted_by: list[str] | None = Field(default=None, sa_type=JSON)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LoanDocumentRow(SQLModel, table=True):
    """A kept document that came with an application, by the SHA-256 of its bytes."""

    __tablename__ = "loan_document"

    loan_id: str = Field(primary_key=True, max_length=40, foreign_key="loan.id")
    sha256: str = Field(primary_key=True, max_length=64)


append_only(ProductRow)
append_only(LoanDocumentRow)
append_only(LoanActRow)
append_only(ApprovalRow)


def product_of(session: Session, name: str, version: int) -> Product:
    """The product as it was stored.

    Raises:
        ProductUnknown: there is none of that name and version.
    """
    row = session.get(ProductRow, (name, version))
    if row is None:
        raise ProductUnknown(product=name, version=version)
    return product_from_json(row.terms)


def loan_row(session: Session, loan_id: str) -> LoanRow:
    """The row of a loan, to be changed by an act.

    Raises:
        LoanUnknown: there is none.
    """
    row = session.get(LoanRow, loan_id)
    if row is None:
        raise LoanUnknown(loan_id=loan_id)
    return row


def loan_of(session: Session, loan_id: str) -> Loan:
    """The loan in our words; `receipts` are all that it was made on.

    Raises:
        LoanUnknown: there is none.
    """
    row = loan_row(session, loan_id)
    receipts = session.exec(
        select(LoanReceiptRow.receipt)
        .where(LoanReceiptRow.loan_id == loan_id)
        .order_by(col(LoanReceiptRow.receipt))
    ).all()
    return Loan(
        id=row.id,
        borrower=row.borrower,
        product=product_of(session, row.product_name, row.product_version),
        principal=Money(row.principal_minor, row.currency),
        tenor_days=row.tenor_days,
        purpose=row.purpose,
        payee=Payee(**row.payee),
        receipts=tuple(receipts),
        state=LoanState(row.state),
        maker=row.maker,
        terms=row.terms,
        pledge_id=row.pledge_id,
        drawn_on=row.drawn_on,
        due_on=row.due_on,
    )


def loan_id_by_terms(session: Session, terms: bytes) -> str | None:
    """The loan whose terms have this commitment, if any."""
    return session.exec(select(LoanRow.id).where(LoanRow.terms == terms)).one_or_none()


def loan_id_by_pledge(session: Session, pledge_id: int) -> str | None:
    """The loan that rests on this pledge, if any."""
    return session.exec(select(LoanRow.id).where(LoanRow.pledge_id == pledge_id)).one_or_none()


def loan_ids_in(session: Session, states: Collection[LoanState]) -> list[str]:
    """Numbers of the loans stored in one of these states, in order."""
    wanted = [state.value for state in states]
    return list(
        session.exec(select(LoanRow.id).where(col(LoanRow.state).in_(wanted)).order_by(col(LoanRow.id))).all()
    )


def loan_ids_drawn_by(session: Session, borrower: bytes) -> list[str]:
    """Numbers of one borrower's loans that have been drawn and are not closed, in order."""
    drawn = select(LoanRow.id).where(
        LoanRow.borrower == borrower,
        col(LoanRow.drawn_on).is_not(None),
        LoanRow.state != LoanState.CLOSED.value,
    )
    return list(session.exec(drawn.order_by(col(LoanRow.id))).all())


def currencies_in(session: Session, states: Collection[LoanState]) -> dict[str, str]:
    """The currency of each loan stored in one of these states, by number."""
    wanted = [state.value for state in states]
    found = session.exec(select(LoanRow.id, LoanRow.currency).where(col(LoanRow.state).in_(wanted))).all()
    return dict(found)


def loan_ids_on(session: Session, receipt: int) -> list[str]:
    """Numbers of the loans that rest on a receipt and have not let it go: one at most."""
    standing = select(LoanReceiptRow.loan_id).where(
        LoanReceiptRow.receipt == receipt, col(LoanReceiptRow.ended_at).is_(None)
    )
    return list(session.exec(standing).all())


def standing_receipts(session: Session, loan_id: str) -> list[LoanReceiptRow]:
    """The receipts that a loan still rests on, in order."""
    standing = select(LoanReceiptRow).where(
        LoanReceiptRow.loan_id == loan_id, col(LoanReceiptRow.ended_at).is_(None)
    )
    return list(session.exec(standing.order_by(col(LoanReceiptRow.receipt))).all())


def approvals_of(session: Session, loan_id: str) -> list[ApprovalRow]:
    """Approvals in the order they were given."""
    return list(
        session.exec(
            select(ApprovalRow).where(ApprovalRow.loan_id == loan_id).order_by(col(ApprovalRow.given_at))
        ).all()
    )


def acts_of(session: Session, loan_id: str) -> list[LoanActRow]:
    """Everything that was done to a loan, in order."""
    return list(
        session.exec(
            select(LoanActRow).where(LoanActRow.loan_id == loan_id).order_by(col(LoanActRow.number))
        ).all()
    )


def acts_after(session: Session, loan_id: str, after: int, limit: int) -> list[LoanActRow]:
    """What was done to a loan behind that act, in order."""
    found = select(LoanActRow).where(LoanActRow.loan_id == loan_id, LoanActRow.number > after)
    return list(session.exec(found.order_by(col(LoanActRow.number)).limit(limit)).all())


def last_value(session: Session, loan_id: str) -> int:
    """The market value in minor units that the loan's disbursement was decided on."""
    decided = [row for row in acts_of(session, loan_id) if row.act == Act.DISBURSE]
    return int(decided[-1].facts["market_value_minor"])


def next_act_number(session: Session, loan_id: str) -> int:
    """The number of the next act of a loan, from 1."""
    return session.exec(select(func.count()).where(LoanActRow.loan_id == loan_id)).one() + 1


def standing_freezes(session: Session, loan_id: str) -> list[FreezeRow]:
    """What freezes the loan now."""
    standing = select(FreezeRow).where(FreezeRow.loan_id == loan_id, col(FreezeRow.lifted_at).is_(None))
    return list(session.exec(standing.order_by(col(FreezeRow.id))).all())


def loans_after(session: Session, borrower: bytes | None, after: str, limit: int) -> list[LoanRow]:
    """Loans behind the number `after`, in order; of one borrower, or of all."""
    found = select(LoanRow).where(LoanRow.id > after)
    if borrower is not None:
        found = found.where(LoanRow.borrower == borrower)
    return list(session.exec(found.order_by(col(LoanRow.id)).limit(limit)).all())


def products_after(session: Session, after: tuple[str, int] | None, limit: int) -> list[ProductRow]:
    """Product versions behind that one, or from the first on, by name and version."""
    found = select(ProductRow)
    if after is not None:
        name, version = after
        same_name = and_(col(ProductRow.name) == name, col(ProductRow.version) > version)
        found = found.where(or_(col(ProductRow.name) > name, same_name))
    ordered = found.order_by(col(ProductRow.name), col(ProductRow.version))
    return list(session.exec(ordered.limit(limit)).all())


def products_under(session: Session, loan_ids: Sequence[str]) -> dict[str, Product]:
    """The product of each loan, by the loan's number; one statement however many."""
    same = and_(LoanRow.product_name == ProductRow.name, LoanRow.product_version == ProductRow.version)
    found = select(LoanRow.id, ProductRow.terms).where(same, col(LoanRow.id).in_(loan_ids))
    return {loan_id: product_from_json(terms) for loan_id, terms in session.exec(found).all()}


def documents_of(session: Session, loan_id: str) -> list[str]:
    """What was kept with an application."""
    found = select(LoanDocumentRow.sha256).where(LoanDocumentRow.loan_id == loan_id)
    return list(session.exec(found.order_by(col(LoanDocumentRow.sha256))).all())

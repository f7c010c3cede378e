"""The mark that a restored bank bears until it knows again what it has done."""

from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from backend.db import BigInt, HexId, UtcDateTime


class ReconciliationRow(SQLModel, table=True):
    """One restoring: from which height of the ledger, and when and by whom the bank was let act again.

    While a row has no `lifted_at` the bank only reads. `by` is empty where nothing needed a person.
    """

    __tablename__ = "reconciliation"

    id: int | None = Field(default=None, primary_key=True)
    restored_at: datetime = Field(sa_type=UtcDateTime)
    height: int | None = Field(default=None, sa_type=BigInt)
    block_number: int | None = Field(default=None, sa_type=BigInt)
    block_hash: bytes | None = Field(default=None, sa_type=HexId)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    report_hash: bytes | None = Field(default=None, sa_type=HexId)
    by: list[str] = Field(default_factory=list, sa_type=JSON)


def standing_marks(session: Session) -> list[ReconciliationRow]:
    """The marks that stand, oldest first; more than one where a restored bank was backed up and restored."""
    standing = select(ReconciliationRow).where(col(ReconciliationRow.lifted_at).is_(None))
    return list(session.exec(standing.order_by(col(ReconciliationRow.id))).all())

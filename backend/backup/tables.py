"""The mark that a restored bank bears until it knows again what it has done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from backend.backup.rules import Step, StepKind
from backend.db import BigInt, HexId, UtcDateTime, append_only


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


class ReconciliationStepRow(SQLModel, table=True):
    """Something that reconciling a mark has done, kept in the transaction in which it was done."""

    __tablename__ = "reconciliation_step"
    __table_args__ = (UniqueConstraint("mark", "kind", "subject"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    mark: int = Field(foreign_key="reconciliation.id")
    kind: str = Field(max_length=32)
    subject: str = Field(max_length=200)
    facts: dict[str, Any] = Field(sa_type=JSON)


class ReconciliationReportRow(SQLModel, table=True):
    """The report on which a mark was lifted, and who accepted it; nobody where it needed no person."""

    __tablename__ = "reconciliation_report"

    hash: bytes = Field(primary_key=True, sa_type=HexId)
    report: str
    by: list[str] = Field(sa_type=JSON)
    at: datetime = Field(sa_type=UtcDateTime)


append_only(ReconciliationStepRow)
append_only(ReconciliationReportRow)


def keep_step(
    session: Session, mark: int, kind: StepKind, subject: str, facts: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Keep that something was done; what was kept first stays, and is what this gives."""
    found = select(ReconciliationStepRow).where(
        ReconciliationStepRow.mark == mark,
        ReconciliationStepRow.kind == kind.value,
        ReconciliationStepRow.subject == subject,
    )
    row = session.exec(found).first()
    if row is None:
        row = ReconciliationStepRow(mark=mark, kind=kind.value, subject=subject, facts=dict(facts))
        session.add(row)
        session.flush()
    return row.facts


def steps_of(session: Session, mark: int) -> list[Step]:
    """What was done for a mark, in its order."""
    found = select(ReconciliationStepRow).where(ReconciliationStepRow.mark == mark)
    rows = session.exec(found.order_by(col(ReconciliationStepRow.id))).all()
    return [Step(StepKind(row.kind), row.subject, row.facts) for row in rows]

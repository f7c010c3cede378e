"""Whether a bank that was restored may act again."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from backend.backup.rules import NotReconciled, Report
from backend.backup.tables import ReconciliationReportRow, standing_marks


def is_reconciled(session: Session) -> bool:
    """Whether the bank may act."""
    return not standing_marks(session)


def require_reconciled(session: Session) -> None:
    """Refuse to act while a mark stands.

    Raises:
        NotReconciled: with the instant of the restoring and the backup's height.
    """
    for mark in standing_marks(session):
        raise NotReconciled(restored_at=mark.restored_at.isoformat(), height=mark.height)


def lift(session: Session, report: Report, *, by: Sequence[str], now: datetime) -> None:
    """Keep the report with who accepted it, and let the bank act; where no mark stands nothing happens."""
    marks = standing_marks(session)
    if not marks:
        return
    text = report.canonical().decode()
    session.add(ReconciliationReportRow(hash=report.hash(), report=text, by=list(by), at=now))
    for mark in marks:
        mark.lifted_at, mark.report_hash, mark.by = now, report.hash(), list(by)
    session.flush()

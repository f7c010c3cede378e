"""Whether a bank that was restored may act again."""

from sqlmodel import Session

from backend.backup.rules import NotReconciled
from backend.backup.tables import standing_marks


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

"""Keep an organisation's documents, and find them again."""

from datetime import datetime

from sqlmodel import Session

from backend.documents.rules import Document, KeptUnknown
from backend.documents.tables import KeptDocumentRow, first_kept, newest_kept
from iot_bridge.evidence.store import EvidenceStore


class DocumentStore(EvidenceStore):
    """Where the bytes of documents are: files by their SHA-256, apart from the evidence."""


def keep(
    session: Session, document: Document, *, organisation: str, by: str, at: datetime
) -> KeptDocumentRow:
    """Note that an organisation keeps a document whose bytes are in the store; a second time changes nothing.

    Args:
        session: the unit of work.
        document: whose bytes were put into the store before.
        organisation: who keeps it.
        by: the person or key that sent it.
        at: the wall clock's instant.
    """
    found = session.get(KeptDocumentRow, (document.sha256, organisation))
    if found is not None:
        return found
    row = KeptDocumentRow(
        sha256=document.sha256,
        organisation=organisation,
        media_type=document.media_type.value,
        size=document.size,
        kept_by=by,
        kept_at=at,
    )
    session.add(row)
    session.flush()
    return row


def require_kept(session: Session, sha256: str, organisation: str) -> KeptDocumentRow:
    """The organisation's document.

    Raises:
        KeptUnknown: it keeps none of that SHA-256.
    """
    found = session.get(KeptDocumentRow, (sha256, organisation))
    if found is None:
        raise KeptUnknown(sha256=sha256)
    return found


def kept_by(session: Session, organisation: str, limit: int) -> list[KeptDocumentRow]:
    """The organisation's newest documents, newest first."""
    return newest_kept(session, organisation, limit)


def kept_by_anybody(session: Session, sha256: str) -> KeptDocumentRow:
    """The document, whichever organisation keeps it; for those who look at everybody's.

    Raises:
        KeptUnknown: nobody keeps one of that SHA-256.
    """
    found = first_kept(session, sha256)
    if found is None:
        raise KeptUnknown(sha256=sha256)
    return found

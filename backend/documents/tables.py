"""Which organisation keeps which document; the bytes are in a folder, by their SHA-256."""

from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from backend.db import UtcDateTime, append_only


class KeptDocumentRow(SQLModel, table=True):
    """A document of an organisation; another that keeps the same bytes has a row of its own."""

    __tablename__ = "kept_document"

    sha256: str = Field(primary_key=True, max_length=64)
    organisation: str = Field(primary_key=True, max_length=32)
    media_type: str = Field(max_length=80)
    size: int
    kept_by: str = Field(max_length=64)
    kept_at: datetime = Field(sa_type=UtcDateTime)


append_only(KeptDocumentRow)


def first_kept(session: Session, sha256: str) -> KeptDocumentRow | None:
    """The row of whichever organisation kept the document first."""
    return session.exec(
        select(KeptDocumentRow)
        .where(col(KeptDocumentRow.sha256) == sha256)
        .order_by(col(KeptDocumentRow.kept_at), col(KeptDocumentRow.organisation))
        .limit(1)
    ).first()


def newest_kept(session: Session, organisation: str, limit: int) -> list[KeptDocumentRow]:
    """The newest documents of an organisation, newest first."""
    found = select(KeptDocumentRow).where(KeptDocumentRow.organisation == organisation)
    ordered = found.order_by(col(KeptDocumentRow.kept_at).desc(), col(KeptDocumentRow.sha256))
    return list(session.exec(ordered.limit(limit)).all())

"""What the door remembers: answers that were given, and acts that wait for a second person."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, Session, SQLModel, col, select

from backend.db import UtcDateTime


class AnswerRow(SQLModel, table=True):
    """The answer to one request under one key, kept in the unit of work of its effect."""

    __tablename__ = "answer"

    organisation: str = Field(primary_key=True, max_length=32)
    principal: str = Field(primary_key=True, max_length=64)
    key: str = Field(primary_key=True, max_length=128)
    operation: str = Field(max_length=300)
    body_hash: str = Field(max_length=64)
    status: int
    body: str
    answered_at: datetime = Field(sa_type=UtcDateTime)


class WaitingActRow(SQLModel, table=True):
    """An act that one person has asked for and that needs a second."""

    __tablename__ = "waiting_act"
    __table_args__ = (
        Index(
            "uq_waiting_act_open",
            "organisation",
            "act",
            "subject",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    organisation: str = Field(max_length=32)
    act: str = Field(max_length=64)
    subject: str = Field(max_length=128)
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    first: str = Field(max_length=32)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    second: str | None = Field(default=None, max_length=32)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_as: str | None = Field(default=None, max_length=16)


def open_act(session: Session, organisation: str, act: str, subject: str) -> WaitingActRow | None:
    """The act of an organisation that waits about a subject, if one does."""
    return session.exec(
        select(WaitingActRow).where(
            col(WaitingActRow.organisation) == organisation,
            col(WaitingActRow.act) == act,
            col(WaitingActRow.subject) == subject,
            col(WaitingActRow.ended_at).is_(None),
        )
    ).first()


def open_acts(session: Session, organisation: str, after: int, limit: int) -> list[WaitingActRow]:
    """Acts of an organisation that wait for a second person, oldest first, from behind `after`."""
    found = session.exec(
        select(WaitingActRow)
        .where(
            col(WaitingActRow.organisation) == organisation,
            col(WaitingActRow.ended_at).is_(None),
            col(WaitingActRow.id) > after,
        )
        .order_by(col(WaitingActRow.id))
        .limit(limit)
    )
    return list(found)

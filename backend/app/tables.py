"""What the worker leaves behind so that others can tell whether it is at work."""

from datetime import datetime

from sqlmodel import Field, Session, SQLModel

from backend.db import UtcDateTime

THE_ONE = 1


class BeatRow(SQLModel, table=True):
    """When the acting worker last went round; there is one, because one worker acts."""

    __tablename__ = "worker_beat"

    id: int = Field(default=THE_ONE, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    is_listening: bool


def beat(session: Session, at: datetime, *, is_listening: bool) -> None:
    """Leave word that the worker goes round."""
    row = session.get(BeatRow, THE_ONE)
    if row is None:
        session.add(BeatRow(at=at, is_listening=is_listening))
    else:
        row.at, row.is_listening = at, is_listening
    session.flush()


def beat_of(session: Session) -> BeatRow | None:
    """The last word of the worker, if there ever was one."""
    return session.get(BeatRow, THE_ONE)

"""Who acts for the bank: one process on one database leads, the others stand by until it is gone.

The lead is a lock that dies with its process: on PostgreSQL an advisory lock of a session of its own, on
SQLite a locked file beside the database. A pooler that shares sessions between transactions cannot carry it.
"""

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import Final, Protocol

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from backend.db import DatabaseUnavailable, naming_troubles

LEAD: Final = 0x7461_6C6C_7973_7469
"""The advisory lock's number, the same for every bank: each has a database of its own."""
ASK_EVERY_S: Final = 0.5
log = structlog.get_logger(__name__)


class Lead(Protocol):
    """The right to act; at most one process has it."""

    def gain(self) -> bool:
        """Take it if nobody has it; whether it is ours now.

        Raises:
            DatabaseUnavailable: the database does not answer.
        """
        ...

    def holds(self) -> bool:
        """Whether it is still ours; once it is not, nothing may be done any more."""
        ...

    def resign(self) -> None:
        """Give it back, if it is ours."""
        ...


class FileLead:
    """The lead of a SQLite database: a lock on the file `<database>.lead`."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lead")
        self._file: int | None = None

    def gain(self) -> bool:
        """Take it if nobody has it."""
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def holds(self) -> bool:
        """The system takes a file's lock back only with the process."""
        return self._file is not None

    def resign(self) -> None:
        """Let the file go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class SessionLead:
    """The lead of a PostgreSQL database: an advisory lock of a session that does nothing else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._session: Connection | None = None

    def gain(self) -> bool:
        """Take it if nobody has it; the same session asks again while it stands by."""
        try:
            with naming_troubles():
                if self._session is None:
                    self._session = self._engine.connect()
                    self._session.detach()
                asked = text("SELECT pg_try_advisory_lock(:lead)")
                return bool(self._session.execute(asked, {"lead": LEAD}).scalar_one())
        except DatabaseUnavailable:
            self.resign()
            raise

    def holds(self) -> bool:
        """Whether the session still answers: its lock goes when it goes."""
        if self._session is None:
            return False
        try:
            self._session.execute(text("SELECT 1"))
        except DBAPIError as error:
            log.warning("lead_lost", why=str(error.orig).strip())
            self.resign()
            return False
        return True

    def resign(self) -> None:
        """End the session."""
        if self._session is not None:
            session, self._session = self._session, None
            with contextlib.suppress(DBAPIError):
                session.close()


def lead_of(engine: Engine) -> Lead:
    """The one lead of a database."""
    if engine.dialect.name == "sqlite":
        return FileLead(Path(str(engine.url.database)))
    return SessionLead(engine)


def stand_by(lead: Lead, ending: threading.Event) -> bool:
    """Wait until the lead is ours; false when `ending` came first. A database that is down is waited for."""
    said: str | None = None
    while not ending.is_set():
        try:
            if lead.gain():
                log.info("leading")
                return True
            event, facts = "standing_by", {}
        except DatabaseUnavailable as trouble:
            event, facts = "database_unavailable", {"why": str(trouble)}
        if event != said:
            log.warning(event, **facts)
            said = event
        ending.wait(ASK_EVERY_S)
    return False

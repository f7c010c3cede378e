"""A SQLite file proven to keep what it commits, written by one process only, which says when it is full."""

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from iot_bridge.evidence.errors import EdgeError

_FULL: Final = 2
_PAGE: Final = 4096
_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
"""The second is said when there is no room for the index of the write-ahead log."""
_MIB: Final = 1 << 20
_MEMORY: Final = """
CREATE TABLE IF NOT EXISTS remembered (name TEXT PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL);
"""
_NOTHING: Final = (0, bytes(32))


class SpoolNotDurable(EdgeError):
    """The spool's disk does not keep what is committed, so nothing may be signed on it."""

    code = "spool.not_durable"


class SpoolInUse(EdgeError):
    """Another process has this spool; two would sign two statements under one sequence number."""

    code = "spool.in_use"


class SpoolFull(EdgeError):
    """There is no room for another statement; everything taken so far is kept."""

    code = "spool.full"


class SpoolBroken(EdgeError):
    """The spool could not be written, for another reason than room; the program stops."""

    code = "spool.broken"
    ends_program = True


class DurableFile:
    """An open file in WAL mode with `synchronous=FULL`, and the lock that goes with it.

    Safe to use from several threads of one process; a second process is refused.

    Raises:
        SpoolInUse: another process has it.
        SpoolNotDurable: its disk does not keep what is committed.
        SpoolFull, SpoolBroken: it could not be opened, for want of room or another reason.
    """

    def __init__(self, path: Path, schema: str, *, most_mib: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._claim = _claim(path.with_suffix(".lock"))
        try:
            self._connection = _open(path, _MEMORY + schema)
        except BaseException as error:
            self._claim.close()
            if isinstance(error, sqlite3.OperationalError):
                raise _named(error) from error
            raise
        if most_mib:
            self._connection.execute(f"PRAGMA max_page_count={most_mib * _MIB // _PAGE}")

    def close(self) -> None:
        """Give the file up to another process."""
        with self._lock:
            self._connection.close()
            self._claim.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The file as it is between two units of work."""
        with self._lock:
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One unit of work, durable at its end or undone.

        Raises:
            SpoolFull: the disk, or the size allowed to the file, has no room for it.
            SpoolBroken: it could not be written for another reason.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise _named(error) from error
                raise

    def remember(self, name: str, number: int, found: bytes) -> None:
        """Keep a number and a hash under a name, over restarts.

        Raises:
            SpoolFull, SpoolBroken: they were not kept.
        """
        with self.transaction() as connection:
            remember(connection, name, number, found)

    def remembered(self, name: str) -> tuple[int, bytes]:
        """What was kept under a name; 0 and zero where nothing was."""
        with self.reading() as connection:
            return remembered(connection, name)


def remember(connection: sqlite3.Connection, name: str, number: int, found: bytes) -> None:
    """Keep a number and a hash under a name, in a transaction that is under way."""
    connection.execute(
        "INSERT INTO remembered VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET number = ?2, hash = ?3",
        (name, number, found),
    )


def remembered(connection: sqlite3.Connection, name: str) -> tuple[int, bytes]:
    """What was kept under a name, in a transaction that is under way."""
    row = connection.execute("SELECT number, hash FROM remembered WHERE name = ?", (name,)).fetchone()
    return _NOTHING if row is None else (row[0], row[1])


def _claim(path: Path) -> TextIO:
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise SpoolInUse(lock=str(path)) from error
    return file


def _open(path: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _require_durable(connection)
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _require_durable(connection: sqlite3.Connection) -> None:
    facts = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    if facts != {"journal_mode": "wal", "synchronous": _FULL}:
        raise SpoolNotDurable(**facts)


def _named(error: sqlite3.OperationalError) -> EdgeError:
    if error.sqlite_errorcode in _NO_ROOM:
        return SpoolFull(why=error.sqlite_errorname)
    return SpoolBroken(why=error.sqlite_errorname)

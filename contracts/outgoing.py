"""The book of what was signed to be sent: one SQLite file for one chain. Knows neither nodes nor keys.

An entry is durable before anybody hears of it, and a key stands for one act for all time.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import LedgerError

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS chain (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS act (
    key TEXT PRIMARY KEY, sender TEXT NOT NULL, nonce INTEGER NOT NULL, recipient TEXT, data BLOB NOT NULL,
    gas INTEGER NOT NULL, UNIQUE (sender, nonce));
CREATE TABLE IF NOT EXISTS signed (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL REFERENCES act, nonce INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE, raw BLOB NOT NULL, max_fee INTEGER NOT NULL, tip INTEGER NOT NULL,
    at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS adopted (sender TEXT PRIMARY KEY, next INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS signed_by_key ON signed (key, number);
"""
_FULL: Final = 2  # how SQLite reports `synchronous=FULL`


class BookNotDurable(LedgerError):
    """The book's file would not keep what it has taken, so nothing may be sent by it."""

    code = "sender.book_not_durable"


class BookOfAnotherChain(LedgerError):
    """The book holds what was sent to another chain; its keys and nonces mean nothing on this one."""

    code = "sender.book_of_another_chain"


@dataclass(frozen=True, slots=True)
class Entry:
    """An act as it was signed: by whom, under which nonce, and its fields."""

    key: str
    sender: str
    nonce: int
    to: str | None
    data: bytes
    gas: int


@dataclass(frozen=True, slots=True)
class Signed:
    """The bytes of one attempt at an act; `at` is when they were signed, in seconds since 1970."""

    nonce: int
    hash: bytes
    raw: bytes
    max_fee: int
    tip: int
    at: float


class Book:
    """One file; its writer is one process, whose threads take turns."""

    def __init__(self, path: Path, chain_id: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        if self._connection.execute("PRAGMA synchronous").fetchone()[0] != _FULL:
            raise BookNotDurable(file=str(path))
        self._connection.executescript(SCHEMA)
        self._connection.execute("INSERT OR IGNORE INTO chain VALUES (1, ?)", (chain_id,))
        held = self._connection.execute("SELECT id FROM chain").fetchone()[0]
        if held != chain_id:
            raise BookOfAnotherChain(file=str(path), held=held, served=chain_id)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it is kept, or none."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def entry(self, key: str) -> Entry | None:
        """The act of that key."""
        row = self._connection.execute(
            "SELECT key, sender, nonce, recipient, data, gas FROM act WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else Entry(row[0], row[1], row[2], row[3], bytes(row[4]), row[5])

    def attempts(self, key: str) -> list[Signed]:
        """Every attempt at an act, the newest last."""
        rows = self._connection.execute(
            "SELECT nonce, hash, raw, max_fee, tip, at FROM signed WHERE key = ? ORDER BY number", (key,)
        )
        return [Signed(row[0], bytes(row[1]), bytes(row[2]), row[3], row[4], row[5]) for row in rows]

    def key_of(self, tx_hash: bytes) -> str | None:
        """The act that was once signed under this hash."""
        row = self._connection.execute("SELECT key FROM signed WHERE hash = ?", (tx_hash,)).fetchone()
        return None if row is None else str(row[0])

    def key_at(self, sender: str, nonce: int) -> str | None:
        """The act that is signed under this nonce now."""
        row = self._connection.execute(
            "SELECT key FROM act WHERE sender = ? AND nonce = ?", (sender, nonce)
        ).fetchone()
        return None if row is None else str(row[0])

    def next_nonce(self, sender: str, on_chain: int) -> int:
        """The sender's first free nonce, when the chain knows of `on_chain` transactions of it."""
        highest = self._connection.execute(
            "SELECT max(nonce) FROM act WHERE sender = ?", (sender,)
        ).fetchone()[0]
        adopted = self._connection.execute("SELECT next FROM adopted WHERE sender = ?", (sender,)).fetchone()
        ours = 0 if highest is None else int(highest) + 1
        return max(on_chain, ours, 0 if adopted is None else int(adopted[0]))

    def adopt(self, sender: str, first_free: int) -> None:
        """Sign nothing more under a nonce below `first_free`: the ledger knows more of the sender."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO adopted VALUES (?, ?)"
                " ON CONFLICT (sender) DO UPDATE SET next = max(next, excluded.next)",
                (sender, first_free),
            )

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def keep(self, entry: Entry, signed: Signed) -> None:
        """Enter an act, or move it to another nonce, with its newest attempt."""
        self._connection.execute(
            "INSERT INTO act VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET nonce = excluded.nonce",
            (entry.key, entry.sender, entry.nonce, entry.to, entry.data, entry.gas),
        )
        self._connection.execute(
            "INSERT INTO signed (key, nonce, hash, raw, max_fee, tip, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (entry.key, signed.nonce, signed.hash, signed.raw, signed.max_fee, signed.tip, signed.at),
        )

    def strike(self, key: str) -> None:
        """Take out an act that no node ever took."""
        with self.transaction():
            self._connection.execute("DELETE FROM signed WHERE key = ?", (key,))
            self._connection.execute("DELETE FROM act WHERE key = ?", (key,))

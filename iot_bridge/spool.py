"""What the bridge took and has not got rid of yet, and the site's log over all it ever took: one SQLite file.

A statement is durable here, with its place in the log, before anything else happens to it. Its body leaves
only when the bank has acknowledged it and a confirmed head covers it; its entry stays, for a log only grows.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iot_bridge.durable import DurableFile, remember, remembered
from iot_bridge.evidence.acknowledgement import Acknowledgement
from iot_bridge.evidence.body import Body
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.evidence.log import Log, Node, genesis_entry
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import ZERO32, SignedStatement, statement_id

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    log_index INTEGER PRIMARY KEY, id BLOB UNIQUE, device TEXT, seq INTEGER, entry BLOB NOT NULL,
    UNIQUE (device, seq));
CREATE TABLE IF NOT EXISTS node (
    height INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (height, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (
    log_index INTEGER PRIMARY KEY REFERENCES entry (log_index), device TEXT NOT NULL, body TEXT NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0);
"""


class SpoolOfAnotherLog(EdgeError):
    """The spool was begun for another site, chain or epoch."""

    code = "spool.of_another_log"


class SequenceTaken(EdgeError):
    """The device signed another statement under this sequence number: it says two things at once."""

    code = "spool.sequence_taken"


class AcknowledgementUnknown(EdgeError):
    """An acknowledgement names a statement or a place that this log does not have."""

    code = "spool.acknowledgement_unknown"


class AcknowledgementContradicts(EdgeError):
    """An acknowledgement vouches for another head than this log has at that size: two views go round."""

    code = "spool.acknowledgement_contradicts"


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log this is: what its genesis entry commits to."""

    chain_id: int
    evidence_log: str
    site: str
    epoch: int = 1

    def genesis(self) -> bytes:
        """The entry at index 0."""
        return genesis_entry(
            chain_id=self.chain_id, evidence_log=self.evidence_log, site=self.site, epoch=self.epoch
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a device's own chain stands: the last sequence number it used and the id of that statement."""

    seq: int
    last_id: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """A statement that is durable, at its place in the site's log; `is_new` unless it was there before."""

    index: int
    id: bytes
    signed: SignedStatement
    body: str
    is_new: bool = True

    def message(self) -> StatementMessage:
        """The message that carries it to the bank."""
        return StatementMessage(self.signed.statement.site, self.index, self.signed.entry(), self.body)


Along = Callable[[sqlite3.Connection, Taken], None]
"""Something else to write in the very transaction that takes a statement."""


class Spool:
    """The one writer of a site's log, safe to use from several threads; a call is a durable transaction."""

    def __init__(self, path: Path, identity: LogIdentity, *, most_mib: int = 0) -> None:
        self.identity = identity
        self._file = DurableFile(path, _SCHEMA, most_mib=most_mib)
        try:
            with self.transaction() as connection:
                _begin_log(connection, identity.genesis())
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Give the spool up to another process."""
        self._file.close()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """One unit of work, durable at its end or undone.

        Raises:
            SpoolFull: the disk, or the size allowed to the spool, has no room for it.
            SpoolBroken: it could not be written for another reason.
        """
        return self._file.transaction()

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """The spool as it is between two units of work."""
        return self._file.reading()

    def extend(
        self,
        device: str,
        make: Callable[[Position], tuple[SignedStatement, Body]],
        along: Along | None = None,
    ) -> Taken:
        """Take the next statement of a device of this bridge, made for the place where its chain stands.

        Raises:
            SpoolFull, SpoolBroken: it was not taken.
        """
        with self.transaction() as connection:
            signed, body = make(_position(connection, device))
            taken = _append(connection, signed, body.text)
            if along is not None:
                along(connection, taken)
            return taken

    def admit(self, signed: SignedStatement, body: str, along: Along | None = None) -> Taken:
        """Take a statement that another device signed; one that is here already is found again and stays.

        Raises:
            SequenceTaken: another statement of the device has its sequence number.
            SpoolFull, SpoolBroken: it was not taken.
        """
        statement = signed.statement
        with self.transaction() as connection:
            found = connection.execute(
                "SELECT log_index, id FROM entry WHERE device = ? AND seq = ?",
                (statement.device, statement.seq),
            ).fetchone()
            if found is None:
                taken = _append(connection, signed, body)
                if along is not None:
                    along(connection, taken)
                return taken
            index, known = found
            this = statement_id(statement)
            if known != this:
                raise SequenceTaken(
                    device=statement.device,
                    seq=statement.seq,
                    known="0x" + known.hex(),
                    other="0x" + this.hex(),
                )
            return Taken(index, this, signed, body, is_new=False)

    def position(self, device: str) -> Position:
        """Where a device's chain stands."""
        with self.reading() as connection:
            return _position(connection, device)

    def size(self) -> int:
        """How many entries the log has, its genesis counted."""
        with self.reading() as connection:
            return _log(connection).size

    def root(self, size: int) -> bytes:
        """The root of the log at that size.

        Raises:
            HeadUnknown: it was never that large.
        """
        with self.reading() as connection:
            return _log(connection).root(size)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """The hashes that show the head at `new` to extend the one at `old`.

        Raises:
            HeadUnknown: the log never had one of these sizes.
        """
        with self.reading() as connection:
            return _log(connection).consistency_proof(old, new)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """The hashes that lead from the entry at `index` to the head at `size`.

        Raises:
            HeadUnknown: the log was never that large, or the index lies outside.
        """
        with self.reading() as connection:
            return _log(connection).inclusion_proof(index, size)

    def entries(self, start: int, most: int = 1000) -> list[bytes]:
        """The bytes of up to `most` entries from index `start` on."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT entry FROM entry WHERE log_index >= ? ORDER BY log_index LIMIT ?", (start, most)
            )
            return [row[0] for row in rows]

    def unacknowledged(self, start: int = 0, most: int = 200) -> list[StatementMessage]:
        """Up to `most` messages from index `start` on that the bank has not acknowledged, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT log_index, entry, body FROM waiting JOIN entry USING (log_index)"
                " WHERE NOT acknowledged AND log_index >= ? ORDER BY log_index LIMIT ?",
                (start, most),
            )
            return [StatementMessage(self.identity.site, *row) for row in rows]

    def waiting(self) -> int:
        """How many statements have not left yet."""
        with self.reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM waiting").fetchone()[0])

    def acknowledge(self, said: Acknowledgement) -> None:
        """Note that the bank has a statement; who signed the acknowledgement was checked before.

        Raises:
            AcknowledgementUnknown: the log has no such statement at that place.
            AcknowledgementContradicts: it vouches for a head that this log does not have.
        """
        with self.transaction() as connection:
            found = connection.execute("SELECT id FROM entry WHERE log_index = ?", (said.index,)).fetchone()
            if said.site != self.identity.site or found is None or found[0] != said.id:
                raise AcknowledgementUnknown(site=said.site, id="0x" + said.id.hex(), index=said.index)
            log = _log(connection)
            if said.size and (said.size > log.size or log.root(said.size) != said.root):
                raise AcknowledgementContradicts(size=said.size, root="0x" + said.root.hex())
            connection.execute("UPDATE waiting SET acknowledged = 1 WHERE log_index = ?", (said.index,))
            _let_go(connection)

    def confirm(self, size: int) -> None:
        """Note that the ledger has confirmed this log's head at `size`; what is acknowledged below it leaves.

        Raises:
            HeadUnknown: the log was never that large.
        """
        with self.transaction() as connection:
            root = _log(connection).root(size)
            if size > remembered(connection, "confirmed")[0]:
                remember(connection, "confirmed", size, root)
            _let_go(connection)

    def confirmed(self) -> int:
        """The size of the newest head that the ledger has confirmed, 0 before the first."""
        with self.reading() as connection:
            return remembered(connection, "confirmed")[0]

    @property
    def file(self) -> DurableFile:
        """The file itself, for what else must be kept with the statements."""
        return self._file


class _Nodes:
    """The nodes of the log, in the spool's own file and transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, node: Node) -> bytes:
        found = self._connection.execute("SELECT hash FROM node WHERE height = ? AND at = ?", node).fetchone()
        return bytes(found[0])

    def __setitem__(self, node: Node, found: bytes) -> None:
        self._connection.execute("INSERT INTO node (height, at, hash) VALUES (?, ?, ?)", (*node, found))


def _log(connection: sqlite3.Connection) -> Log:
    last = connection.execute("SELECT MAX(log_index) FROM entry").fetchone()[0]
    return Log(_Nodes(connection), size=0 if last is None else last + 1)


def _begin_log(connection: sqlite3.Connection, genesis: bytes) -> None:
    found = connection.execute("SELECT entry FROM entry WHERE log_index = 0").fetchone()
    if found is None:
        index = _log(connection).append(genesis)
        connection.execute("INSERT INTO entry (log_index, entry) VALUES (?, ?)", (index, genesis))
    elif found[0] != genesis:
        raise SpoolOfAnotherLog(found="0x" + found[0].hex(), wanted="0x" + genesis.hex())


def _append(connection: sqlite3.Connection, signed: SignedStatement, body: str) -> Taken:
    entry, statement = signed.entry(), signed.statement
    taken = Taken(_log(connection).append(entry), statement_id(statement), signed, body)
    connection.execute(
        "INSERT INTO entry (log_index, id, device, seq, entry) VALUES (?, ?, ?, ?, ?)",
        (taken.index, taken.id, statement.device, statement.seq, entry),
    )
    connection.execute(
        "INSERT INTO waiting (log_index, device, body) VALUES (?, ?, ?)",
        (taken.index, statement.device, body),
    )
    return taken


def _position(connection: sqlite3.Connection, device: str) -> Position:
    found = connection.execute(
        "SELECT seq, id FROM entry WHERE device = ? ORDER BY seq DESC LIMIT 1", (device,)
    ).fetchone()
    return Position(0, ZERO32) if found is None else Position(*found)


def _let_go(connection: sqlite3.Connection) -> None:
    confirmed, _ = remembered(connection, "confirmed")
    connection.execute("DELETE FROM waiting WHERE acknowledged AND log_index < ?", (confirmed,))

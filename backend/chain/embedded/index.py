"""What JSON-RPC is asked about most, as rows: blocks, transactions, logs, and the pool of what waits."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS genesis (id INTEGER PRIMARY KEY CHECK (id = 1), parameters TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS block (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS tx (
    hash BLOB PRIMARY KEY, block_number INTEGER NOT NULL REFERENCES block, tx_index INTEGER NOT NULL,
    receipt TEXT NOT NULL, UNIQUE (block_number, tx_index)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    block_number INTEGER NOT NULL REFERENCES block, log_index INTEGER NOT NULL, tx_hash BLOB NOT NULL,
    tx_index INTEGER NOT NULL, address BLOB NOT NULL, topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB,
    data BLOB NOT NULL, PRIMARY KEY (block_number, log_index)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS log_by_address ON log (address, block_number, log_index);
CREATE TABLE IF NOT EXISTS pool (
    hash BLOB PRIMARY KEY, sender BLOB NOT NULL, nonce INTEGER NOT NULL, raw BLOB NOT NULL,
    arrived INTEGER NOT NULL UNIQUE, UNIQUE (sender, nonce)) WITHOUT ROWID;
"""
TOPICS: Final = 4


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs are asked for: block numbers inclusive; an empty list or None accepts anything."""

    first: int
    last: int
    addresses: Sequence[bytes]
    topics: Sequence[Sequence[bytes] | None]


class Index:
    """The rows beside the key-value table, in the same file and the same transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(SCHEMA)

    def genesis(self) -> dict[str, Any] | None:
        """The parameters the chain was begun with; None before it was."""
        row = self._connection.execute("SELECT parameters FROM genesis").fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def begin(self, parameters: dict[str, Any], block_hash: bytes) -> None:
        """Remember the genesis block and what it was made from."""
        self._connection.execute("INSERT INTO genesis VALUES (1, ?)", (json.dumps(parameters),))
        self._connection.execute("INSERT INTO block VALUES (0, ?)", (block_hash,))

    def add_block(self, number: int, block_hash: bytes) -> None:
        """Remember a sealed block."""
        self._connection.execute("INSERT INTO block VALUES (?, ?)", (number, block_hash))

    def add_transaction(self, tx_hash: bytes, *, number: int, position: int, receipt: dict[str, Any]) -> None:
        """Remember a sealed transaction with its receipt in JSON-RPC's form, and take it out of the pool."""
        self._connection.execute(
            "INSERT INTO tx VALUES (?, ?, ?, ?)", (tx_hash, number, position, json.dumps(receipt))
        )
        for log in receipt["logs"]:
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            self._connection.execute(
                "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    int(log["logIndex"], 16),
                    tx_hash,
                    position,
                    bytes.fromhex(log["address"][2:]),
                    *topics,
                    *[None] * (TOPICS - len(topics)),
                    bytes.fromhex(log["data"][2:]),
                ),
            )
        self.drop(tx_hash)

    def number_of(self, block_hash: bytes) -> int | None:
        """The number of a block, None when it is not known."""
        row = self._connection.execute("SELECT number FROM block WHERE hash = ?", (block_hash,)).fetchone()
        return None if row is None else int(row[0])

    def hash_of(self, number: int) -> bytes | None:
        """The hash of a block, None when there is none of that number."""
        row = self._connection.execute("SELECT hash FROM block WHERE number = ?", (number,)).fetchone()
        return None if row is None else bytes(row[0])

    def place_of(self, tx_hash: bytes) -> tuple[int, int] | None:
        """Block number and position of a sealed transaction."""
        row = self._connection.execute(
            "SELECT block_number, tx_index FROM tx WHERE hash = ?", (tx_hash,)
        ).fetchone()
        return None if row is None else (int(row[0]), int(row[1]))

    def receipt(self, tx_hash: bytes) -> dict[str, Any] | None:
        """The receipt of a sealed transaction."""
        row = self._connection.execute("SELECT receipt FROM tx WHERE hash = ?", (tx_hash,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def receipts(self, number: int) -> list[dict[str, Any]]:
        """The receipts of a block, in order."""
        rows = self._connection.execute(
            "SELECT receipt FROM tx WHERE block_number = ? ORDER BY tx_index", (number,)
        )
        return [json.loads(row[0]) for row in rows]

    def logs(self, wanted: LogFilter, limit: int) -> list[dict[str, Any]]:
        """At most `limit` + 1 logs in order, in JSON-RPC's form."""
        where = ["log.block_number BETWEEN ? AND ?"]
        values: list[Any] = [wanted.first, wanted.last]
        if wanted.addresses:
            where.append(f"address IN ({_marks(wanted.addresses)})")
            values += wanted.addresses
        for position, accepted in enumerate(wanted.topics):
            if accepted is None:
                where.append(f"topic{position} IS NOT NULL")
            else:
                where.append(f"topic{position} IN ({_marks(accepted)})")
                values += accepted
        query = (
            "SELECT log.block_number, log_index, tx_hash, tx_index, address, topic0, topic1, topic2, topic3,"  # noqa: S608
            " data, block.hash FROM log JOIN block ON block.number = log.block_number"
            f" WHERE {' AND '.join(where)} ORDER BY log.block_number, log_index LIMIT ?"
        )
        return [_log(row) for row in self._connection.execute(query, [*values, limit + 1])]

    def pool(self) -> list[tuple[bytes, bytes]]:
        """Hash and raw bytes of what waits to be sealed, in order of arrival."""
        rows = self._connection.execute("SELECT hash, raw FROM pool ORDER BY arrived")
        return [(bytes(row[0]), bytes(row[1])) for row in rows]

    def count_waiting(self) -> int:
        """How many transactions wait."""
        return int(self._connection.execute("SELECT count(*) FROM pool").fetchone()[0])

    def pooled(self, tx_hash: bytes) -> bytes | None:
        """The raw bytes of one waiting transaction."""
        row = self._connection.execute("SELECT raw FROM pool WHERE hash = ?", (tx_hash,)).fetchone()
        return None if row is None else bytes(row[0])

    def pooled_at(self, sender: bytes, nonce: int) -> tuple[bytes, bytes] | None:
        """Hash and raw bytes of the waiting transaction of that sender and nonce."""
        row = self._connection.execute(
            "SELECT hash, raw FROM pool WHERE sender = ? AND nonce = ?", (sender, nonce)
        ).fetchone()
        return None if row is None else (bytes(row[0]), bytes(row[1]))

    def waiting_nonces(self, sender: bytes) -> list[int]:
        """The nonces of a sender that wait in the pool, ascending."""
        rows = self._connection.execute("SELECT nonce FROM pool WHERE sender = ? ORDER BY nonce", (sender,))
        return [int(row[0]) for row in rows]

    def admit(self, tx_hash: bytes, *, sender: bytes, nonce: int, raw: bytes) -> None:
        """Put a transaction in the pool, behind all others."""
        self._connection.execute(
            "INSERT INTO pool SELECT ?, ?, ?, ?, coalesce(max(arrived), 0) + 1 FROM pool",
            (tx_hash, sender, nonce, raw),
        )

    def drop(self, tx_hash: bytes) -> None:
        """Take a transaction out of the pool."""
        self._connection.execute("DELETE FROM pool WHERE hash = ?", (tx_hash,))


def _marks(values: Iterable[bytes]) -> str:
    return ", ".join("?" for _ in values)


def _log(row: Sequence[Any]) -> dict[str, Any]:
    return {
        "blockNumber": hex(row[0]),
        "logIndex": hex(row[1]),
        "transactionHash": "0x" + row[2].hex(),
        "transactionIndex": hex(row[3]),
        "address": "0x" + row[4].hex(),
        "topics": ["0x" + topic.hex() for topic in row[5:9] if topic is not None],
        "data": "0x" + row[9].hex(),
        "blockHash": "0x" + row[10].hex(),
        "removed": False,
    }

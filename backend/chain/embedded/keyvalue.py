"""The key-value store of py-evm's tries, blocks and code: one table of the chain's SQLite file."""

import sqlite3
from collections import OrderedDict
from typing import Final

from eth.db.backends.base import BaseDB
from typing_extensions import override

CACHED: Final = 200_000
"""Values kept in memory, a few hundred bytes each; a trie walk reads the same upper nodes again and again."""


class SqliteKeyValue(BaseDB):
    """Reads through a cache; writes go into whatever transaction the connection has open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID"
        )

    def forget(self) -> None:
        """Empty the cache; due after a rollback, when it holds values that were never stored."""
        self._cache.clear()

    def _remember(self, key: bytes, value: bytes) -> None:
        self._cache[key] = value
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)

    @override
    def __getitem__(self, key: bytes) -> bytes:
        found = self._cache.get(key)
        if found is not None:
            return found
        row = self._connection.execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value = bytes(row[0])
        self._remember(key, value)
        return value

    @override
    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO kv VALUES (?, ?)", (bytes(key), bytes(value)))
        self._remember(bytes(key), bytes(value))

    @override
    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("DELETE FROM kv WHERE k = ?", (key,)).rowcount == 0:
            raise KeyError(key)
        self._cache.pop(key, None)

    def _exists(self, key: bytes) -> bool:
        if key in self._cache:
            return True
        return self._connection.execute("SELECT 1 FROM kv WHERE k = ?", (key,)).fetchone() is not None

"""Sends acts to the ledger so that none is lost and none is done twice, whatever fails in between.

1. An act has a key; a key that was sent before is only asked after again.
2. A dry run names a refusal before anything is spent.
3. Each sender has its own nonce sequence, taken under a lock.
4. The signed bytes are durable before the node sees them; an unknown outcome is resolved by asking, and the
   very same bytes may be sent again.
5. What is stuck is replaced under the same nonce at a higher fee; every attempt is remembered.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from contracts.errors import LedgerError
from contracts.rpc import NodeRefused, Rpc

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS act (
    key TEXT PRIMARY KEY, sender TEXT NOT NULL, nonce INTEGER NOT NULL, recipient TEXT, data BLOB NOT NULL,
    gas INTEGER NOT NULL, UNIQUE (sender, nonce));
CREATE TABLE IF NOT EXISTS attempt (
    hash BLOB PRIMARY KEY, key TEXT NOT NULL REFERENCES act, raw BLOB NOT NULL, max_fee INTEGER NOT NULL);
"""
GAS_MARGIN_PERCENT: Final = 125
BUMP_PERCENT: Final = 125
TIP_WEI: Final = 0


class KeyReused(LedgerError):
    """This key already belongs to another act."""

    code = "sender.key_reused"


class ActUnknown(LedgerError):
    """Nothing was sent under this key."""

    code = "sender.act_unknown"


class Fate(StrEnum):
    """What has become of an act: `WAITING` is not in a block, `DONE` and `FAILED` are."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be sent: a key for all time, whom to call (None makes a contract), the call, the gas."""

    key: str
    to: str | None
    data: bytes
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of an act, and where it is in the chain once it is."""

    fate: Fate
    tx_hash: bytes
    receipt: dict[str, Any] | None = None


class Sender:
    """One outgoing book in one SQLite file, for any number of signing keys and threads of one process."""

    def __init__(self, rpc: Rpc, path: Path) -> None:
        self._rpc = rpc
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(SCHEMA)
        self._chain_id = rpc.chain_id()

    def send(self, act: Act, key: bytes) -> bytes:
        """Sign, keep and broadcast an act; its hash. The same key sends nothing new.

        Raises:
            Reverted: a contract refuses; nothing was sent and nothing kept.
            NodeRefused: the node does not take the transaction; nothing is kept.
            NodeUnavailable: the act is kept; call again with the same key.
            KeyReused: the key belongs to another act.
        """
        account: LocalAccount = Account.from_key(key)
        with self._lock:
            if self._known(act, account.address):
                return self._broadcast_again(act.key)
            gas = self._estimate(act, account.address) if act.gas is None else act.gas
            raw, tx_hash = self._keep(replace(act, gas=gas), account)
            try:
                self._rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
            except NodeRefused:
                self._forget(act.key)
                raise
            return tx_hash

    def outcome(self, key: str) -> Outcome:
        """What has become of the act; one that the node does not know any more is broadcast again, as it was.

        Raises:
            ActUnknown: nothing was sent under this key.
            NodeUnavailable: the node does not answer, so nothing is known.
        """
        attempts = self._attempts(key)
        for tx_hash, _ in attempts:
            receipt = self._rpc.call("eth_getTransactionReceipt", "0x" + tx_hash.hex())
            if receipt is not None:
                fate = Fate.DONE if int(receipt["status"], 16) else Fate.FAILED
                return Outcome(fate, tx_hash, receipt)
        newest_hash, newest_raw = attempts[-1]
        if self._rpc.call("eth_getTransactionByHash", "0x" + newest_hash.hex()) is None:
            self._offer(newest_raw)
        return Outcome(Fate.WAITING, newest_hash)

    def replace(self, key: str, signing_key: bytes) -> bytes:
        """Send a waiting act again under its own nonce at a fee a quarter higher; the new hash.

        Raises:
            ActUnknown: nothing was sent under this key.
        """
        account: LocalAccount = Account.from_key(signing_key)
        with self._lock:
            row = self._connection.execute(
                "SELECT act.nonce, recipient, data, gas, max(max_fee) FROM act JOIN attempt USING (key)"
                " WHERE key = ? AND sender = ?",
                (key, account.address),
            ).fetchone()
            if row is None or row[0] is None:
                raise ActUnknown(key=key, sender=account.address)
            nonce, recipient, data, gas, fee = row
            act = Act(key, recipient, data, gas)
            raw, tx_hash = self._sign(act, account, nonce, max(fee * BUMP_PERCENT // 100 + 1, self._fee()))
            self._connection.execute(
                "INSERT INTO attempt VALUES (?, ?, ?, ?)",
                (tx_hash, key, raw, fee * BUMP_PERCENT // 100 + 1),
            )
            self._offer(raw)
            return tx_hash

    def _known(self, act: Act, sender: str) -> bool:
        row = self._connection.execute(
            "SELECT sender, recipient, data FROM act WHERE key = ?", (act.key,)
        ).fetchone()
        if row is None:
            return False
        if (row[0], row[1], bytes(row[2])) != (sender, act.to, act.data):
            raise KeyReused(key=act.key, sender=row[0], recipient=row[1])
        return True

    def _attempts(self, key: str) -> list[tuple[bytes, bytes]]:
        rows = self._connection.execute(
            "SELECT hash, raw FROM attempt WHERE key = ? ORDER BY max_fee", (key,)
        ).fetchall()
        if not rows:
            raise ActUnknown(key=key)
        return [(bytes(row[0]), bytes(row[1])) for row in rows]

    def _broadcast_again(self, key: str) -> bytes:
        attempts = self._attempts(key)
        for tx_hash, _ in attempts:
            if self._rpc.call("eth_getTransactionReceipt", "0x" + tx_hash.hex()) is not None:
                return tx_hash
        tx_hash, raw = attempts[-1]
        self._offer(raw)
        return tx_hash

    def _offer(self, raw: bytes) -> None:
        """Broadcast bytes that may be known already; a node that refuses them as known is right."""
        try:
            self._rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except NodeRefused as refused:
            said = str(refused.facts.get("said", "")).lower()
            if not any(word in said for word in ("already known", "known transaction", "nonce too low")):
                raise

    def _estimate(self, act: Act, sender: str) -> int:
        message = {"from": sender, "data": "0x" + act.data.hex()} | ({"to": act.to} if act.to else {})
        return int(self._rpc.call("eth_estimateGas", message), 16) * GAS_MARGIN_PERCENT // 100

    def _fee(self) -> int:
        """Twice the newest base fee: enough for six full blocks in a row."""
        return int(self._rpc.block("latest").get("baseFeePerGas", "0x0"), 16) * 2 + TIP_WEI

    def _keep(self, act: Act, account: LocalAccount) -> tuple[bytes, bytes]:
        """Take the next nonce, sign, and make both durable."""
        fee = self._fee()
        on_chain = int(self._rpc.call("eth_getTransactionCount", account.address, "pending"), 16)
        with self._transaction():
            kept = self._connection.execute(
                "SELECT max(nonce) FROM act WHERE sender = ?", (account.address,)
            ).fetchone()[0]
            nonce = on_chain if kept is None else max(on_chain, kept + 1)
            raw, tx_hash = self._sign(act, account, nonce, fee)
            self._connection.execute(
                "INSERT INTO act VALUES (?, ?, ?, ?, ?, ?)",
                (act.key, account.address, nonce, act.to, act.data, act.gas),
            )
            self._connection.execute("INSERT INTO attempt VALUES (?, ?, ?, ?)", (tx_hash, act.key, raw, fee))
        return raw, tx_hash

    def _sign(self, act: Act, account: LocalAccount, nonce: int, fee: int) -> tuple[bytes, bytes]:
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "gas": act.gas,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": min(fee, TIP_WEI),
            "value": 0,
            "data": act.data,
        }
        if act.to is not None:
            fields["to"] = act.to
        signed = account.sign_transaction(fields)
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def _forget(self, key: str) -> None:
        with self._transaction():
            self._connection.execute("DELETE FROM attempt WHERE key = ?", (key,))
            self._connection.execute("DELETE FROM act WHERE key = ?", (key,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

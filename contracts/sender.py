"""Sends acts to the ledger so that none is lost and none is done twice, whatever fails in between.

1. An act has a key; a key that was sent before is only asked after again.
2. A dry run names a refusal before anything is spent.
3. Each sender has its own nonce sequence, taken under a lock.
4. The signed bytes are durable before the node sees them; an unknown outcome is resolved by asking, and the
   very same bytes may be sent again.
5. What is stuck is replaced under the same nonce at a higher fee; every attempt is remembered.
6. Only when a final block shows that another transaction took its nonce is an act signed under a new one.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from contracts.errors import LedgerError
from contracts.outgoing import Book, Entry, Signed
from contracts.rpc import NodeRefused, Rpc

GAS_MARGIN_PERCENT: Final = 125
BUMP_PERCENT: Final = 125
MOST_TIP_WEI: Final = 20_000_000_000
"""The most that is offered on top of the base fee, whatever a node would like to have."""
NO_SUCH_METHOD: Final = -32601
KNOWN_WORDS: Final = (
    "already known",
    "already imported",
    "already exists",
    "known transaction",
    "nonce too low",
    "replacement transaction underpriced",
)
"""How nodes say that these bytes, or another attempt under their nonce, came before."""


class KeyReused(LedgerError):
    """This key already belongs to another act."""

    code = "sender.key_reused"


class ActUnknown(LedgerError):
    """Nothing was sent under this key."""

    code = "sender.act_unknown"


class Fate(StrEnum):
    """What has become of an act: `WAITING` is not in a block yet, `DONE` and `FAILED` are.

    `DISPLACED` can never be in one as it was signed; sending it again under its key signs it anew.
    """

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    DISPLACED = "displaced"


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be sent: a key for all time, whom to call (None makes a contract), the call, the gas."""

    key: str
    to: str | None
    data: bytes
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """What an attempt offers, in wei a unit of gas: at most in all, and of that to the block's maker."""

    most: int
    tip: int

    def dearer(self) -> "Fee":
        """A quarter more of both: nodes ask a tenth at least, of each, to replace what waits."""
        return Fee(self.most * BUMP_PERCENT // 100 + 1, self.tip * BUMP_PERCENT // 100 + 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of an act, and where it is in the chain once it is."""

    fate: Fate
    tx_hash: bytes
    receipt: dict[str, Any] | None = None


class Sender:
    """One outgoing book in one SQLite file, for any number of signing keys and threads of one process."""

    def __init__(self, rpc: Rpc, path: Path, *, chain_id: int | None = None) -> None:
        """A sender by a book; what it signs is for `chain_id`, or for the chain that the node serves now."""
        self._rpc = rpc
        self._lock = threading.RLock()
        self._chain_id = rpc.chain_id() if chain_id is None else chain_id
        self._book = Book(path, self._chain_id)
        self._names_tips = True

    def send(self, act: Act, key: bytes) -> bytes:
        """Sign, keep and broadcast an act; its hash. The same key sends nothing new.

        Raises:
            Reverted: a contract refuses; nothing was sent and nothing kept.
            NodeRefused: the node does not take the transaction; a new act was not kept.
            NodeUnavailable: the act may be kept and sent; call again with the same key.
            KeyReused: the key belongs to another act.
        """
        account: LocalAccount = Account.from_key(key)
        with self._lock:
            if self._is_known(act, account.address):
                return self._go_on_with(act.key, account)
            gas, fee, on_chain = self._ask_for_terms(act, account.address)
            signed = self._keep(act, account, gas=gas, fee=fee, on_chain=on_chain)
            try:
                self._rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
            except NodeRefused:
                if self._transaction(signed.hash) is None:  # else it took it, whatever it said
                    self._book.strike(act.key)
                    raise
            return signed.hash

    def outcome(self, key: str) -> Outcome:
        """What has become of the act; one that the node does not know any more is broadcast again, as it was.

        Raises:
            ActUnknown: nothing was sent under this key.
            NodeUnavailable: the node does not answer, so nothing is known.
            NodeRefused: the node would not take the transaction a second time; it is kept.
        """
        with self._lock:
            entry, attempts = self._kept(key)
        newest = attempts[-1]
        found = self._in_block(attempts)
        if found is not None:
            return found
        if self._transaction(newest.hash) is not None:
            return Outcome(Fate.WAITING, newest.hash)
        if self._final_count(entry.sender) > entry.nonce:  # asked before the receipts, so that none slips by
            return self._in_block(attempts) or Outcome(Fate.DISPLACED, newest.hash)
        self._offer(newest.raw)
        return Outcome(Fate.WAITING, newest.hash)

    def replace(self, key: str, signing_key: bytes) -> bytes:
        """Send a waiting act again under its own nonce at a fee a quarter higher; its hash.

        One that is in a block already stays as it is.

        Raises:
            ActUnknown: this account sent nothing under this key.
            NodeUnavailable: the new attempt may be kept; ask for the outcome.
            NodeRefused: the node does not take the dearer attempt, which is kept.
        """
        account: LocalAccount = Account.from_key(signing_key)
        with self._lock:
            entry, attempts = self._kept(key)
            if entry.sender != account.address:
                raise ActUnknown(key=key, sender=account.address)
            found = self._in_block(attempts)
            if found is not None:
                return found.tx_hash
            dearer = Fee(attempts[-1].max_fee, attempts[-1].tip).dearer()
            asked = self._fee(self._rpc.block("latest"))
            fee = Fee(max(dearer.most, asked.most), max(dearer.tip, asked.tip))
            signed = self._sign(entry, account, fee)
            with self._book.transaction():
                self._book.keep(entry, signed)
            self._offer(signed.raw)
            return signed.hash

    def hasten(self, key: str, signing_key: bytes, *, after_s: float) -> bool:
        """Replace an act if it is the account's next one and has waited that long; whether it was replaced.

        Raises:
            ActUnknown, NodeUnavailable, NodeRefused: as `replace`.
        """
        entry, attempts = self._kept(key)
        if time.time() - attempts[-1].at < after_s or self._count(entry.sender, "latest") != entry.nonce:
            return False
        self.replace(key, signing_key)
        return True

    def _is_known(self, act: Act, sender: str) -> bool:
        held = self._book.entry(act.key)
        if held is None:
            return False
        if (held.sender, held.to, held.data) != (sender, act.to, act.data):
            raise KeyReused(key=act.key, sender=held.sender, recipient=held.to)
        return True

    def _kept(self, key: str) -> tuple[Entry, list[Signed]]:
        entry = self._book.entry(key)
        if entry is None:
            raise ActUnknown(key=key)
        return entry, self._book.attempts(key)

    def _go_on_with(self, key: str, account: LocalAccount) -> bytes:
        """See to an act that was sent before: offer it again if need be, sign it anew if it was displaced."""
        outcome = self.outcome(key)
        if outcome.fate is not Fate.DISPLACED:
            return outcome.tx_hash
        held, _ = self._kept(key)
        act = Act(held.key, held.to, held.data, held.gas)
        _, fee, on_chain = self._ask_for_terms(act, held.sender)
        signed = self._keep(act, account, gas=held.gas, fee=fee, on_chain=on_chain)
        self._offer(signed.raw)
        return signed.hash

    def _ask_for_terms(self, act: Act, sender: str) -> tuple[int, Fee, int]:
        """Gas, fee and the account's count as the chain has it; the dry run names a contract's refusal."""
        asked: list[tuple[str, Sequence[Any]]] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getTransactionCount", [sender, "pending"]),
        ]
        if act.gas is None:
            message = {"from": sender, "data": "0x" + act.data.hex()} | ({"to": act.to} if act.to else {})
            asked.append(("eth_estimateGas", [message, "latest"]))  # else some nodes count in what waits
        block, count, *estimate = self._rpc.batch(asked)
        gas = int(estimate[0], 16) * GAS_MARGIN_PERCENT // 100 if act.gas is None else act.gas
        return gas, self._fee(block), int(count, 16)

    def _keep(self, act: Act, account: LocalAccount, *, gas: int, fee: Fee, on_chain: int) -> Signed:
        """Take the next nonce, sign, and make both durable."""
        with self._book.transaction():
            nonce = self._book.next_nonce(account.address, on_chain)
            entry = Entry(act.key, account.address, nonce, act.to, act.data, gas)
            signed = self._sign(entry, account, fee)
            self._book.keep(entry, signed)
        return signed

    def _sign(self, entry: Entry, account: LocalAccount, fee: Fee) -> Signed:
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": entry.nonce,
            "gas": entry.gas,
            "maxFeePerGas": fee.most,
            "maxPriorityFeePerGas": fee.tip,
            "value": 0,
            "data": entry.data,
        }
        if entry.to is not None:
            fields["to"] = to_checksum_address(entry.to)  # some nodes give addresses in lower case
        signed = account.sign_transaction(fields)
        raw = bytes(signed.raw_transaction)
        return Signed(entry.nonce, bytes(signed.hash), raw, fee.most, fee.tip, time.time())

    def _offer(self, raw: bytes) -> None:
        """Broadcast bytes that may be known already; a node that refuses them as known is right."""
        try:
            self._rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except NodeRefused as refused:
            said = str(refused.facts.get("said", "")).lower()
            if not any(word in said for word in KNOWN_WORDS):
                raise

    def _in_block(self, attempts: Sequence[Signed]) -> Outcome | None:
        asked = [("eth_getTransactionReceipt", ["0x" + each.hash.hex()]) for each in attempts]
        for each, receipt in zip(attempts, self._rpc.batch(asked), strict=True):
            if receipt is not None:
                fate = Fate.DONE if int(receipt["status"], 16) else Fate.FAILED
                return Outcome(fate, each.hash, receipt)
        return None

    def _transaction(self, tx_hash: bytes) -> Any:
        return self._rpc.call("eth_getTransactionByHash", "0x" + tx_hash.hex())

    def _count(self, account: str, tag: str) -> int:
        return int(self._rpc.call("eth_getTransactionCount", account, tag), 16)

    def _final_count(self, account: str) -> int:
        """How many of the account's transactions are final; 0 where a node cannot tell."""
        try:
            return self._count(account, "finalized")
        except NodeRefused:
            return 0

    def _fee(self, block: dict[str, Any]) -> Fee:
        """Twice the newest base fee, enough for six full blocks in a row, and the tip that the node names."""
        tip = self._tip()
        return Fee(int(block.get("baseFeePerGas", "0x0"), 16) * 2 + tip, tip)

    def _tip(self) -> int:
        """What the node would have on top; 0 where it names nothing."""
        if not self._names_tips:
            return 0
        try:
            return min(int(self._rpc.call("eth_maxPriorityFeePerGas"), 16), MOST_TIP_WEI)
        except NodeRefused as refused:
            if refused.facts.get("node_code") != NO_SUCH_METHOD:
                raise
        self._names_tips = False
        return 0

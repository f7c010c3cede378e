"""Executes and seals: at most one block a second with everything that waits, never ahead of the wall clock.

A transaction is durable in the pool before its hash is given back; a block with state, receipts and logs is
one SQLite transaction. One lock orders everything; the only sealer never reorganises its own chain.
"""

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO, cast

import structlog
from eth.abc import BlockAPI, BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI, VirtualMachineAPI
from eth.chains.base import Chain
from eth.db.atomic import AtomicDB
from eth.exceptions import VMError
from eth.vm.forks.cancun import CancunVM
from eth.vm.spoof import SpoofTransaction
from eth_utils.exceptions import ValidationError

from backend.chain.embedded.admission import (
    BLOCK_GAS,
    TransactionRefused,
    require_affordable,
    require_replaces,
    require_well_formed,
)
from backend.chain.embedded.index import Index
from backend.chain.embedded.keyvalue import SqliteKeyValue
from backend.chain.embedded.shapes import Before, base_fee, receipt_json
from backend.errors import Unavailable

FIRST_BASE_FEE: Final = 1_000_000_000
COINBASE: Final = bytes(19) + b"\x01"
MOST_WAITING: Final = 20_000
SEALING_S: Final = 0.8
"""How long transactions run for one block; nobody is answered meanwhile, and the rest waits for the next."""
log = structlog.get_logger(__name__)


class GenesisDiffers(Unavailable):
    """The chain in this folder was begun with other parameters."""

    code = "chain.genesis_differs"


class ChainInUse(Unavailable):
    """Another process keeps the chain in this folder; two would overwrite each other's blocks."""

    code = "chain.in_use"


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a chain begins with: its id and who holds how much, in wei."""

    chain_id: int
    balances: dict[str, int]

    def parameters(self) -> dict[str, Any]:
        """The form kept in the chain's own file."""
        return {
            "chain_id": self.chain_id,
            "balances": {name: str(self.balances[name]) for name in self.balances},
        }


@dataclass(frozen=True, slots=True)
class Called:
    """What running a message came to: its output, or the revert data, and the gas it took."""

    output: bytes
    reverted: bool
    failure: str
    gas_used: int


class Engine:
    """One chain in one file; `clock` gives whole seconds since 1970 and is the wall clock outside tests."""

    def __init__(
        self, path: Path, genesis: Genesis, clock: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._held = _hold(path)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._store = SqliteKeyValue(self._connection)
        self.index = Index(self._connection)
        chain = Chain.configure("EmbeddedChain", vm_configuration=((0, CancunVM),), chain_id=genesis.chain_id)
        self.chain_id = genesis.chain_id
        self._chain = self._open(chain, genesis)

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self._connection.close()
            self._held.close()

    def head(self) -> BlockHeaderAPI:
        """The newest header."""
        return self._chain.get_canonical_head()

    def block(self, number: int) -> BlockAPI:
        """The block of that number, which must exist."""
        return self._chain.get_canonical_block_by_number(number)  # type: ignore[arg-type]

    def decode(self, raw: bytes) -> SignedTransactionAPI:
        """The transaction in its raw bytes.

        Raises:
            TransactionRefused: the bytes are none.
        """
        try:
            return self._chain.get_vm(self.head()).get_transaction_builder().decode(raw)
        except Exception as error:
            raise TransactionRefused(why="the bytes are not a signed transaction", said=str(error)) from error

    def submit(self, raw: bytes) -> bytes:
        """Take a signed transaction into the pool, durably, and give its hash; one already known is known.

        Raises:
            TransactionRefused: the facts say why: signature, chain, nonce, balance, gas or fee.
        """
        transaction = self.decode(raw)
        with self.lock:
            tx_hash = bytes(transaction.hash)
            if self.index.pooled(tx_hash) is not None or self.index.place_of(tx_hash) is not None:
                return tx_hash
            require_well_formed(transaction, chain_id=self.chain_id)
            require_affordable(transaction, self.state())
            sender = bytes(transaction.sender)
            replaced = self.index.pooled_at(sender, transaction.nonce)
            if replaced is not None:
                require_replaces(transaction, self.decode(replaced[1]))
            elif self.index.count_waiting() >= MOST_WAITING:
                raise TransactionRefused(why="too many transactions wait", most=MOST_WAITING)
            with self._transaction():
                if replaced is not None:
                    self.index.drop(replaced[0])
                self.index.admit(tx_hash, sender=sender, nonce=transaction.nonce, raw=raw)
            return tx_hash

    def base_fee(self) -> int:
        """What a unit of gas cost in the newest block, in wei."""
        return base_fee(self.head())

    def next_nonce(self, sender: bytes, *, pending: bool) -> int:
        """The sender's next nonce by the newest block, or after what waits in the pool without a gap."""
        with self.lock:
            nonce = int(self.state().get_nonce(sender))
            if pending:
                for waiting in self.index.waiting_nonces(sender):
                    nonce += waiting == nonce
            return nonce

    def state(self, header: BlockHeaderAPI | None = None) -> Any:
        """The state after a block, the newest when none is named."""
        return self._chain.get_vm(header or self.head()).state

    def may_seal(self) -> bool:
        """A block more would still not run ahead of the clock."""
        return self._clock() > self.head().timestamp

    def seal(self) -> BlockAPI | None:
        """One block with all that waits and fits, even if nothing; None while the second is not over."""
        with self.lock:
            if not self.may_seal():
                return None
            with self._transaction():
                return self._seal(self.head())

    def call(self, message: dict[str, Any], header: BlockHeaderAPI) -> Called:
        """Run a message on the state after `header` and keep nothing of it."""
        with self.lock:
            vm = self._chain.get_vm(header)
            sender = message["from"]
            gas = min(message.get("gas") or BLOCK_GAS, BLOCK_GAS)
            with vm.in_costless_state() as state:
                unsigned = vm.create_unsigned_transaction(
                    nonce=state.get_nonce(sender),
                    gas_price=0,
                    gas=gas,
                    to=message.get("to") or b"",  # type: ignore[arg-type]
                    value=message.get("value", 0),
                    data=message.get("data", b""),
                )
                spoofed = SpoofTransaction(unsigned, from_=sender)
                try:
                    computation = state.costless_execute_transaction(spoofed)  # type: ignore[arg-type]
                except ValidationError as error:
                    return Called(b"", reverted=True, failure=str(error), gas_used=0)
            failure = "" if computation.is_success else _failure(computation.error)
            used = gas - computation.get_gas_remaining()
            return Called(
                bytes(computation.output), reverted=not computation.is_success, failure=failure, gas_used=used
            )

    def estimate(self, message: dict[str, Any], header: BlockHeaderAPI) -> tuple[int, Called]:
        """The least gas, within 2 %, with which a message succeeds; or how it failed with all there is."""
        with self.lock:
            most = self.call({**message, "gas": BLOCK_GAS}, header)
            if most.reverted:
                return 0, most
            low, high = most.gas_used - 1, BLOCK_GAS
            trial = most.gas_used + most.gas_used // 16 + 2_300
            while high - low > high // 64:
                if self.call({**message, "gas": trial}, header).reverted:
                    low = trial
                else:
                    high = trial
                trial = (low + high) // 2
            return high, most

    def _open(self, chain: type[Chain], genesis: Genesis) -> Chain:
        begun = self.index.genesis()
        if begun is not None:
            if begun != genesis.parameters():
                raise GenesisDiffers(expected=begun, given=genesis.parameters())
            return chain(AtomicDB(self._store))
        state = {
            bytes.fromhex(address[2:]): {"balance": balance, "nonce": 0, "code": b"", "storage": {}}
            for address, balance in genesis.balances.items()
        }
        parameters = {
            "difficulty": 0,
            "gas_limit": BLOCK_GAS,
            "timestamp": self._clock() - 1,
            "coinbase": COINBASE,
            "base_fee_per_gas": FIRST_BASE_FEE,
        }
        with self._transaction():
            opened = chain.from_genesis(AtomicDB(self._store), parameters, state)  # type: ignore[arg-type]
            self.index.begin(genesis.parameters(), bytes(opened.get_canonical_head().hash))
        return cast("Chain", opened)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._store.forget()
            raise

    def _seal(self, parent: BlockHeaderAPI) -> BlockAPI:
        header = self._chain.create_header_from_parent(
            parent, timestamp=self._clock(), gas_limit=BLOCK_GAS, coinbase=COINBASE
        )
        vm = self._chain.get_vm(header)
        header, transactions, receipts = self._apply_pool(vm, header)
        block = vm.mine_block(
            vm.set_block_transactions_and_withdrawals(
                vm.get_block(), header, transactions, receipts, withdrawals=()
            )
        ).block
        self._chain.chaindb.persist_block(block)
        number = block.number
        self.index.add_block(number, bytes(block.hash))
        before = Before()
        for position, (transaction, receipt) in enumerate(zip(transactions, receipts, strict=True)):
            shaped = receipt_json(block, position, receipt, before)
            self.index.add_transaction(
                bytes(transaction.hash), number=number, position=position, receipt=shaped
            )
            before = Before(gas=receipt.gas_used, logs=before.logs + len(receipt.logs))
        return block

    def _apply_pool(
        self, vm: VirtualMachineAPI, header: BlockHeaderAPI
    ) -> tuple[BlockHeaderAPI, list[SignedTransactionAPI], list[ReceiptAPI]]:
        transactions: list[SignedTransactionAPI] = []
        receipts: list[ReceiptAPI] = []
        waiting = [(tx_hash, self.decode(raw)) for tx_hash, raw in self.index.pool()]
        enough = time.monotonic() + SEALING_S
        moved = True
        while moved and waiting:  # a nonce that came before its predecessor gets its turn in the next round
            moved, later = False, []
            for tx_hash, transaction in waiting:
                if not _fits(transaction, header, vm.state.get_nonce(transaction.sender)):
                    later.append((tx_hash, transaction))
                    continue
                if transactions and time.monotonic() > enough:
                    return header, transactions, receipts
                try:
                    receipt, _ = vm.apply_transaction(header, transaction)
                except ValidationError as error:
                    log.warning("transaction_dropped", hash="0x" + tx_hash.hex(), why=str(error))
                    self.index.drop(tx_hash)
                    continue
                header = vm.add_receipt_to_header(header, receipt)
                transactions.append(transaction)
                receipts.append(receipt)
                moved = True
            waiting = later
        return header, transactions, receipts


def _hold(path: Path) -> TextIO:
    """Keep other processes off the chain until this file is closed, or this process ends."""
    held = path.with_suffix(".lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise ChainInUse(file=str(path)) from error
    return held


def _fits(transaction: SignedTransactionAPI, header: BlockHeaderAPI, nonce: int) -> bool:
    """Whether this block can take it now; else it waits, since it was acknowledged."""
    return (
        transaction.nonce <= nonce
        and transaction.max_fee_per_gas >= base_fee(header)
        and header.gas_used + transaction.gas <= header.gas_limit
    )


def _failure(error: VMError) -> str:
    return f"{type(error).__name__}: {error}"

"""A chain in this process: a real EVM with one transaction a block and a clock that tests move.

It has what contract tests ask for and no more: blocks, gas, revert data, calls, copies of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.vm.forks.cancun import CancunVM
from eth.vm.spoof import SpoofTransaction
from eth_keys.datatypes import PrivateKey
from sha3 import keccak_256

from contracts.reverts import named_revert
from contracts.rpc import Reverted

CHAIN_ID: Final = 20_260
GAS: Final = 20_000_000
GENESIS_TIME: Final = 1_790_000_000
NOBODY: Final = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class Mined:
    """What one transaction left behind."""

    block: int
    gas: int
    logs: tuple[tuple[str, tuple[bytes, ...], bytes], ...]
    """(address in lower-case hex, topics, data)."""


class Evm:
    """The chain, from genesis or from a copy of another's state."""

    def __init__(self, store: dict[bytes, bytes] | None = None) -> None:
        kind: Any = MiningChain.configure(
            __name__="TestChain", vm_configuration=((0, CancunVM),), chain_id=CHAIN_ID
        )
        self._store = {} if store is None else store
        database = AtomicDB(MemoryDB(self._store))
        if store is None:
            genesis = {"timestamp": GENESIS_TIME, "gas_limit": 10 * GAS, "base_fee_per_gas": 0}
            self._chain = kind.from_genesis(database, {"difficulty": 0, **genesis}, {})
        else:
            self._chain = kind(database)
        self._ahead = 0

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return CHAIN_ID

    def copy(self) -> Evm:
        """A chain of its own that begins where this one stands."""
        return Evm(dict(self._store))

    def key(self, name: str) -> bytes:
        """The private key of whoever has this name here."""
        return bytes(keccak_256(f"test key of {name}".encode()).digest())

    @property
    def now(self) -> int:
        """Time of the block that the next transaction will be in."""
        return int(self._chain.get_canonical_head().timestamp) + 1 + self._ahead

    @property
    def block_number(self) -> int:
        """Number of the newest block."""
        return int(self._chain.get_canonical_head().block_number)

    def block_hash(self, number: int) -> bytes:
        """Hash of a block."""
        return bytes(self._chain.get_canonical_block_hash(number))

    def wait(self, seconds: int) -> None:
        """Let ledger time pass before the next block."""
        self._ahead += seconds

    def seal(self, blocks: int = 1) -> None:
        """Add empty blocks."""
        for _ in range(blocks):
            self._take_time()
            self._chain.mine_block()

    def nonce(self, address: str) -> int:
        """The account's next nonce."""
        return int(self._chain.get_vm().state.get_nonce(bytes.fromhex(address[2:])))

    def send(self, key: bytes, to: str | None, data: bytes) -> Mined:
        """One transaction in a block of its own.

        Raises:
            Reverted: a contract refused; the block stays, as on any chain.
        """
        self._take_time()
        signer = PrivateKey(key)
        unsigned = self._unsigned(signer.public_key.to_canonical_address(), to, data)
        transaction = unsigned.as_signed_transaction(signer, chain_id=self.chain_id)
        _, receipt, computation = self._chain.apply_transaction(transaction)
        block = self._chain.mine_block()
        if computation.is_error:
            raise Reverted(named_revert(bytes(computation.output)))
        return Mined(
            block=int(block.number),
            gas=int(receipt.gas_used),
            logs=tuple(
                ("0x" + log.address.hex(), tuple(topic.to_bytes(32) for topic in log.topics), bytes(log.data))
                for log in receipt.logs
            ),
        )

    def call(self, to: str, data: bytes, *, sender: str = NOBODY) -> bytes:
        """What a call would return in the next block.

        Raises:
            Reverted: a contract refused.
        """
        self._chain.set_header_timestamp(self.now)
        caller = bytes.fromhex(sender[2:])
        transaction = SpoofTransaction(self._unsigned(caller, to, data), from_=caller)
        computation = self._chain.get_vm().state.costless_execute_transaction(transaction)
        if computation.is_error:
            raise Reverted(named_revert(bytes(computation.output)))
        return bytes(computation.output)

    def code(self, address: str) -> bytes:
        """Code at an address; empty if none."""
        return bytes(self._chain.get_vm().state.get_code(bytes.fromhex(address[2:])))

    def _unsigned(self, sender: bytes, to: str | None, data: bytes) -> Any:
        vm = self._chain.get_vm()
        return vm.create_unsigned_transaction(
            nonce=vm.state.get_nonce(sender),
            gas_price=0,
            gas=GAS,
            to=b"" if to is None else bytes.fromhex(to[2:]),
            value=0,
            data=data,
        )

    def _take_time(self) -> None:
        self._chain.set_header_timestamp(self.now)
        self._ahead = 0

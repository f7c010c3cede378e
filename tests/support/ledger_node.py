"""A node as what a life on the ledger needs; names are its funded accounts, as they come up."""

import time
from dataclasses import dataclass, field
from typing import Any, Final

from eth_account import Account

from tests.support.evm import NOBODY, Mined
from tests.support.ledger import AnyLedger

PATIENCE_S: Final = 30.0
POLL_S: Final = 0.001


@dataclass(slots=True)
class Node:
    """A node whose accounts act; each act is in a block of its own before the call returns."""

    ledger: AnyLedger
    _keys: dict[str, bytes] = field(default_factory=dict)

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self.ledger.rpc.chain_id()

    @property
    def now(self) -> int:
        """Time of the block that the next transaction will be in, at the least."""
        return self.ledger.clock()

    @property
    def block_number(self) -> int:
        """Number of the newest block."""
        return self.ledger.rpc.block_number()

    def block_hash(self, number: int) -> bytes:
        """Hash of a block."""
        return bytes.fromhex(self.ledger.rpc.block(number)["hash"][2:])

    def key(self, name: str) -> bytes:
        """The private key of whoever has this name here."""
        if name not in self._keys:
            self._keys[name] = bytes(self.ledger.accounts[len(self._keys)].key)
        return self._keys[name]

    def nonce(self, address: str) -> int:
        """The account's next nonce."""
        return int(self.ledger.rpc.call("eth_getTransactionCount", address, "latest"), 16)

    def send(self, key: bytes, to: str | None, data: bytes) -> Mined:
        """One transaction, sealed at once.

        Raises:
            Reverted: a contract refuses; nothing was sent.
        """
        account = Account.from_key(key)
        rpc = self.ledger.rpc
        message = {"from": account.address, "data": "0x" + data.hex()} | ({"to": to} if to else {})
        fields = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": self.nonce(account.address),
            "gas": int(rpc.call("eth_estimateGas", message), 16) * 5 // 4,
            "maxFeePerGas": int(rpc.call("eth_gasPrice"), 16),
            "maxPriorityFeePerGas": 0,
            "value": 0,
            "data": data,
        } | ({"to": to} if to else {})
        raw = account.sign_transaction(fields).raw_transaction
        receipt = self._receipt(rpc.call("eth_sendRawTransaction", "0x" + raw.hex()))
        assert receipt["status"] == "0x1"
        return Mined(
            block=int(receipt["blockNumber"], 16),
            gas=int(receipt["gasUsed"], 16),
            logs=tuple(
                (
                    each["address"],
                    tuple(bytes.fromhex(topic[2:]) for topic in each["topics"]),
                    bytes.fromhex(each["data"][2:]),
                )
                for each in receipt["logs"]
            ),
        )

    def _receipt(self, tx_hash: str) -> dict[str, Any]:
        """The receipt, once the node has sealed: some do so a moment after they took a transaction."""
        until = time.monotonic() + PATIENCE_S
        while (receipt := self.ledger.rpc.call("eth_getTransactionReceipt", tx_hash)) is None:
            assert time.monotonic() < until, "the node does not seal what it took"
            time.sleep(POLL_S)
        return dict(receipt)

    def call(self, to: str, data: bytes, *, sender: str = NOBODY) -> bytes:
        """What a call returns in the newest block.

        Raises:
            Reverted: a contract refuses.
        """
        return self.ledger.rpc.eth_call(to=to, data=data, sender=sender)

    def code(self, address: str) -> bytes:
        """Code at an address; empty if none."""
        return bytes.fromhex(self.ledger.rpc.call("eth_getCode", address, "latest")[2:])

"""Deploys and checks through a node, by JSON-RPC; each step stands in the sender's book before it is sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from eth_account import Account

from contracts.errors import LedgerError
from contracts.sender import Act, Fate

if TYPE_CHECKING:
    from contracts.rpc import Rpc
    from contracts.sender import Sender

POLL_S: Final = 0.05
PATIENCE_S: Final = 60.0


class StepNotDone(LedgerError):
    """A step of the deployment was not put into a block in time, or failed there."""

    code = "ledger.step_not_done"


class NodeReader:
    """`contracts.deploy.Reader` over JSON-RPC: what a check of a deployment needs of a node."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self.chain_id = rpc.chain_id()

    def call(self, to: str, data: bytes) -> bytes:
        """What a call returns in the newest block."""
        return self._rpc.eth_call(to=to, data=data)

    def code(self, address: str) -> bytes:
        """The code at an address; empty if none."""
        return bytes.fromhex(self._rpc.call("eth_getCode", address, "latest")[2:])


class NodeDeployer(NodeReader):
    """`contracts.deploy.Deployer` over JSON-RPC, for one account that sends nothing else meanwhile."""

    def __init__(self, rpc: Rpc, sender: Sender, key: bytes, *, patience_s: float = PATIENCE_S) -> None:
        super().__init__(rpc)
        self._sender = sender
        self._key = key
        self._patience_s = patience_s
        self.address = str(Account.from_key(key).address)

    def nonce(self) -> int:
        """The account's next nonce, as of the newest block."""
        return int(self._rpc.call("eth_getTransactionCount", self.address, "latest"), 16)

    def send(self, to: str | None, data: bytes) -> int:
        """Send a step and wait for its block.

        Raises:
            Reverted: a contract refuses it.
            StepNotDone: no block took it in time, or it failed there.
        """
        name = f"deploy {self.address} {self.nonce()}"
        self._sender.send(Act(name, to, data), self._key)
        until = time.monotonic() + self._patience_s
        while (outcome := self._sender.outcome(name)).fate is Fate.WAITING and time.monotonic() < until:
            time.sleep(POLL_S)
        if outcome.fate is not Fate.DONE or outcome.receipt is None:
            raise StepNotDone(step=name, fate=outcome.fate.value)
        return int(outcome.receipt["blockNumber"], 16)

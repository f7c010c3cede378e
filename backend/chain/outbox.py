"""Carries out the acts that were decided, through a sender that does none of them twice.

An act is confirmed when its transaction lies in a block whose events have been projected; a refusal of a
contract is kept with its name and facts. While the node does not answer, acts wait.
"""

from collections.abc import Mapping
from typing import Final, Protocol

import structlog
from sqlalchemy import Engine

from backend.chain.rules import ActState
from backend.chain.tables import ActRow, acts_in, projected_to
from backend.db import reading, transaction
from contracts.errors import LedgerError
from contracts.rpc import NodeRefused, NodeUnavailable, Reverted, Rpc
from contracts.sender import Act as Outgoing
from contracts.sender import Fate, Outcome, Sender

FAILED_IN_BLOCK: Final = "FailedInBlock"
log = structlog.get_logger(__name__)


class Keys(Protocol):
    """Gives the secret key behind a signer's name."""

    def key(self, name: str) -> bytes:
        """The 32 secret bytes."""
        ...


class Outbox:
    """One worker on one database; several would be harmless, since the sender's keys are unique."""

    def __init__(
        self, engine: Engine, rpc: Rpc, sender: Sender, *, keys: Keys, addresses: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._rpc = rpc
        self._sender = sender
        self._keys = keys
        self._addresses = addresses

    def step(self) -> int:
        """Send what is intended and look after what was sent; how many acts moved on."""
        with reading(self._engine) as session:
            waiting = acts_in(session, ActState.INTENDED, ActState.SENT)
            confirmed_to = projected_to(session)
        moved = 0
        for row in waiting:
            try:
                if row.state == ActState.INTENDED.value:
                    moved += self._send(row)
                else:
                    moved += self._look_after(row, confirmed_to)
            except NodeUnavailable as unavailable:
                log.warning("acts_wait", key=row.key, why=str(unavailable))
                return moved
        return moved

    def _send(self, row: ActRow) -> bool:
        outgoing = Outgoing(row.key, self._addresses[row.contract], row.calldata)
        try:
            tx_hash = self._sender.send(outgoing, self._keys.key(row.signer))
        except (Reverted, NodeRefused) as refused:
            self._refuse(row, refused)
            return True
        self._move(row, ActState.SENT, tx_hash=tx_hash)
        log.info("act_sent", key=row.key, function=row.function, tx="0x" + tx_hash.hex())
        return True

    def _look_after(self, row: ActRow, confirmed_to: int | None) -> bool:
        outcome = self._sender.outcome(row.key)
        if outcome.receipt is None or confirmed_to is None:
            return False
        number = int(outcome.receipt["blockNumber"], 16)
        if number > confirmed_to:
            return False
        if outcome.fate is Fate.FAILED:
            self._refuse(row, self._why(row, outcome, number))
            return True
        self._move(row, ActState.CONFIRMED, tx_hash=outcome.tx_hash, block_number=number)
        log.info("act_confirmed", key=row.key, function=row.function, block=number)
        return True

    def _why(self, row: ActRow, outcome: Outcome, number: int) -> LedgerError:
        """The refusal that made a transaction fail: asked again on the state before its block."""
        try:
            self._rpc.eth_call(
                to=self._addresses[row.contract],
                data=row.calldata,
                sender=str((outcome.receipt or {})["from"]),
                block=hex(number - 1),
            )
        except (Reverted, NodeRefused) as refused:
            return refused
        return NodeRefused(error=FAILED_IN_BLOCK, block=number)

    def _refuse(self, row: ActRow, refused: LedgerError) -> None:
        facts = {
            name: value if isinstance(value, int) else str(value) for name, value in refused.facts.items()
        }
        name = str(facts.pop("error", refused.code))
        log.warning("act_refused", key=row.key, function=row.function, refusal=name, **facts)
        self._move(row, ActState.REFUSED, refusal=name, refusal_facts=facts)

    def _move(self, row: ActRow, state: ActState, **changes: object) -> None:
        with transaction(self._engine) as session:
            held = session.get_one(ActRow, row.id)
            held.state = state.value
            for name, value in changes.items():
                setattr(held, name, value)

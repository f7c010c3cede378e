"""Carries out the acts that were decided, through a sender that does none of them twice.

1. An intended act is sent; if a contract refuses it, the refusal is kept with its name and facts.
2. What is a matter of the node or of our keys, and not of the act, makes it wait; the log says why.
3. A sent act that waits too long is offered at a higher fee.
4. An act is confirmed when the follower has projected its events, and refused when it failed in such a block.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog
from sqlalchemy import Engine
from sqlmodel import Session

from backend.chain.rules import Act, ActState
from backend.chain.tables import ActRow, act_of, acts_in, has_logs_of, projected_to
from backend.db import carry_out, reading
from contracts.errors import LedgerError
from contracts.rpc import NodeRefused, NodeUnavailable, Reverted, Rpc
from contracts.sender import Act as Outgoing
from contracts.sender import Fate, Outcome, Sender

FAILED_IN_BLOCK: Final = "FailedInBlock"
EXECUTION_FAILED: Final = 3
"""How a node numbers the failure of a contract that gave no reason."""
STUCK_AFTER_S: Final = 60.0
log = structlog.get_logger(__name__)


class Keys(Protocol):
    """Gives the secret key behind a signer's name."""

    def key(self, name: str) -> bytes:
        """The 32 secret bytes."""
        ...


Refused = Callable[[Session, Act], None]
"""What follows, in the same transaction, from the ledger's refusal of an act."""


class Outbox:
    """One worker on one database; several would be harmless, since the sender's keys are unique."""

    def __init__(
        self,
        engine: Engine,
        rpc: Rpc,
        sender: Sender,
        *,
        keys: Keys,
        addresses: Mapping[str, str],
        stuck_after_s: float = STUCK_AFTER_S,
        on_refused: Refused = lambda _session, _act: None,
    ) -> None:
        self._engine = engine
        self._rpc = rpc
        self._sender = sender
        self._keys = keys
        self._addresses = addresses
        self._stuck_after_s = stuck_after_s
        self._on_refused = on_refused
        self._said: dict[str, str] = {}

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
                self._say_once(row, unavailable)
                return moved
            except LedgerError as trouble:
                self._say_once(row, trouble)
            else:
                self._said.pop(row.key, None)
        return moved

    def _send(self, row: ActRow) -> bool:
        outgoing = Outgoing(row.key, self._addresses[row.contract], row.calldata)
        key = self._keys.key(row.signer)
        try:
            tx_hash = self._sender.send(outgoing, key)
        except (Reverted, NodeRefused) as refused:
            if not _is_of_the_contract(refused):
                raise
            self._refuse(row, refused)
            return True
        self._move(row, ActState.SENT, tx_hash=tx_hash)
        log.info("act_sent", key=row.key, function=row.function, tx="0x" + tx_hash.hex())
        return True

    def _look_after(self, row: ActRow, confirmed_to: int | None) -> bool:
        outcome = self._sender.outcome(row.key)
        if outcome.fate is Fate.DISPLACED:
            log.warning("act_displaced", key=row.key, function=row.function)
            return self._send(row)
        if outcome.receipt is None:
            self._sender.hasten(row.key, self._keys.key(row.signer), after_s=self._stuck_after_s)
            return False
        number = int(outcome.receipt["blockNumber"], 16)
        if confirmed_to is None or number > confirmed_to:
            return False
        if outcome.fate is Fate.FAILED:
            self._refuse(row, self._why(row, outcome, number))
            return True
        if outcome.receipt["logs"] and not self._was_followed(outcome.tx_hash, number):
            return False  # this receipt is not of the chain that we follow
        self._move(row, ActState.CONFIRMED, tx_hash=outcome.tx_hash, block_number=number)
        log.info("act_confirmed", key=row.key, function=row.function, block=number)
        return True

    def _was_followed(self, tx_hash: bytes, number: int) -> bool:
        with reading(self._engine) as session:
            return has_logs_of(session, tx_hash, number)

    def _say_once(self, row: ActRow, trouble: LedgerError) -> None:
        """An act is looked at several times a second; the same trouble is worth one line."""
        if self._said.get(row.key) != str(trouble):
            self._said[row.key] = str(trouble)
            log.warning("act_waits", key=row.key, function=row.function, code=trouble.code, why=str(trouble))

    def _why(self, row: ActRow, outcome: Outcome, number: int) -> LedgerError:
        """The refusal that made a transaction fail: asked again on the state before its block, and after."""
        for block in (number - 1, number):
            try:
                self._rpc.eth_call(
                    to=self._addresses[row.contract],
                    data=row.calldata,
                    sender=str((outcome.receipt or {})["from"]),
                    block=hex(block),
                )
            except Reverted as refused:
                return refused
            except NodeRefused:
                continue
        return NodeRefused(error=FAILED_IN_BLOCK, block=number)

    def _refuse(self, row: ActRow, refused: LedgerError) -> None:
        facts = {
            name: value if isinstance(value, int) else str(value) for name, value in refused.facts.items()
        }
        name = str(facts.pop("error", refused.code))
        log.warning("act_refused", key=row.key, function=row.function, refusal=name, facts=facts)
        self._move(row, ActState.REFUSED, refusal=name, refusal_facts=facts)

    def _move(self, row: ActRow, state: ActState, **changes: object) -> None:
        def move(session: Session) -> None:
            held = session.get_one(ActRow, row.id)
            if held.state != row.state:
                return  # another worker was quicker
            held.state = state.value
            for name, value in changes.items():
                setattr(held, name, value)
            if state is ActState.REFUSED:
                session.flush()
                self._on_refused(session, act_of(session, held.key))

        carry_out(self._engine, move)


def _is_of_the_contract(refused: Reverted | NodeRefused) -> bool:
    """Whether asking again would come to the same; a node's own trouble passes."""
    return isinstance(refused, Reverted) or refused.facts.get("node_code") == EXECUTION_FAILED

"""What the ledger's contracts said, looked up by block, instant or transaction: for who traces and proves."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from sqlmodel import Session

from backend.chain.follower import event_of
from backend.chain.rules import LedgerEvent
from backend.chain.tables import BlockRow, LogRow, block_row, blocks_at, logs_between, logs_of, projected_to
from contracts.artifacts import CONTRACTS, Artifact, load


def said_in(session: Session, number: int) -> list[LedgerEvent]:
    """Confirmed events of a block, in order."""
    return _events(session, logs_between(session, number, number))


def said_at(session: Session, at: datetime) -> list[LedgerEvent]:
    """Confirmed events of the blocks that were sealed at that instant, in order."""
    return [event for number in blocks_at(session, at) for event in said_in(session, number)]


def said_by(session: Session, tx_hash: bytes) -> list[LedgerEvent]:
    """Confirmed events of a transaction, in order; none where it is unknown or not confirmed."""
    rows = [(row, block_row(session, row.block_number)) for row in logs_of(session, tx_hash)]
    return _events(session, [(row, block) for row, block in rows if block is not None])


def _events(session: Session, rows: Iterable[tuple[LogRow, BlockRow]]) -> list[LedgerEvent]:
    height = projected_to(session)
    if height is None:
        return []
    return [
        event_of(row, block, {row.address: _speakers()[row.topics[0]]})
        for row, block in rows
        if row.block_number <= height and row.topics and row.topics[0] in _speakers()
    ]


@cache
def _speakers() -> dict[str, Artifact]:
    """First topic → a contract that has the event; those of one topic read it alike."""
    return {"0x" + topic.hex(): load(name) for name in CONTRACTS for topic in load(name).events}

"""Follows the ledger block by block: raw logs, cursor and projections move in one transaction, or not at all.

1. Where the follower stands is read; then the node is asked, with no transaction open.
2. If the node no longer has our newest block, we go back to the fork; one below finality stops.
3. Up to the final block, blocks come by ranges; above it, one by one with logs by block hash.
4. If nobody else moved meanwhile, blocks, logs, cursor and projections are written in one transaction.
5. Only events of final blocks reach the projectors, in the ledger's order, each once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from eth_utils.address import to_checksum_address
from sqlalchemy import Engine, insert
from sqlmodel import Session

from backend.chain.fetching import Fetcher, FoundLog, Header, Stretch
from backend.chain.rules import LedgerEvent, ReorganisedBelowFinality
from backend.chain.tables import (
    BlockRow,
    CursorRow,
    LogRow,
    block_row,
    cursor_row,
    drop_above,
    drop_silent_blocks,
    logs_between,
    position,
)
from backend.db import carry_out, reading
from contracts.artifacts import Artifact
from contracts.rpc import NodeUnavailable, Rpc

NOTHING: Final = Stretch()
TAIL_BLOCKS: Final = 32
BACK_AT_ONCE: Final = 64
log = structlog.get_logger(__name__)
Projector = Callable[[Session, LedgerEvent], None]
"""Brings a projection up to a confirmed event; ignores events that are not its own.

It changes nothing but through the session, since a unit of work that was overtaken is carried out again."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Which contracts are followed, by lower-case address, from which block on."""

    contracts: Mapping[str, Artifact]
    start_block: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the follower is: the newest block it saw, its hash, and the newest whose events it projected."""

    seen: int
    projected: int
    tip: bytes | None


@dataclass(frozen=True, slots=True)
class Move:
    """What a look at the node came to: back to block `back_to`, if not None; then on with the stretch."""

    back_to: int | None = None
    stretch: Stretch = NOTHING


STAY: Final = Move()


class Follower:
    """One reader of one ledger into one database."""

    def __init__(self, rpc: Rpc, engine: Engine, followed: Followed, projectors: Sequence[Projector]) -> None:
        self._engine = engine
        self._followed = followed
        self._projectors = projectors
        self._fetcher = Fetcher(rpc, followed.contracts)

    def step(self) -> int:
        """Take what comes next, at most one range; how many blocks we moved, 0 when nothing is new.

        Whatever is raised, nothing has changed.

        Raises:
            NodeUnavailable: the node does not answer, is behind us or contradicts itself.
            ReorganisedBelowFinality: the ledger broke its promise.
            LogsWithheld: the node keeps logs back.
            DatabaseUnavailable: the database does not answer.
        """
        standing = self._standing()
        final, newest = self._fetcher.heads()
        move = self._look(standing, final, newest)
        if move is None or (move == STAY and min(standing.seen, final.number) <= standing.projected):
            return 0
        return carry_out(self._engine, partial(self._take, standing=standing, move=move, final=final))

    def catch_up(self) -> None:
        """Step until nothing new is there."""
        while self.step():
            pass

    def _take(self, session: Session, *, standing: Standing, move: Move, final: Header) -> int:
        cursor = cursor_row(session, self._followed.start_block)
        if (cursor.seen, cursor.projected) != (standing.seen, standing.projected):
            return 0  # another follower was quicker
        if move.back_to is not None:
            self._go_back(session, cursor, move.back_to)
        _remember(session, cursor, move.stretch, final)
        self._project(session, cursor, final)
        return abs(cursor.seen - standing.seen) + (move.back_to is not None)

    def _standing(self) -> Standing:
        with reading(self._engine) as session:
            at = position(session)
            if at is None:
                before = self._followed.start_block - 1
                return Standing(before, before, None)
            tip = block_row(session, at.seen)
            return Standing(at.seen, at.projected, None if tip is None else tip.hash)

    def _look(self, standing: Standing, final: Header, newest: Header) -> Move | None:
        """Where to go, None when the node changed its mind while it was asked."""
        if newest.number < standing.projected:
            raise NodeUnavailable(newest=newest.number, why=f"it is behind our block {standing.projected}")
        fork = self._fork(standing)
        if fork < standing.seen:
            return Move(back_to=fork)
        first = standing.seen + 1
        if first <= final.number:
            stretch = self._fetcher.final(first, final.number)
        elif first <= newest.number:
            stretch = self._fetcher.unsettled(first, min(newest.number, standing.seen + TAIL_BLOCKS))
        else:
            return STAY
        if stretch.headers and standing.tip not in (None, stretch.headers[0].parent):
            return None  # the next step goes back
        return Move(stretch=stretch)

    def _fork(self, standing: Standing) -> int:
        """The newest block of ours that the node still has; none below the projected one is looked at.

        Raises:
            ReorganisedBelowFinality: the projected one is gone as well.
        """
        top = standing.seen
        while top >= max(standing.projected, self._followed.start_block):
            bottom = max(top - BACK_AT_ONCE + 1, standing.projected, self._followed.start_block)
            if top == standing.seen:
                bottom = top  # mostly nothing has happened, and one header says so
            there = {header.number: header.hash for header in self._fetcher.headers(bottom, top)}
            with reading(self._engine) as session:
                ours = {number: block_row(session, number) for number in range(bottom, top + 1)}
            for number in range(top, bottom - 1, -1):
                held = ours[number]
                if held is not None and there.get(number) == held.hash:
                    return number
            top = bottom - 1
        if standing.projected >= self._followed.start_block:
            raise ReorganisedBelowFinality(block=standing.projected)
        return standing.projected

    def _go_back(self, session: Session, cursor: CursorRow, fork: int) -> None:
        log.warning("ledger_reorganised", seen=cursor.seen, back_to=fork)
        drop_above(session, fork)
        cursor.seen = fork

    def _project(self, session: Session, cursor: CursorRow, final: Header) -> None:
        last = min(cursor.seen, final.number)
        if last <= cursor.projected:
            return
        held = block_row(session, last)
        if last == final.number and held is not None and held.hash != final.hash:
            return  # our newest blocks were replaced by final ones; the next step goes back
        for row, block in logs_between(session, cursor.projected + 1, last):
            event = event_of(row, block, self._followed.contracts)
            for projector in self._projectors:
                projector(session, event)
        drop_silent_blocks(session, cursor.projected, last)
        cursor.projected = last
        session.flush()


def _remember(session: Session, cursor: CursorRow, stretch: Stretch, final: Header) -> None:
    """Keep logs and move on; of final blocks only those with logs are kept, and the last."""
    spoke = {found.block_number for found in stretch.logs}
    last = stretch.headers[-1].number if stretch.headers else cursor.seen
    for header in stretch.headers:
        if header.number > final.number or header.number in spoke or header.number == last:
            session.add(BlockRow(number=header.number, hash=header.hash, time=header.time))
    if stretch.logs:  # thousands at once: as rows, with nothing made of each
        session.connection().execute(insert(LogRow), [_row(found) for found in stretch.logs])
    cursor.seen = last
    session.flush()


def _row(found: FoundLog) -> dict[str, Any]:
    return {
        "block_hash": found.block_hash,
        "log_index": found.log_index,
        "block_number": found.block_number,
        "address": found.address,
        "tx_hash": found.tx_hash,
        "topics": list(found.topics),
        "data": found.data,
    }


def event_of(row: LogRow, block: BlockRow, contracts: Mapping[str, Artifact]) -> LedgerEvent:
    """A stored log as the event it is.

    Raises:
        NotInAbi: the contract at this address declares no such event.
    """
    artifact = contracts[row.address]
    topics = [bytes.fromhex(topic[2:]) for topic in row.topics]
    name, args = artifact.decode_log(topics, row.data)
    for each in artifact.events[topics[0]].inputs:
        if each.type == "address":  # the codec gives them in lower case
            args[each.name] = to_checksum_address(args[each.name])
    return LedgerEvent(
        contract=artifact.contract,
        name=name,
        args=args,
        block_number=row.block_number,
        block_hash=row.block_hash,
        log_index=row.log_index,
        tx_hash=row.tx_hash,
        block_time=block.time,
    )

"""Follows the ledger: raw logs, cursor and projections move together in one transaction, or not at all.

1. Up to the final block, logs come by ranges that adapt to the node; above it, block by block by hash.
2. Every block's parent is checked; a reorganisation is undone back to the fork, and one below finality stops.
3. Only events of final blocks reach the projectors, in the ledger's order, each once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from eth_bloom.bloom import BloomFilter
from eth_utils.address import to_checksum_address
from sqlalchemy import Engine
from sqlmodel import Session

from backend.chain.rules import LedgerEvent, LogsWithheld, ReorganisedBelowFinality
from backend.chain.tables import (
    BlockRow,
    CursorRow,
    LogRow,
    block_row,
    cursor_row,
    drop_above,
    logs_between,
    newest_block_upto,
)
from backend.db import from_hex, transaction
from contracts.artifacts import Artifact
from contracts.rpc import NodeRefused, NodeUnavailable, Rpc

MOST_BLOCKS: Final = 4_096
TAIL_BLOCKS: Final = 32
log = structlog.get_logger(__name__)
Projector = Callable[[Session, LedgerEvent], None]
"""Brings a projection up to a confirmed event; ignores events that are not its own."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Which contracts are followed, by lower-case address, from which block on."""

    contracts: Mapping[str, Artifact]
    start_block: int


class Follower:
    """One reader of one ledger into one database."""

    def __init__(self, rpc: Rpc, engine: Engine, followed: Followed, projectors: Sequence[Projector]) -> None:
        self._rpc = rpc
        self._engine = engine
        self._followed = followed
        self._projectors = projectors
        self._range = 256

    def step(self) -> int:
        """Take what comes next, at most one range; how many blocks that were, 0 when there is nothing new.

        Raises:
            NodeUnavailable: the node does not answer; nothing has changed.
            ReorganisedBelowFinality: the ledger broke its promise.
            LogsWithheld: the node keeps logs back.
        """
        final, newest = self._rpc.batch(
            [("eth_getBlockByNumber", ["finalized", False]), ("eth_getBlockByNumber", ["latest", False])]
        )
        final_number = int(final["number"], 16)
        with transaction(self._engine) as session:
            cursor = cursor_row(session, self._followed.start_block)
            before = cursor.seen
            if before < final_number:
                self._take_range(session, cursor, min(final_number, before + self._range))
            elif not self._undo_reorganisation(session, cursor):
                self._take_tail(session, cursor, min(int(newest["number"], 16), before + TAIL_BLOCKS))
            self._project(session, cursor, final_number)
            return max(0, cursor.seen - before)

    def catch_up(self) -> None:
        """Step until nothing new is there."""
        while self.step():
            pass

    def _take_range(self, session: Session, cursor: CursorRow, last: int) -> None:
        first = cursor.seen + 1
        wanted = {"fromBlock": hex(first), "toBlock": hex(last), "address": list(self._followed.contracts)}
        try:
            logs = self._rpc.call("eth_getLogs", wanted)
        except (NodeRefused, NodeUnavailable):
            if self._range == 1:
                raise
            self._range //= 2
            log.info("range_halved", blocks=self._range)
            self._take_range(session, cursor, min(last, cursor.seen + self._range))
            return
        numbers = sorted({int(each["blockNumber"], 16) for each in logs} | {first, last})
        headers = self._headers(numbers)
        if not self._follows(session, cursor, headers[first]):
            self._undo_reorganisation(session, cursor)
            return
        for number in numbers:
            self._remember_block(session, headers[number])
        for each in logs:
            if each["blockHash"] != headers[int(each["blockNumber"], 16)]["hash"]:
                raise ReorganisedBelowFinality(block=int(each["blockNumber"], 16))
            self._remember_log(session, each)
        cursor.seen = last
        self._range = min(MOST_BLOCKS, self._range * 2)

    def _take_tail(self, session: Session, cursor: CursorRow, last: int) -> None:
        for number in range(cursor.seen + 1, last + 1):
            header = self._header_at(number)
            if header is None or not self._follows(session, cursor, header):
                return  # the ledger moved underneath; the next step sees what it became
            wanted = {"blockHash": header["hash"], "address": list(self._followed.contracts)}
            logs = self._rpc.call("eth_getLogs", wanted)
            self._require_not_withheld(header, logs)
            self._remember_block(session, header)
            for each in logs:
                self._remember_log(session, each)
            cursor.seen = number
            session.flush()

    def _require_not_withheld(self, header: dict[str, Any], logs: list[Any]) -> None:
        """An empty answer where the header's bloom names a contract is asked for once more, by receipts."""
        bloom = BloomFilter(int(header["logsBloom"], 16))
        named = [a for a in self._followed.contracts if bytes.fromhex(a[2:]) in bloom]
        if logs or not named:
            return
        receipts = self._rpc.call("eth_getBlockReceipts", header["hash"])
        if receipts is None or any(
            each["address"].lower() in self._followed.contracts
            for receipt in receipts
            for each in receipt["logs"]
        ):
            raise LogsWithheld(block=int(header["number"], 16), contracts=named)

    def _header_at(self, number: int) -> dict[str, Any] | None:
        header: dict[str, Any] | None = self._rpc.batch([("eth_getBlockByNumber", [hex(number), False])])[0]
        return header

    def _headers(self, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
        answers = self._rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        missing = [number for number, header in zip(numbers, answers, strict=True) if header is None]
        if missing:
            raise NodeUnavailable(
                url=self._rpc.url, method="eth_getBlockByNumber", why=f"no block {missing[0]}"
            )
        return dict(zip(numbers, answers, strict=True))

    def _follows(self, session: Session, cursor: CursorRow, header: dict[str, Any]) -> bool:
        tip = block_row(session, cursor.seen)
        return tip is None or header["parentHash"] == "0x" + tip.hash.hex()

    def _undo_reorganisation(self, session: Session, cursor: CursorRow) -> bool:
        """Go back to the newest block that the node still has; False when nothing was reorganised."""
        top = cursor.seen
        tip = newest_block_upto(session, top)
        while tip is not None:
            there = self._header_at(tip.number)
            if there is not None and there["hash"] == "0x" + tip.hash.hex():
                break
            if tip.number <= cursor.projected:
                raise ReorganisedBelowFinality(block=tip.number, held="0x" + tip.hash.hex())
            tip = newest_block_upto(session, tip.number - 1)
        fork = self._followed.start_block - 1 if tip is None else tip.number
        if fork >= top:
            return False
        drop_above(session, fork)
        cursor.seen = max(fork, cursor.projected)
        log.warning("ledger_reorganised", seen=top, back_to=cursor.seen)
        return True

    def _project(self, session: Session, cursor: CursorRow, final_number: int) -> None:
        last = min(cursor.seen, final_number)
        if last <= cursor.projected:
            return
        session.flush()
        for row, block in logs_between(session, cursor.projected + 1, last):
            event = self._event(row, block)
            for projector in self._projectors:
                projector(session, event)
        cursor.projected = last
        session.flush()

    def _event(self, row: LogRow, block: BlockRow) -> LedgerEvent:
        artifact = self._followed.contracts[row.address]
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

    @staticmethod
    def _remember_block(session: Session, header: dict[str, Any]) -> None:
        number = int(header["number"], 16)
        if block_row(session, number) is None:
            time = datetime.fromtimestamp(int(header["timestamp"], 16), UTC)
            session.add(BlockRow(number=number, hash=from_hex(header["hash"]), time=time))

    @staticmethod
    def _remember_log(session: Session, found: dict[str, Any]) -> None:
        session.add(
            LogRow(
                block_hash=from_hex(found["blockHash"]),
                log_index=int(found["logIndex"], 16),
                block_number=int(found["blockNumber"], 16),
                address=found["address"].lower(),
                tx_hash=from_hex(found["transactionHash"]),
                topics=found["topics"],
                data=bytes.fromhex(found["data"][2:]),
            )
        )

"""Asks a node for blocks and the logs of some contracts, and believes only what fits together.

1. Headers must be without a hole and each must name the one before as its parent.
2. Each log must lie in a block just fetched, in rising order, and come from a contract asked for.
3. Where a header's bloom names a contract but no log came, the block's receipts are asked for instead.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, Self

import structlog
from eth_bloom.bloom import BloomFilter

from backend.chain.rules import LogsWithheld
from contracts.rpc import NodeRefused, NodeUnavailable, Rpc

MOST_BLOCKS: Final = 2_048
FIRST_RANGE: Final = 256
MANY_LOGS: Final = 2_000
HEADERS_AT_ONCE: Final = 256
BY_NUMBER: Final = "eth_getBlockByNumber"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Header:
    """What is used of a block's header."""

    number: int
    hash: bytes
    parent: bytes
    time: datetime
    bloom: int

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """A header as a node gives it.

        Raises:
            NodeUnavailable: it gives something else.
        """
        with _in_form("a header"):
            return cls(
                number=int(given["number"], 16),
                hash=_bytes(given["hash"]),
                parent=_bytes(given["parentHash"]),
                time=datetime.fromtimestamp(int(given["timestamp"], 16), UTC),
                bloom=int(given["logsBloom"], 16),
            )


@dataclass(frozen=True, slots=True)
class FoundLog:
    """A log exactly as the node gave it; the address in lower case."""

    block_hash: bytes
    block_number: int
    log_index: int
    address: str
    tx_hash: bytes
    topics: tuple[str, ...]
    data: bytes

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """A log in JSON-RPC's form.

        Raises:
            NodeUnavailable: it is something else.
        """
        with _in_form("a log"):
            return cls(
                block_hash=_bytes(given["blockHash"]),
                block_number=int(given["blockNumber"], 16),
                log_index=int(given["logIndex"], 16),
                address=str(given["address"]).lower(),
                tx_hash=_bytes(given["transactionHash"]),
                topics=tuple(given["topics"]),
                data=_bytes(given["data"]),
            )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Blocks in a row with all logs of the contracts in them, in the ledger's order."""

    headers: tuple[Header, ...] = ()
    logs: tuple[FoundLog, ...] = ()


class Fetcher:
    """Reads one node for the logs of `contracts`, lower-case addresses; ranges adapt to what it bears."""

    def __init__(self, rpc: Rpc, contracts: Collection[str]) -> None:
        self._rpc = rpc
        self._contracts = list(contracts)
        self._range = FIRST_RANGE

    def heads(self) -> tuple[Header, Header]:
        """The final block and the newest one."""
        final, newest = self._rpc.batch([(BY_NUMBER, ["finalized", False]), (BY_NUMBER, ["latest", False])])
        if final is None or newest is None:
            raise NodeUnavailable(url=self._rpc.url, method=BY_NUMBER, why="it knows no final block")
        return Header.of(final), Header.of(newest)

    def headers(self, first: int, last: int) -> list[Header]:
        """Headers by number, up to the first that the node does not have."""
        found: list[Header] = []
        for start in range(first, last + 1, HEADERS_AT_ONCE):
            numbers = range(start, min(last + 1, start + HEADERS_AT_ONCE))
            answers = self._rpc.batch([(BY_NUMBER, [hex(number), False]) for number in numbers])
            for number, answer in zip(numbers, answers, strict=True):
                if answer is None:
                    return found
                found.append(_numbered(answer, number))
        return found

    def final(self, first: int, last: int) -> Stretch:
        """Some blocks from `first` on, none above `last`, which must be final; as many as the node bears.

        Raises:
            NodeUnavailable: no answer, or one that does not fit together.
            NodeRefused: it does not even give the logs of one block.
            LogsWithheld: it keeps logs back.
        """
        last = min(last, first + self._range - 1)
        wanted = {"fromBlock": hex(first), "toBlock": hex(last), "address": self._contracts}
        try:
            answer = self._rpc.call("eth_getLogs", wanted)
        except NodeUnavailable:
            self._range = max(1, self._range // 2)
            raise
        except NodeRefused:
            if self._range == 1:
                raise
            self._range = max(1, self._range // 2)
            log.info("range_halved", blocks=self._range)
            return self.final(first, last)
        headers = self._linked(self.headers(first, last))
        if len(headers) != last - first + 1:
            raise NodeUnavailable(url=self._rpc.url, method=BY_NUMBER, why="a final block is missing")
        if len(answer) < MANY_LOGS:
            self._range = min(MOST_BLOCKS, self._range * 2)
        return self._stretch(headers, answer)

    def unsettled(self, first: int, last: int) -> Stretch:
        """Blocks that may still be taken back, each with the logs of just that block, by its hash."""
        headers = self._linked(self.headers(first, last))
        asked = [
            ("eth_getLogs", [{"blockHash": "0x" + header.hash.hex(), "address": self._contracts}])
            for header in headers
        ]
        try:
            answers = self._rpc.batch(asked)
        except NodeRefused:  # one of them was taken back meanwhile; the next look sees what it became
            return Stretch()
        return self._stretch(headers, [log for answer in answers for log in answer])

    @staticmethod
    def _linked(headers: Sequence[Header]) -> tuple[Header, ...]:
        """Those in front that name each other as parents; the node may have changed its mind in between."""
        for at in range(1, len(headers)):
            if headers[at].parent != headers[at - 1].hash:
                return tuple(headers[:at])
        return tuple(headers)

    def _stretch(self, headers: tuple[Header, ...], answer: Sequence[dict[str, Any]]) -> Stretch:
        logs = [FoundLog.of(each) for each in answer]
        hashes = {header.hash: header.number for header in headers}
        for each in logs:
            if hashes.get(each.block_hash) != each.block_number or each.address not in self._contracts:
                raise NodeUnavailable(
                    url=self._rpc.url, method="eth_getLogs", why="a log of another block or contract"
                )
        places = [(each.block_number, each.log_index) for each in logs]
        if any(earlier >= later for earlier, later in pairwise(places)):
            raise NodeUnavailable(url=self._rpc.url, method="eth_getLogs", why="logs out of order")
        spoke = {each.block_hash for each in logs}
        for header in headers:
            if header.hash not in spoke:
                self._require_silent(header)
        return Stretch(headers, tuple(logs))

    def _require_silent(self, header: Header) -> None:
        """A bloom also names what is not there, about once in a million; the receipts then say so."""
        bloom = BloomFilter(header.bloom)
        named = [each for each in self._contracts if bytes.fromhex(each[2:]) in bloom]
        if not named:
            return
        receipts = self._rpc.call("eth_getBlockReceipts", "0x" + header.hash.hex())
        if receipts is None or any(
            each["address"].lower() in self._contracts for receipt in receipts for each in receipt["logs"]
        ):
            raise LogsWithheld(block=header.number, contracts=named)


def _numbered(answer: dict[str, Any], number: int) -> Header:
    header = Header.of(answer)
    if header.number != number:
        raise NodeUnavailable(method=BY_NUMBER, why=f"asked for block {number}, got {header.number}")
    return header


@contextmanager
def _in_form(what: str) -> Iterator[None]:
    """Something without a field, or with another kind of value in it, is no answer."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NodeUnavailable(why=f"it gives what is not {what}") from error


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])

"""The follower takes every event once and in order, whatever the ledger does above its final block."""

import hashlib
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_bloom.bloom import BloomFilter
from eth_utils.address import to_checksum_address
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend.chain.follower import Followed, Follower
from backend.chain.rules import LedgerEvent, LogsWithheld, ReorganisedBelowFinality
from backend.chain.tables import BlockRow, count_logs
from backend.db import reading
from contracts.artifacts import load
from contracts.rpc import NodeRefused, NodeUnavailable, Rpc

ADDRESS = "0x" + "ab" * 20
EVENT = next(each for each in load("PartyRegistry").events.values() if each.name == "PersonEnrolled")


class ForkingNode(Rpc):
    """A node whose blocks above the final one may be replaced at any time; speaks for one contract."""

    def __init__(self, seed: int) -> None:
        super().__init__("http://127.0.0.1:9")
        self.random = random.Random(seed)  # noqa: S311 - a schedule that its seed repeats
        self.blocks: list[dict[str, Any]] = []
        self.final = 0
        self.most_blocks = 10_000
        self.withholds = False
        self.unrest = 0.0
        self.lies: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = list
        self.grow(1)

    def grow(self, count: int) -> None:
        for _ in range(count):
            number = len(self.blocks)
            parent = self.blocks[-1]["hash"] if self.blocks else "0x" + "00" * 32
            block_hash = "0x" + hashlib.sha256(f"{parent}{self.random.random()}".encode()).hexdigest()
            logs = [self.log(number, block_hash, at) for at in range(self.random.choice((0, 0, 1, 3)))]
            bloom = BloomFilter()
            if logs:
                bloom.add(bytes.fromhex(ADDRESS[2:]))
            self.blocks.append(
                {
                    "number": hex(number),
                    "hash": block_hash,
                    "parentHash": parent,
                    "timestamp": hex(1_700_000_000 + number),
                    "logsBloom": hex(int(bloom)),
                    "logs": logs,
                }
            )

    def log(self, number: int, block_hash: str, at: int) -> dict[str, Any]:
        return {
            "address": ADDRESS,
            "blockNumber": hex(number),
            "blockHash": block_hash,
            "logIndex": hex(at),
            "transactionHash": "0x" + hashlib.sha256(f"{block_hash}{at}".encode()).hexdigest(),
            "topics": ["0x" + EVENT.topic.hex(), "0x" + number.to_bytes(32, "big").hex()],
            "data": "0x" + encode(["address"], ["0x" + self.random.randbytes(20).hex()]).hex(),
        }

    def reorganise(self) -> None:
        depth = self.random.randint(1, len(self.blocks) - 1 - self.final)
        del self.blocks[-depth:]
        self.grow(depth + self.random.randint(0, 2))

    def logs(self, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [log for block in blocks for log in block["logs"]]

    def live(self) -> None:
        """Something happens: blocks come, are replaced, or become final."""
        choice, newest = self.random.random(), len(self.blocks) - 1
        if choice < 0.45:
            self.grow(self.random.randint(1, 4))
        elif choice < 0.75 and self.final < newest:
            self.reorganise()
        elif choice < 0.9:
            self.final = self.random.randint(self.final, max(self.final, newest - 1))

    def call(self, method: str, *params: Any) -> Any:
        if self.random.random() < self.unrest:
            self.live()
        if method == "eth_getBlockByNumber":
            tags = {"latest": len(self.blocks) - 1, "finalized": self.final}
            number = tags[params[0]] if params[0] in tags else int(params[0], 16)
            return self.blocks[number] if number < len(self.blocks) else None
        if method == "eth_getBlockReceipts":
            return [{"logs": self.logs([block for block in self.blocks if block["hash"] == params[0]])}]
        asked = params[0]
        if "blockHash" in asked:
            found = [block for block in self.blocks if block["hash"] == asked["blockHash"]]
            if not found:
                raise NodeRefused(method=method, said="unknown block")
            return [] if self.withholds else self.lies(self.logs(found))
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        if last - first >= self.most_blocks:
            raise NodeRefused(method=method, said="too many blocks")
        return [] if self.withholds else self.lies(self.logs(self.blocks[first : last + 1]))

    def batch(self, requests: Any) -> list[Any]:
        return [self.call(method, *params) for method, params in requests]


@pytest.fixture
def bank(database: Engine) -> Engine:
    return database


def followed(node: ForkingNode, bank: Engine, seen: list[LedgerEvent]) -> Follower:
    def remember(_: Session, event: LedgerEvent) -> None:
        seen.append(event)

    return Follower(node, bank, Followed({ADDRESS: load("PartyRegistry")}, start_block=0), [remember])


def places(node: ForkingNode) -> list[tuple[str, int]]:
    """Where a fresh look finds all logs: block hash and index."""
    return [(log["blockHash"], int(log["logIndex"], 16)) for log in node.logs(node.blocks)]


@pytest.mark.parametrize("seed", range(12))
def test_every_event_of_a_final_block_is_projected_once_in_order_through_reorganisations(
    bank: Engine, seed: int
) -> None:
    node, seen = ForkingNode(seed), []
    node.most_blocks = node.random.choice((1, 3, 50))
    node.grow(node.random.choice((2, 40)))
    node.unrest = node.random.choice((0.0, 0.2, 0.6))  # it may change between any two requests of one step
    follower = followed(node, bank, seen)
    for _ in range(60):
        node.live()
        if node.random.random() < 0.1:
            follower = followed(node, bank, seen)
        with suppress(NodeUnavailable):
            follower.step()
    node.unrest, node.final = 0.0, len(node.blocks) - 1
    follower.catch_up()
    assert [("0x" + event.block_hash.hex(), event.log_index) for event in seen] == places(node)
    with reading(bank) as session:
        assert count_logs(session) == len(seen) > 0


def test_of_two_followers_on_one_database_each_event_is_still_projected_once(bank: Engine) -> None:
    node, seen = ForkingNode(7), []
    first, second = followed(node, bank, seen), followed(node, bank, seen)
    slow = first._look

    def overtaken(*standing: Any) -> Any:
        move = slow(*standing)
        second.step()
        return move

    first._look = overtaken  # type: ignore[method-assign]
    for _ in range(20):
        node.grow(3)
        node.final = len(node.blocks) - 3
        first.step()
    node.final = len(node.blocks) - 1
    second.catch_up()
    assert [("0x" + event.block_hash.hex(), event.log_index) for event in seen] == places(node)


class TwoNodes(ForkingNode):
    """One URL behind which two nodes stand: `other` still answers what is asked about blocks up to `upto`."""

    other: ForkingNode
    upto = -1

    def call(self, method: str, *params: Any) -> Any:
        if (
            method == "eth_getBlockByNumber"
            and params[0].startswith("0x")
            and int(params[0], 16) <= self.upto
        ):
            return self.other.call(method, *params)
        return super().call(method, *params)


@pytest.mark.parametrize(("final", "upto"), [(15, 20), (25, 20), (15, 40)])
def test_blocks_that_one_of_two_nodes_still_has_are_not_projected_when_the_other_has_final_ones(
    bank: Engine, final: int, upto: int
) -> None:
    node, seen = TwoNodes(8), []
    node.grow(9)
    node.other = ForkingNode(9)
    node.other.blocks = list(node.blocks)
    node.other.grow(11)
    node.grow(21)
    followed(node.other, bank, seen).catch_up()
    node.final, node.upto = final, upto
    follower = followed(node, bank, seen)
    follower.step()
    assert all(event.block_number < 10 for event in seen)
    node.upto, node.final = -1, len(node.blocks) - 1
    follower.catch_up()
    assert [("0x" + event.block_hash.hex(), event.log_index) for event in seen] == places(node)


def test_of_final_blocks_only_those_with_logs_are_kept(bank: Engine) -> None:
    node, seen = ForkingNode(5), []
    follower = followed(node, bank, seen)
    for _ in range(10):
        node.grow(6)
        node.final = len(node.blocks) - 1 - node.random.randint(0, 4)
        follower.catch_up()
    with reading(bank) as session:
        kept = {row.number for row in session.exec(select(BlockRow)).all()}
    spoke = {int(log["blockNumber"], 16) for log in node.logs(node.blocks)}
    assert kept == spoke | set(range(node.final, len(node.blocks)))


@pytest.mark.parametrize(
    "lie",
    [
        lambda logs: logs[::-1],
        lambda logs: logs + logs[-1:],
        lambda logs: [{**log, "blockHash": "0x" + "11" * 32} for log in logs],
        lambda logs: [{**log, "address": "0x" + "cd" * 20} for log in logs],
        lambda logs: [{**log, "blockNumber": hex(int(log["blockNumber"], 16) + 1)} for log in logs],
    ],
)
@pytest.mark.parametrize("final", [0, 30])
def test_an_answer_that_does_not_fit_together_changes_nothing(
    bank: Engine, lie: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], final: int
) -> None:
    node, seen = ForkingNode(4), []
    node.grow(30)
    node.final, node.lies = final, lie
    follower = followed(node, bank, seen)
    with pytest.raises(NodeUnavailable):
        follower.catch_up()
    node.lies, node.final = list, 30
    follower.catch_up()
    assert [("0x" + event.block_hash.hex(), event.log_index) for event in seen] == places(node)


def test_a_node_that_is_behind_takes_nothing_back(bank: Engine) -> None:
    node, seen = ForkingNode(6), []
    node.grow(20)
    node.final = 20
    follower = followed(node, bank, seen)
    follower.catch_up()
    ahead = node.blocks
    node.blocks, node.final = ahead[:12], 10
    with pytest.raises(NodeUnavailable, match="behind"):
        follower.step()
    node.blocks, node.final = ahead, 20
    node.grow(5)
    node.final = 25
    follower.catch_up()
    assert [("0x" + event.block_hash.hex(), event.log_index) for event in seen] == places(node)


def test_addresses_reach_the_projectors_in_their_checksummed_form(bank: Engine) -> None:
    node, seen = ForkingNode(1), []
    node.grow(20)
    node.final = 20
    followed(node, bank, seen).catch_up()
    persons = [event.args["person"] for event in seen]
    assert persons
    assert persons == [to_checksum_address(each) for each in persons]
    assert persons != [each.lower() for each in persons]


def test_a_reorganisation_below_the_final_block_stops(bank: Engine) -> None:
    node, seen = ForkingNode(1), []
    follower = followed(node, bank, seen)
    node.grow(20)
    node.final = 20
    follower.catch_up()
    before = len(seen)
    node.final = 5
    for _ in range(3):
        del node.blocks[10:]
        node.grow(30)
    with pytest.raises(ReorganisedBelowFinality):
        follower.catch_up()
    assert len(seen) == before


@pytest.mark.parametrize("final", [0, 30])
def test_logs_that_the_header_promises_and_the_node_keeps_back_stop_the_follower(
    bank: Engine, final: int
) -> None:
    node, seen = ForkingNode(2), []
    follower = followed(node, bank, seen)
    follower.catch_up()
    node.withholds = True
    node.grow(30)
    node.final = final
    with pytest.raises(LogsWithheld):
        follower.catch_up()


def test_a_projector_that_fails_leaves_the_cursor_where_it_was(bank: Engine) -> None:
    node, seen = ForkingNode(3), []

    def fail(_: Session, event: LedgerEvent) -> None:
        raise ArithmeticError(event.name)

    node.grow(30)
    node.final = 30
    broken = Follower(node, bank, Followed({ADDRESS: load("PartyRegistry")}, start_block=0), [fail])
    with pytest.raises(ArithmeticError):
        broken.catch_up()
    followed(node, bank, seen).catch_up()
    assert len(seen) == len(node.logs(node.blocks)) > 0

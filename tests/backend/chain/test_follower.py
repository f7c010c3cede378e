"""The follower takes every event once and in order, whatever the ledger does above its final block."""

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_bloom.bloom import BloomFilter
from eth_utils.address import to_checksum_address
from sqlalchemy import Engine
from sqlmodel import Session

from backend.chain.follower import Followed, Follower
from backend.chain.rules import LedgerEvent, LogsWithheld, ReorganisedBelowFinality
from backend.chain.tables import count_logs
from backend.db import create_schema, open_database, reading
from contracts.artifacts import load
from contracts.rpc import NodeRefused, Rpc

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

    def call(self, method: str, *params: Any) -> Any:
        if method == "eth_getBlockByNumber":
            tags = {"latest": len(self.blocks) - 1, "finalized": self.final}
            number = tags[params[0]] if params[0] in tags else int(params[0], 16)
            return self.blocks[number] if number < len(self.blocks) else None
        if method == "eth_getBlockReceipts":
            return [{"logs": self.logs([block for block in self.blocks if block["hash"] == params[0]])}]
        asked = params[0]
        if "blockHash" in asked:
            found = [block for block in self.blocks if block["hash"] == asked["blockHash"]]
            return [] if self.withholds else self.logs(found)
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        if last - first >= self.most_blocks:
            raise NodeRefused(method=method, said="too many blocks")
        return self.logs(self.blocks[first : last + 1])

    def batch(self, requests: Any) -> list[Any]:
        return [self.call(method, *params) for method, params in requests]


@pytest.fixture
def bank(tmp_path: Path) -> Engine:
    engine = open_database(f"sqlite:///{tmp_path / 'bank.sqlite'}")
    create_schema(engine)
    return engine


def followed(node: ForkingNode, bank: Engine, seen: list[LedgerEvent]) -> Follower:
    def remember(_: Session, event: LedgerEvent) -> None:
        seen.append(event)

    return Follower(node, bank, Followed({ADDRESS: load("PartyRegistry")}, start_block=0), [remember])


@pytest.mark.parametrize("seed", range(25))
def test_every_event_of_a_final_block_is_projected_once_in_order_through_reorganisations(
    bank: Engine, seed: int
) -> None:
    node, seen = ForkingNode(seed), []
    node.most_blocks = node.random.choice((1, 3, 50))
    follower = followed(node, bank, seen)
    node.grow(40)
    for _ in range(60):
        choice = node.random.random()
        if choice < 0.35:
            node.grow(node.random.randint(1, 4))
        elif choice < 0.6 and node.final < len(node.blocks) - 1:
            node.reorganise()
        elif choice < 0.75:
            node.final = node.random.randint(node.final, max(node.final, len(node.blocks) - 2))
        if node.random.random() < 0.1:
            follower = followed(node, bank, seen)
        follower.step()
    node.final = len(node.blocks) - 1
    follower.catch_up()
    wanted = [(int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in node.logs(node.blocks)]
    assert [(event.block_number, event.log_index) for event in seen] == wanted
    assert ["0x" + event.block_hash.hex() for event in seen] == [
        log["blockHash"] for log in node.logs(node.blocks)
    ]
    with reading(bank) as session:
        assert count_logs(session) == len(wanted)


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


def test_logs_that_the_header_promises_and_the_node_keeps_back_stop_the_follower(bank: Engine) -> None:
    node, seen = ForkingNode(2), []
    follower = followed(node, bank, seen)
    follower.catch_up()
    node.withholds = True
    node.grow(30)
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

"""How fast the follower takes ten thousand events from a node over JSON-RPC, beside decoding them alone."""

import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from sqlmodel import Session

from backend.chain.bench import Figures, figure_of, served
from backend.chain.embedded.engine import Engine, Genesis
from backend.chain.embedded.process import WEI_EACH
from backend.chain.embedded.server import LedgerServer
from backend.chain.follower import Followed, Follower
from backend.chain.rules import LedgerEvent
from backend.db import create_schema, open_database
from contracts.artifacts import Artifact, load
from contracts.rpc import Rpc
from contracts.sender import Act, Sender

BLOCKS_A_RUN: Final = 10
EVENTS_A_BLOCK: Final = 50
CHAIN_ID: Final = 4_242
HOUR_S: Final = 3_600
EVENT: Final = "PersonEnrolled"
CONTRACT: Final = "PartyRegistry"
GAS: Final = 5_000_000


def follower(*, runs: int, folder: Path, databases: Mapping[str, str]) -> Figures:
    """A new bank catches up on ten blocks for each of `runs`, fifty events in each: events a second.

    Args:
        runs: ten blocks for each.
        folder: where chain and SQLite database are made.
        databases: other empty databases, URL by a name for the figure.

    Baseline: the same logs decoded by the ABI in memory, with no node, no database and no transaction.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "chain").mkdir(parents=True)
    account: LocalAccount = Account.create()
    artifact = load(CONTRACT)
    address = _speak(folder, account, artifact, runs * BLOCKS_A_RUN)
    figures: Figures = {}
    with served(folder, account.address) as (rpc, _):
        logs = _logs(rpc, address)
        decoded = _decoded_per_s(artifact, logs)
        for name, url in {"sqlite": f"sqlite:///{folder / 'bank.sqlite'}", **databases}.items():
            seen, took_s = _catch_up(rpc, Followed({address: artifact}, 0), url)
            figures[f"catch_up_on_{name}"] = figure_of(seen / took_s, "events/s", baseline=decoded)
            figures[f"missed_on_{name}"] = figure_of(len(logs) - seen, "events", goal=1, at_most=True)
    figures["events"] = figure_of(len(logs), "events")
    return figures


def _speak(folder: Path, account: LocalAccount, artifact: Artifact, blocks: int) -> str:
    """Let a contract say so many blocks full of events, sealed at once; where it is, in lower case."""
    times = count(int(time.time()) - HOUR_S)
    genesis = Genesis(CHAIN_ID, {account.address: WEI_EACH})
    engine = Engine(folder / "chain" / "ledger.sqlite", genesis, lambda: next(times))
    with _listening(engine) as rpc:
        sender = Sender(rpc, folder / "out.sqlite")
        sender.send(Act("make", None, _emitter(artifact)), bytes(account.key))
        made = sender.outcome("make").receipt
        address = str((made or {})["contractAddress"])
        for number in range(blocks):
            said = Act(f"say {number}", address, EVENTS_A_BLOCK.to_bytes(32), GAS)
            sender.send(said, bytes(account.key))
    return address.lower()


@contextmanager
def _listening(engine: Engine) -> Iterator[Rpc]:
    """The engine as a node in this process, until the block ends."""
    server = LedgerServer(engine, port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Rpc(server.url())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        engine.close()


def _emitter(artifact: Artifact) -> bytes:
    """Creation code of a contract that emits the event as often as it is told, about another party each time.

    Its memory holds the caller as the event's person; the counter on its stack is the indexed party.
    """
    topic = next(event.topic for event in artifact.events.values() if event.name == EVENT)
    loop = "5b8015603b5780" + "7f" + topic.hex() + "60206000a2" + "600190036007" + "56" + "5b00"
    runtime = bytes.fromhex("33600052" + "600035" + loop)
    return bytes.fromhex(f"60{len(runtime):02x}600c60003960{len(runtime):02x}6000f3") + runtime


def _logs(rpc: Rpc, address: str) -> list[dict[str, Any]]:
    newest, found = rpc.block_number(), list[dict[str, Any]]()
    for first in range(0, newest + 1, BLOCKS_A_RUN):
        wanted = {"fromBlock": hex(first), "toBlock": hex(first + BLOCKS_A_RUN - 1), "address": address}
        found += rpc.call("eth_getLogs", wanted)
    return found


def _decoded_per_s(artifact: Artifact, logs: list[dict[str, Any]]) -> float:
    raw = [([bytes.fromhex(t[2:]) for t in log["topics"]], bytes.fromhex(log["data"][2:])) for log in logs]
    started = time.perf_counter()
    for topics, data in raw:
        artifact.decode_log(topics, data)
    return len(raw) / (time.perf_counter() - started)


def _catch_up(rpc: Rpc, followed: Followed, url: str) -> tuple[int, float]:
    """Events from the first block to the last, each kept, decoded and handed to a projector; the seconds."""
    seen: list[LedgerEvent] = []

    def remember(_: Session, event: LedgerEvent) -> None:
        seen.append(event)

    engine = open_database(url)
    create_schema(engine)
    started = time.perf_counter()
    Follower(rpc, engine, followed, [remember]).catch_up()
    took_s = time.perf_counter() - started
    engine.dispose()
    return len(seen), took_s

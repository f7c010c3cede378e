"""How fast the embedded ledger boots, takes and seals transactions, and how fast acts are sent to it."""

import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from contracts.rpc import Rpc
from contracts.sender import Act, Sender

Figures = dict[str, dict[str, Any]]
NOBODY: Final = "0x" + "11" * 20
DATA: Final = bytes(64)
BOOT_GOAL_S: Final = 3
SEALED_GOAL: Final = 100


def ledger(*, runs: int, folder: Path) -> Figures:
    """Boot a new chain; fifty times `runs` transactions by bare requests, then `runs` acts by a sender.

    Baseline: single rows committed to SQLite with `synchronous=FULL` in the same folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    account: LocalAccount = Account.create()
    commits = _commits_per_s(folder / "commits.sqlite")
    with served(folder, account.address) as (rpc, first_boot_s):
        acknowledged, sealed = _transactions_per_s(rpc, account, runs * 50)
        acts = _acts_per_s(rpc, account, runs, folder)
        calls = _per_s(200, lambda: rpc.eth_call(to=NOBODY, data=b""))
    with served(folder, account.address) as (_, second_boot_s):
        pass
    return {
        "boot_of_a_new_chain": figure_of(first_boot_s, "s", goal=BOOT_GOAL_S, at_most=True),
        "boot_of_a_kept_chain": figure_of(second_boot_s, "s", goal=BOOT_GOAL_S, at_most=True),
        "transactions_acknowledged": figure_of(acknowledged, "/s", baseline=commits),
        "transactions_sealed": figure_of(sealed, "/s", baseline=commits, goal=SEALED_GOAL),
        "acts_sent_by_a_sender": figure_of(acts, "/s", baseline=commits),
        "calls_answered": figure_of(calls, "/s"),
    }


@contextmanager
def served(folder: Path, funded: str) -> Iterator[tuple[Rpc, float]]:
    """The chain as a process, and the seconds until it answered."""
    command = [sys.executable, "-m", "backend.cli", "chain", "--data", str(folder / "chain"), "--port", "0"]
    started = time.perf_counter()
    with subprocess.Popen([*command, "--fund", funded], stdout=subprocess.PIPE, text=True) as process:
        said = "" if process.stdout is None else process.stdout.readline()
        rpc = Rpc(json.loads(said)["url"])
        rpc.chain_id()
        try:
            yield rpc, time.perf_counter() - started
        finally:
            process.terminate()


def _transactions_per_s(rpc: Rpc, account: LocalAccount, count: int) -> tuple[float, float]:
    """Transactions acknowledged a second, one request after the other, and sealed a second."""
    fields: dict[str, Any] = {
        "type": 2,
        "chainId": rpc.chain_id(),
        "gas": 30_000,
        "to": NOBODY,
        "value": 1,
        "data": DATA,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 0,
    }
    signed = [account.sign_transaction(fields | {"nonce": nonce}) for nonce in range(count)]
    raws = [each.raw_transaction.hex() for each in signed]
    started = time.perf_counter()
    for raw in raws:
        last = rpc.call("eth_sendRawTransaction", "0x" + raw)
    acknowledged = count / (time.perf_counter() - started)
    while rpc.call("eth_getTransactionReceipt", last) is None:
        time.sleep(0.01)
    return acknowledged, count / (time.perf_counter() - started)


def _acts_per_s(rpc: Rpc, account: LocalAccount, count: int, folder: Path) -> float:
    sender = Sender(rpc, folder / "out.sqlite")
    return _per_s(count, lambda: sender.send(Act(secrets.token_hex(16), NOBODY, DATA), bytes(account.key)))


def _commits_per_s(file: Path) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE row (data BLOB)")
    rate = _per_s(500, lambda: connection.execute("INSERT INTO row VALUES (?)", (DATA,)))
    connection.close()
    return rate


def _per_s(count: int, thing: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(count):
        thing()
    return count / (time.perf_counter() - started)


def figure_of(
    value: float, unit: str, *, baseline: float | None = None, goal: int | None = None, at_most: bool = False
) -> dict[str, Any]:
    """A figure as every bench prints it."""
    compare = "<" if at_most else ">"
    return {
        "value": round(value, 2),
        "unit": unit,
        "baseline": None if baseline is None else round(baseline, 1),
        "ratio": None if baseline is None else round(value / baseline, 3),
        "goal": None if goal is None else f"{compare} {goal} {unit}",
        "holds": None if goal is None else (value < goal) is at_most,
    }

"""Two API processes race for one receipt, again and again, on PostgreSQL: one of them has it, every time."""

import itertools
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest
from sqlmodel import Session, col, func, select

from backend.app import Bank
from backend.clock import SystemClock
from backend.db import carry_out, reading
from backend.loans.actions import applying
from backend.loans.rules.product import standard_product
from backend.loans.tables.loan import LoanReceiptRow, LoanRow
from backend.receipts.rules import ReceiptState
from backend.receipts.tables import ReceiptRow
from backend.settings import Settings
from backend.story.processes import Processes
from backend.story.stage import as_told
from iot_bridge.evidence.statement import name32
from tests.backend.app.callers import Asker, admit_everybody
from tests.support.ledger_life import DEPOSITOR, OPERATOR, SITE

RACES: Final = 2000
SEED: Final = 31
REPLICAS: Final = 2


@pytest.fixture
def settings(settings: Settings, postgres_url: str) -> Settings:
    """The bank's settings, on PostgreSQL."""
    return settings.model_copy(update={"database_url": postgres_url})


@pytest.fixture
def bank(settings: Settings) -> Iterator[Bank]:
    """A bank with many receipts that nobody has offered for a loan yet."""
    bank = Bank.open(settings)
    at = bank.moment()
    product = standard_product()
    carry_out(bank.engine, lambda session: applying.store_product(session, product, at=at))
    carry_out(bank.engine, _receipts)
    yield bank
    bank.engine.dispose()


@pytest.fixture
def replicas(settings: Settings, bank: Bank, tmp_path: Any) -> Iterator[list[str]]:
    """Two API processes on one database."""
    told = {
        f"TALLYSTICK_{name.upper()}": as_told(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
    }
    with Processes(tmp_path / "logs", dict(os.environ)) as processes:
        started = [
            processes.start(f"api-{number}", "backend.cli", "api", "--port", "0", environment=told)
            for number in range(REPLICAS)
        ]
        yield [str(each.wait_for(lambda line: "api" in line, within_s=60)["api"]) for each in started]


@pytest.mark.timeout(1800)
def test_one_of_two_processes_has_the_receipt_every_time(bank: Bank, replicas: list[str]) -> None:
    borrower = next(
        each
        for each in admit_everybody(bank)
        if each.organisation == DEPOSITOR and each.name.endswith("borrower")
    )
    jitter = random.Random(SEED)  # noqa: S311 - to be repeated
    outcomes: Counter[tuple[int, ...]] = Counter()
    refusals: Counter[str] = Counter()
    clients = [
        httpx.Client(base_url=url, headers=borrower.headers, timeout=30, trust_env=False) for url in replicas
    ]
    with ThreadPoolExecutor(REPLICAS) as pool:
        for receipt in range(1, RACES + 1):
            start = threading.Barrier(REPLICAS)
            waits = [jitter.uniform(0, 0.004) for _ in clients]
            answers = list(
                pool.map(_apply, clients, itertools.count(), [receipt] * REPLICAS, [start] * REPLICAS, waits)
            )
            outcomes[tuple(sorted(each.status_code for each in answers))] += 1
            refusals.update(each.json()["code"] for each in answers if not each.is_success)
    for client in clients:
        client.close()
    print(f"{RACES} races: {dict(outcomes)}, refused as {dict(refusals)}")  # noqa: T201
    assert set(outcomes) == {(201, 409)}
    assert set(refusals) == {"loans.receipt_taken"}
    with reading(bank.engine) as session:
        assert session.exec(select(func.count(col(LoanRow.id)))).one() == RACES
        assert session.exec(select(func.count(func.distinct(LoanReceiptRow.receipt)))).one() == RACES
        assert session.exec(select(func.count(col(LoanReceiptRow.receipt)))).one() == RACES


def _apply(
    client: httpx.Client, racer: int, receipt: int, start: threading.Barrier, wait_s: float
) -> httpx.Response:
    asked = {
        "loan_id": f"L-{receipt}-{racer}",
        "product": "standard",
        "product_version": 1,
        "principal": {"amount_minor": 100_000, "currency": "CNY"},
        "tenor_days": 30,
        "purpose": "A race",
        "payee": {"name": "The supplier", "account": "6222-0000-0001", "bank": "ICBKCNBJ"},
        "receipts": [receipt],
    }
    start.wait(10)
    threading.Event().wait(wait_s)
    return client.post("/v1/loans", json=asked, headers={"Idempotency-Key": f"race-{receipt}-{racer}"})


def _receipts(session: Session) -> None:
    now = SystemClock().now()
    for number in range(1, RACES + 1):
        session.add(
            ReceiptRow(
                id=number,
                request_id=number,
                holder=name32(DEPOSITOR),
                operator=name32(OPERATOR),
                site=name32(SITE),
                bay="bay.a",
                commodity="steel.hrc",
                grade="q235b",
                mass_kg=10_000,
                remaining_kg=10_000,
                document=number.to_bytes(32, "big"),
                state=ReceiptState.ISSUED.value,
                issued_at=now,
            )
        )


def _client(url: str, asker: Asker) -> httpx.Client:
    return httpx.Client(base_url=url, headers=asker.headers, timeout=30, trust_env=False)

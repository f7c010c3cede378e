"""Real API processes end while streams are open: who connects again misses nothing and sees nothing twice."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import pytest

from backend.app import Bank
from backend.db import transaction
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.settings import Settings
from backend.story.parts import free_port
from backend.story.processes import Process, Processes
from backend.story.stage import as_told
from tests.backend.app.callers import admit_everybody
from tests.support.ledger_life import LENDER

ENDS_WITHIN_S: Final = 5.0
EVERY_S: Final = 0.02
PATIENCE_S: Final = 60.0


@pytest.fixture
def bank_database(database_url: str) -> str:
    """Replicas share either kind of database."""
    return database_url


@pytest.fixture
def bank(settings: Settings) -> Iterator[Bank]:
    bank = Bank.open(settings)
    yield bank
    bank.engine.dispose()


@dataclass
class Replica:
    """An API process and where it is."""

    process: Process

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        return str(self.process.wait_for(lambda line: "api" in line, within_s=PATIENCE_S)["api"])

    def terminate(self) -> float:
        """Ask it to end, as whoever rolls out a new version does; how many seconds that took."""
        begun = time.monotonic()
        self.process.away.set()
        self.process.popen.send_signal(signal.SIGTERM)
        assert self.process.popen.wait(ENDS_WITHIN_S) in {0, -signal.SIGTERM}
        took = time.monotonic() - begun
        assert self.process.popen.stdin is not None
        self.process.popen.stdin.close()
        return took


@pytest.fixture
def replicas(settings: Settings, bank: Bank, tmp_path: Path) -> Iterator[list[Replica]]:
    told = {
        f"TALLYSTICK_{name.upper()}": as_told(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
    }
    with Processes(tmp_path / "logs", dict(os.environ)) as processes:
        yield [
            Replica(
                processes.start(
                    f"api-{number}", "backend.cli", "api", "--port", str(free_port()), environment=told
                )
            )
            for number in range(2)
        ]


@dataclass
class Reader:
    """Reads events as a browser does: behind the last one it saw, from wherever it is sent."""

    headers: dict[str, str]
    seen: list[int] = field(default_factory=list)
    connected: int = 0

    def read(self, url: str) -> threading.Thread:
        """Read from there until the stream ends."""
        reading = threading.Thread(target=self._read, args=(url,), daemon=True)
        reading.start()
        return reading

    def await_more(self, than: int) -> None:
        """Wait until more events than that have come."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.seen) <= than and time.monotonic() < deadline:
            time.sleep(EVERY_S)
        assert len(self.seen) > than

    def _read(self, url: str) -> None:
        last = {"Last-Event-ID": str(self.seen[-1])} if self.seen else {}
        with httpx.stream("GET", f"{url}/v1/events", headers=self.headers | last, timeout=10) as answer:
            assert answer.status_code == 200
            self.connected += 1
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    self.seen.append(int(line.removeprefix("id: ")))


@dataclass
class Announcer:
    """Announces all the time, whoever listens."""

    bank: Bank
    told: list[int] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Go on until told to end."""
        while not self.ending.wait(EVERY_S):
            with transaction(self.bank.engine) as session:
                said = announce(
                    session,
                    NoticeKind.LOAN_STATE_CHANGED,
                    organisation=None,
                    subject="loan/L",
                    facts={},
                    at=self.bank.wall.now(),
                )
            self.told.append(said.id)


@pytest.mark.timeout(300)
def test_a_rolling_restart_loses_no_event_and_repeats_none(bank: Bank, replicas: list[Replica]) -> None:
    officer = next(
        each
        for each in admit_everybody(bank)
        if each.organisation == LENDER and "events:read" in each.permissions
    )
    reader, announcer = Reader(officer.headers), Announcer(bank)
    announcing = threading.Thread(target=announcer.run)
    urls = [each.url for each in replicas]
    announcing.start()
    took = []
    try:
        for replica, url in zip(replicas, urls, strict=True):
            so_far = len(reader.seen)
            stream = reader.read(url)
            reader.await_more(so_far + 20)
            took.append(replica.terminate())
            stream.join(ENDS_WITHIN_S)
            assert not stream.is_alive()
        replicas[0].process.start_again()
        reader.read(replicas[0].url)
        reader.await_more(len(reader.seen) + 20)
    finally:
        announcer.ending.set()
        announcing.join()
    reader.await_more(len(announcer.told) - 1)
    print(f"{len(reader.seen)} events over 3 connections; ended in {[f'{each:.2f} s' for each in took]}")  # noqa: T201
    assert (reader.connected, reader.seen) == (3, announcer.told)

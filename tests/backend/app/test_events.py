"""Events over a real server: what happened reaches who may see it, resumes, and ends when it must."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from sqlmodel import delete

from backend.app.api import create_api
from backend.identity.credentials import SignInRow, hash_of
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.notices.streaming import Tide
from contracts.loopback import free_port
from tests.backend.app.callers import Asker, admit_everybody
from tests.backend.app.conftest import CAMERA, World
from tests.backend.edge import crossing
from tests.support.ledger_life import DEPOSITOR, LENDER


@dataclass
class Served:
    """The API on a port of its own, and everybody who may ask it."""

    url: str
    tide: Tide
    askers: list[Asker]

    def reader(self, organisation: str) -> Asker:
        return next(
            each
            for each in self.askers
            if each.organisation == organisation and "events:read" in each.permissions
        )

    def stream(self, asker: Asker, last: int = 0) -> Iterator[tuple[int, Any]]:
        headers = asker.headers | {"Last-Event-ID": str(last)}
        with httpx.stream("GET", f"{self.url}/v1/events", headers=headers, timeout=10) as answer:
            assert answer.status_code == 200
            number = 0
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "" and value == "open":
                    yield 0, None
                if name == "id":
                    number = int(value)
                if name == "data":
                    said = json.loads(value)
                    yield said["id"], said
            assert number >= 0


@pytest.fixture
def bank_database(database_url: str) -> str:
    """Events are streamed alike from either kind of database."""
    return database_url


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    app, port = create_api(world.bank), free_port()
    tide: Tide = app.state.ports.of(Tide)
    tide.ask_again_s = 0.3
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield Served(f"http://127.0.0.1:{port}", tide, admit_everybody(world.bank))
    tide.end()
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def tell(world: World, organisation: str | None) -> int:
    def told(session: Any) -> int:
        at = world.bank.wall.now()
        kind = NoticeKind.LOAN_STATE_CHANGED
        return announce(session, kind, organisation=organisation, subject="loan/L", facts={}, at=at).id

    number: int = world.do(told)
    return number


def test_an_exit_that_nobody_ordered_is_streamed_to_the_bank_at_once(served: Served, world: World) -> None:
    events = served.stream(served.reader(LENDER))
    assert next(events) == (0, None)
    gone, begun = world.says(CAMERA, "gate.crossing", crossing("out", 8)), time.monotonic()
    world.hear(gone)
    _, said = next(events)
    took = time.monotonic() - begun
    print(f"from the exit's statement to its event: {1000 * took:.0f} ms")  # noqa: T201
    assert (said["kind"], said["facts"]["alert"]) == ("alert_opened", 1)
    assert took < 2


def test_a_stream_resumes_and_shows_nothing_of_others(served: Served, world: World) -> None:
    numbers = [tell(world, each) for each in (None, DEPOSITOR, "borrower.other", DEPOSITOR)]
    own = served.stream(served.reader(DEPOSITOR))
    assert [next(own)[0] for _ in range(3)] == [0, numbers[1], numbers[3]]
    resumed = served.stream(served.reader(LENDER), last=numbers[1])
    assert [next(resumed)[0] for _ in range(3)] == [0, numbers[2], numbers[3]]


def test_a_stream_ends_when_its_session_is_taken_back(served: Served, world: World) -> None:
    reader = served.reader(LENDER)
    events = served.stream(reader)
    next(events)
    assert reader.token is not None
    held = hash_of(reader.token)
    world.do(lambda session: session.exec(delete(SignInRow).where(SignInRow.token_hash == held)))
    begun = time.monotonic()
    assert list(events) == []
    assert time.monotonic() - begun < 3


def test_a_stream_ends_with_the_process(served: Served) -> None:
    events = served.stream(served.reader(LENDER))
    next(events)
    served.tide.end()
    assert list(events) == []

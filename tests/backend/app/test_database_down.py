"""A database that is away is waited for: nothing is lost, nothing done twice, and the worker stays."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import text
from sqlmodel import select
from structlog.testing import capture_logs

from backend.app import Bank
from backend.app.serving import Service
from backend.db import DatabaseUnavailable, open_database, reading, transaction
from backend.evidence.tables import StatementRow
from backend.settings import Settings
from tests.backend.app.conftest import World
from tests.backend.app.test_serving import running
from tests.backend.app.test_the_ear import Edge, out, until
from tests.backend.edge import id_of
from tests.support.ledger import AnyLedger
from tests.support.ledger_life import LENDER
from tests.support.postgres import Postgres

PATIENCE_S = 30


@pytest.fixture
def bank_database(own_postgres: Postgres) -> str:
    return own_postgres.url(own_postgres.fresh())


@pytest.fixture
def edge(port: int) -> Iterator[Edge]:
    edge = Edge(port)
    yield edge
    edge.close()


def stored(bank: Bank) -> list[bytes]:
    with reading(bank.engine) as session:
        return list(session.exec(select(StatementRow.id)).all())


def test_the_worker_waits_for_a_database_that_is_down_says_so_once_and_goes_on(
    world: World, own_postgres: Postgres
) -> None:
    own_postgres.stop()
    with capture_logs() as said:
        for _ in range(3):
            world.service.step()
        own_postgres.start()
        world.settle()
    events = [each["event"] for each in said if each["event"].startswith("database_")]
    assert events == ["database_unavailable", "database_back"]


def test_what_is_heard_while_the_database_is_down_is_neither_acknowledged_nor_lost(
    world: World, edge: Edge, own_postgres: Postgres
) -> None:
    first, second, third = out(world), out(world), out(world)
    edge.send(first)
    own_postgres.stop()
    with capture_logs() as said:
        edge.publish(second.to_bytes())
        edge.publish(third.to_bytes())
        until(lambda: any(each["event"] == "database_unavailable" for each in said))
        assert edge.acknowledged.empty()
        assert world.service.ear.failure is None
        own_postgres.start()
        answered = [edge.acknowledged.get(timeout=PATIENCE_S).acknowledgement.id for _ in range(2)]
    assert answered == [id_of(second), id_of(third)]
    assert sorted(stored(world.bank)) == sorted(map(id_of, (first, second, third)))
    assert [each["event"] for each in said].count("database_unavailable") == 1


def test_an_ear_that_is_stopped_while_the_database_is_down_hears_it_again_after(
    world: World, edge: Edge, own_postgres: Postgres
) -> None:
    message = out(world)
    own_postgres.stop()
    with capture_logs() as said:
        edge.publish(message.to_bytes())
        until(lambda: any(each["event"] == "database_unavailable" for each in said))
    world.service.stop()
    own_postgres.start()
    assert stored(world.bank) == []
    next_one = Service(world.bank)
    next_one.start()
    assert edge.acknowledged.get(timeout=PATIENCE_S).acknowledgement.id == id_of(message)
    next_one.stop()


def test_a_database_that_restarts_again_and_again_loses_and_doubles_nothing(
    world: World, edge: Edge, own_postgres: Postgres
) -> None:
    messages = [out(world) for _ in range(40)]
    ending = threading.Event()

    def restart() -> None:
        while not ending.wait(0.15):
            own_postgres.stop()
            own_postgres.start()

    restarting = threading.Thread(target=restart)
    restarting.start()
    for message in messages:
        edge.publish(message.to_bytes())
        world.service.step()
        time.sleep(0.02)
    ending.set()
    restarting.join(PATIENCE_S)
    wanted = {id_of(message) for message in messages}
    answered: set[bytes] = set()
    while answered < wanted:
        answered.add(edge.acknowledged.get(timeout=PATIENCE_S).acknowledgement.id)
    assert sorted(stored(world.bank)) == sorted(wanted)
    world.settle()
    assert world.service.ear.failure is None


@dataclass
class Worker:
    """A `tallystick serve` and what it says, read as it comes."""

    process: subprocess.Popen[str]
    events: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._readers = [
            threading.Thread(target=self._read_events),
            threading.Thread(target=self._read_lines),
        ]
        for reader in self._readers:
            reader.start()

    def _read_events(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.events.append(json.loads(line)["event"] if line.startswith("{") else line)

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code


def wait_for(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_of_two_workers_one_acts_the_other_takes_over_and_outlives_a_restart_of_the_database(
    settings: Settings, chain: AnyLedger, edge: Edge, own_postgres: Postgres
) -> None:
    chain.seal(2)
    with running(settings, "serve") as one, running(settings, "serve") as two:
        workers = [Worker(one), Worker(two)]
        wait_for(lambda: sum(bool(each.lines) for each in workers) == 1)
        wait_for(lambda: any("standing_by" in each.events for each in workers))
        first = next(each for each in workers if each.lines)
        second = next(each for each in workers if each is not first)
        assert second.lines == []
        first.end(signal.SIGKILL)
        wait_for(lambda: len(second.lines) == 1)
        own_postgres.stop()
        wait_for(lambda: "database_unavailable" in second.events)
        own_postgres.start()
        wait_for(lambda: len(second.lines) == 2)
        assert second.end(signal.SIGTERM) == 0
    assert json.loads(second.lines[-1])["serving"] == LENDER
    assert second.events.count("leading") == 2


def test_a_sqlite_database_that_is_locked_for_long_is_waited_for(
    settings: Settings, chain: AnyLedger, sqlite_url: str
) -> None:
    bank = replace(Bank.open(settings), engine=open_database(sqlite_url, patience_s=0.1))
    service, holder = Service(bank), open_database(sqlite_url)
    chain.seal(2)
    with transaction(holder) as held, capture_logs() as said:
        held.execute(text("DELETE FROM alert"))
        service.step()
        service.step()
        with pytest.raises(DatabaseUnavailable):
            service.intake.receive("tallystick/site/statements/any", b"nothing that can be read")
    with capture_logs() as later:
        service.step()
    assert [each["event"] for each in said].count("database_unavailable") == 1
    assert "database_back" in [each["event"] for each in later]
    holder.dispose()
    bank.engine.dispose()

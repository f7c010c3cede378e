"""One process acts on one database; another takes over when it dies, and never before."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from sqlalchemy import Engine, text

from backend.db import DatabaseUnavailable, carry_out, open_database
from backend.leading import Lead, lead_of, stand_by
from tests.support.postgres import Postgres

WAIT_S: Final = 15.0
LEADER: Final = """
import sys, threading
from backend.db import open_database
from backend.leading import lead_of, stand_by
lead = lead_of(open_database(sys.argv[1]))
assert stand_by(lead, threading.Event())
print("leads", flush=True)
sys.stdin.read()
"""


@contextmanager
def leader(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that leads, or stands by, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=WAIT_S)


def leads(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return any(line == "leads\n" for line in process.stdout)


def gained(lead: Lead) -> bool:
    give_up = time.monotonic() + WAIT_S
    while not lead.gain():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def test_only_one_leads_and_the_next_does_once_it_resigned(database: Engine, database_url: str) -> None:
    other = open_database(database_url)
    first, second = lead_of(database), lead_of(other)
    assert first.gain()
    assert first.holds()
    assert not second.gain()
    first.resign()
    assert not first.holds()
    assert gained(second)
    assert second.holds()
    assert not first.gain()
    second.resign()
    first.resign()
    other.dispose()


def test_a_leader_that_is_killed_is_followed_by_the_one_that_stands_by(database_url: str) -> None:
    with leader(database_url) as first:
        assert leads(first)
        with leader(database_url) as second:
            engine = open_database(database_url)
            third = lead_of(engine)
            assert not third.gain()
            first.kill()
            assert leads(second)
            assert not third.gain()
            third.resign()
            engine.dispose()


def test_a_leader_leads_beside_the_connections_that_units_of_work_use(database: Engine) -> None:
    lead = lead_of(database)
    assert lead.gain()
    for _ in range(20):
        carry_out(database, lambda session: session.execute(text("DELETE FROM alert")))
    assert lead.holds()
    lead.resign()


def test_who_stands_by_stops_when_told(database: Engine, database_url: str) -> None:
    other = open_database(database_url)
    first, second, ending = lead_of(database), lead_of(other), threading.Event()
    assert first.gain()
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(stand_by(second, ending)))
    waiting.start()
    ending.set()
    waiting.join(WAIT_S)
    assert answers == [False]
    for lead in (first, second):
        lead.resign()
    other.dispose()


def test_on_postgresql_a_cut_connection_ends_the_lead(postgres: Postgres, postgres_url: str) -> None:
    engine = open_database(postgres_url)
    lead = lead_of(engine)
    assert lead.gain()
    postgres.cut(str(engine.url.database))
    assert not lead.holds()
    assert gained(lead)
    lead.resign()
    engine.dispose()


def test_who_leads_on_a_server_that_restarts_leads_no_more_and_waits_for_it(own_postgres: Postgres) -> None:
    engine = open_database(own_postgres.url(own_postgres.fresh()))
    lead = lead_of(engine)
    assert lead.gain()
    own_postgres.stop()
    assert not lead.holds()
    with pytest.raises(DatabaseUnavailable):
        lead.gain()
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(stand_by(lead, threading.Event())))
    waiting.start()
    own_postgres.start()
    waiting.join(WAIT_S)
    assert answers == [True]
    assert lead.holds()
    lead.resign()
    engine.dispose()

"""A unit of work that others overtake is tried again, on each kind of database, and gives up by name."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlmodel import Session

from backend.db import (
    ATTEMPTS,
    DatabaseContended,
    DatabaseUnavailable,
    carry_out,
    open_database,
    reading,
    transaction,
)
from tests.support.postgres import Postgres


@pytest.fixture
def engine(database: Engine) -> Engine:
    with transaction(database) as session:
        session.execute(text("CREATE TABLE test_count (name VARCHAR PRIMARY KEY, value INTEGER NOT NULL)"))
        session.execute(text("INSERT INTO test_count VALUES ('a', 0), ('b', 0)"))
    return database


def value(session: Session, name: str = "a") -> int:
    return int(
        session.execute(text("SELECT value FROM test_count WHERE name = :n"), {"n": name}).scalar_one()
    )


def put(session: Session, number: int, name: str = "a") -> None:
    session.execute(text("UPDATE test_count SET value = :v WHERE name = :n"), {"v": number, "n": name})


def together(*acts: Callable[[], None]) -> list[BaseException]:
    failures: list[BaseException] = []

    def run(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failures


def test_units_that_read_first_and_then_write_lose_no_step(engine: Engine) -> None:
    def advance() -> None:
        for _ in range(20):
            carry_out(engine, lambda session: put(session, value(session) + 1))

    assert together(*[advance] * 4) == []
    with reading(engine) as session:
        assert value(session) == 80


def test_of_two_units_that_each_rest_on_what_the_other_changes_one_sees_the_other(engine: Engine) -> None:
    """Each takes 1 only if neither has; on a mere snapshot both would (write skew)."""
    for _ in range(10):
        carry_out(engine, lambda session: (put(session, 0, "a"), put(session, 0, "b")))
        at_once = threading.Barrier(2)

        def take(name: str, barrier: threading.Barrier = at_once) -> None:
            def unit(session: Session) -> None:
                if value(session, "a") + value(session, "b") == 0:
                    put(session, 1, name)

            barrier.wait(10)
            carry_out(engine, unit)

        assert together(lambda: take("a"), lambda: take("b")) == []
        with reading(engine) as session:
            assert value(session, "a") + value(session, "b") == 1


def test_what_the_unit_raises_comes_out_and_nothing_stays(engine: Engine) -> None:
    def stumble(session: Session) -> None:
        put(session, 7)
        raise KeyError("the machine stumbled")

    with pytest.raises(KeyError):
        carry_out(engine, stumble)
    with reading(engine) as session:
        assert value(session) == 0


def test_a_constraint_that_refuses_is_not_asked_for_ever(engine: Engine) -> None:
    tried: list[int] = []

    def again(session: Session) -> None:
        tried.append(1)
        session.execute(text("INSERT INTO test_count VALUES ('a', 9)"))

    with pytest.raises(IntegrityError):
        carry_out(engine, again)
    assert len(tried) <= 2


def test_on_postgresql_a_unit_that_is_always_overtaken_is_given_up_by_name(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    tried: list[int] = []

    def overtaken(session: Session) -> None:
        tried.append(1)
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'overtaken' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(DatabaseContended) as refusal:
        carry_out(engine, overtaken)
    assert refusal.value.facts == {"sqlstate": "40001"}
    assert len(tried) == ATTEMPTS
    engine.dispose()


def test_long_work_ends_though_others_never_rest(engine: Engine) -> None:
    """Alone it could only be overtaken for ever: it reads what the others keep on changing, and writes it."""
    ending = threading.Event()

    def restless() -> None:
        while not ending.is_set():
            carry_out(engine, lambda session: put(session, value(session) + 1))

    def long(session: Session) -> int:
        found = value(session)
        ending.wait(0.05)
        put(session, found + 1_000_000)
        return found

    def work() -> None:
        try:
            for _ in range(3):
                carry_out(engine, long)
        finally:
            ending.set()

    assert together(restless, restless, work) == []
    with reading(engine) as session:
        assert value(session) >= 3_000_000


def test_on_postgresql_a_reader_cannot_write(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    with reading(engine) as session, pytest.raises(Exception, match="read-only") as refusal:
        session.execute(text("DELETE FROM alert"))
    assert "ReadOnlySqlTransaction" in repr(refusal.value)
    with transaction(engine) as session:
        session.execute(text("DELETE FROM alert"))
    engine.dispose()


def test_on_postgresql_a_mistake_of_ours_keeps_its_own_name(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    with pytest.raises(ProgrammingError), transaction(engine) as session:
        session.execute(text("SELECT * FROM nowhere"))
    engine.dispose()


def test_a_sqlite_database_that_another_holds_for_long_is_named_unavailable(sqlite_url: str) -> None:
    holder, other = open_database(sqlite_url), open_database(sqlite_url, patience_s=0.1)
    with transaction(holder) as held:
        held.execute(text("DELETE FROM alert"))
        with pytest.raises(DatabaseUnavailable) as refusal:
            carry_out(other, lambda session: session.execute(text("DELETE FROM alert")))
    assert refusal.value.facts == {"why": "database is locked"}
    with transaction(other) as session:
        session.execute(text("DELETE FROM alert"))
    holder.dispose()
    other.dispose()


def test_a_server_that_is_down_is_named_and_used_again_when_it_is_back(own_postgres: Postgres) -> None:
    engine = open_database(own_postgres.url(own_postgres.fresh()))
    with transaction(engine) as session:
        session.execute(text("CREATE TABLE test_count (name VARCHAR PRIMARY KEY, value INTEGER NOT NULL)"))
        session.execute(text("INSERT INTO test_count VALUES ('a', 0)"))

    def cut_off(session: Session) -> None:
        put(session, 1)
        own_postgres.stop()

    with pytest.raises(DatabaseUnavailable):
        carry_out(engine, cut_off)
    with pytest.raises(DatabaseUnavailable), reading(engine) as session:
        value(session)
    own_postgres.start()
    with reading(engine) as session:
        assert value(session) == 0
    carry_out(engine, lambda session: put(session, 2))
    with reading(engine) as session:
        assert value(session) == 2
    engine.dispose()

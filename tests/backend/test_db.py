"""The database keeps what it committed, refuses half a unit of work, and gives instants back aware."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, MetaData, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, Session, SQLModel, select

from backend.db import (
    DatabaseNotDurable,
    HexId,
    NaiveInstant,
    NotAnId,
    UtcDateTime,
    carry_out,
    from_hex,
    open_database,
    reading,
    to_hex,
    transaction,
)


class OwnTable(SQLModel):
    metadata = MetaData()


class Note(OwnTable, table=True):
    __tablename__ = "test_note"

    id: bytes = Field(primary_key=True, sa_type=HexId)
    written_at: datetime = Field(sa_type=UtcDateTime)


class Reply(OwnTable, table=True):
    __tablename__ = "test_reply"

    id: int = Field(primary_key=True)
    note: bytes = Field(sa_type=HexId, foreign_key="test_note.id")


NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def engine(database: Engine) -> Engine:
    OwnTable.metadata.create_all(database)
    return database


def test_every_connection_syncs_fully_and_checks_foreign_keys(sqlite_url: str) -> None:
    engine = open_database(sqlite_url)
    with transaction(engine) as session:
        found = [
            session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]
    engine.dispose()


def test_every_session_of_a_server_is_serialisable_durable_and_in_utc(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    asked = ("transaction_isolation", "synchronous_commit", "timezone", "lock_timeout")
    with transaction(engine) as session:
        found = [session.connection().exec_driver_sql(f"SHOW {name}").scalar_one() for name in asked]
    assert found == ["serializable", "on", "UTC", "30s"]
    engine.dispose()


def test_a_database_that_cannot_keep_a_journal_is_refused() -> None:
    with pytest.raises(DatabaseNotDurable) as refusal:
        open_database("sqlite://")
    assert refusal.value.facts["journal_mode"] == "memory"


def test_an_instant_comes_back_aware_in_utc_whatever_its_zone_was(engine: Engine) -> None:
    shanghai = NOON.astimezone(timezone(timedelta(hours=8)))
    with transaction(engine) as session:
        session.add(Note(id=b"\x01" * 32, written_at=shanghai))
    with reading(engine) as session:
        note = session.exec(select(Note)).one()
    assert note.written_at == NOON
    assert note.written_at.tzinfo is UTC


def test_a_naive_instant_is_refused_and_nothing_is_stored(engine: Engine) -> None:
    notes = [
        Note(id=b"\x01" * 32, written_at=NOON),
        Note(id=b"\x02" * 32, written_at=NOON.replace(tzinfo=None)),
    ]
    with pytest.raises(NaiveInstant), transaction(engine) as session:
        session.add_all(notes)
    with reading(engine) as session:
        assert session.exec(select(Note)).all() == []


def test_an_id_is_lower_case_hex_in_the_table_and_bytes_in_python(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(Note(id=b"\xab" * 32, written_at=NOON))
    with reading(engine) as session:
        assert session.execute(text("SELECT id FROM test_note")).scalar_one() == "0x" + "ab" * 32
        assert session.get(Note, b"\xab" * 32) is not None


@pytest.mark.parametrize("wrong", ["0x" + "AB" * 32, "ab" * 32, "0x" + "ab" * 31, "0xzz"])
def test_text_that_is_not_an_id_in_our_one_form_is_refused(wrong: str) -> None:
    with pytest.raises(NotAnId):
        from_hex(wrong)


def test_hex_and_back_is_the_same_id() -> None:
    assert from_hex(to_hex(bytes(range(32)))) == bytes(range(32))


def test_a_short_id_is_refused() -> None:
    with pytest.raises(NotAnId):
        to_hex(b"\x01" * 31)


def test_a_row_that_points_to_nothing_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.add(Reply(id=1, note=b"\x09" * 32))


def test_a_reader_cannot_write(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(DBAPIError, match=r"read-?only"):
        session.execute(text("DELETE FROM test_note"))


def test_a_writer_can_write_on_the_connection_a_reader_has_left(engine: Engine) -> None:
    for number in range(1, 4):
        with reading(engine) as session:
            session.exec(select(Note)).all()
        with transaction(engine) as session:
            session.add(Note(id=bytes([number]) * 32, written_at=NOON))
    with reading(engine) as session:
        assert len(session.exec(select(Note)).all()) == 3


def test_what_fails_halfway_leaves_nothing(engine: Engine) -> None:
    def stumble() -> None:
        with transaction(engine) as session:
            session.add(Note(id=b"\x01" * 32, written_at=NOON))
            session.flush()
            raise KeyError("the machine stumbled")

    with pytest.raises(KeyError):
        stumble()
    with reading(engine) as session:
        assert session.exec(select(Note)).all() == []


def test_writers_that_read_first_wait_for_each_other_and_lose_no_step(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(Note(id=b"\x01" * 32, written_at=NOON))

    def one_second_on(session: Session) -> None:
        note = session.exec(select(Note)).one()
        note.written_at += timedelta(seconds=1)

    def advance() -> None:
        for _ in range(20):
            carry_out(engine, one_second_on)

    threads = [threading.Thread(target=advance) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as session:
        assert session.exec(select(Note)).one().written_at == NOON + timedelta(seconds=80)


def test_what_is_committed_is_there_for_others(engine: Engine, database_url: str) -> None:
    with transaction(engine) as session:
        session.add(Note(id=b"\x01" * 32, written_at=NOON))
    other = open_database(database_url)
    with reading(other) as session:
        found = session.execute(text("SELECT CAST(written_at AS VARCHAR) FROM test_note")).scalar_one()
    assert found.startswith("2026-03-02 12:00:00")
    other.dispose()

"""The database: how it is opened, how a unit of work begins and ends, and the column types all tables share.

SQLite by default, PostgreSQL by URL; this module is the only one that knows which of the two it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DDL, BigInteger, DateTime, Integer, MetaData, String, Table, create_engine, event
from sqlalchemy.engine import Connection, Dialect, Engine, make_url
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel
from typing_extensions import override

from backend.errors import Invalid, Unavailable

BUSY_TIMEOUT_S: Final = 30
_READING: Final = "tallystick_reading"
_FULL: Final = 2  # how SQLite reports `synchronous=FULL`
BigInt: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer column: money in minor units, ledger counters, block numbers."""

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class DatabaseNotDurable(Unavailable):
    """The database does not keep what it has committed, so nothing may be acknowledged on it."""

    code = "db.not_durable"


class NaiveInstant(Invalid, DontWrapMixin):
    """An instant without a time zone was to be stored; nobody could say later when it was."""

    code = "db.naive_instant"


class NotAnId(Invalid, DontWrapMixin):
    """An id was to be stored or read that is not 32 bytes."""

    code = "db.not_an_id"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, kept in UTC and given back aware; a naive one is refused (SQLite would drop the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise NaiveInstant(instant=value.isoformat())
        return value.astimezone(UTC)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The stored instant, aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class HexId(TypeDecorator[bytes]):
    """An id of 32 bytes: `bytes` in Python, `0x` and 64 lower-case hex digits in the table."""

    impl = String(66)
    cache_ok = True

    @override
    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> str | None:
        """The id as hex text."""
        return None if value is None else to_hex(value)

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> bytes | None:
        """The id as bytes."""
        return None if value is None else from_hex(value)


def to_hex(value: bytes) -> str:
    """`0x` and 64 lower-case hex digits of an id of 32 bytes.

    Raises:
        NotAnId: it is not 32 bytes long.
    """
    if not isinstance(value, bytes) or len(value) != 32:  # noqa: PLR2004 - the length of an id
        raise NotAnId(value=repr(value))
    return "0x" + value.hex()


def from_hex(text: str) -> bytes:
    """The 32 bytes behind `0x` and 64 lower-case hex digits.

    Raises:
        NotAnId: the text is anything else.
    """
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise NotAnId(value=text) from error
    if to_hex(value) != text:
        raise NotAnId(value=text)
    return value


def open_database(url: str) -> Engine:
    """An engine on `url`, proven durable: SQLite in WAL mode with `synchronous=FULL`, or PostgreSQL.

    Raises:
        DatabaseNotDurable: SQLite would not take those settings (an in-memory database never does).
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, isolation_level="SERIALIZABLE", pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    with engine.connect():
        return engine


def create_schema(engine: Engine) -> None:
    """Create the tables of every capability imported so far (installations run `tallystick migrate`)."""
    SQLModel.metadata.create_all(engine)


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One unit of work that may write: all of it is committed at the end, or none of it.

    On SQLite it takes the write lock at its start (`BEGIN IMMEDIATE`), so what it reads is what it writes on.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view that cannot write; the database itself refuses an attempt."""
    viewer = engine.execution_options(**{_READING: True, "postgresql_readonly": True})
    with Session(viewer, expire_on_commit=False) as session:
        yield session


def metadata() -> MetaData:
    """Every table known so far, as the migrations compare it with a database."""
    return SQLModel.metadata


def append_only_statements(table: str) -> dict[str, list[str]]:
    """By dialect, the statements after which the database refuses to alter or delete a row of a table."""
    refuse = f"SELECT RAISE(ABORT, '{table} is append-only');"
    run = f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
    body = f"BEGIN RAISE EXCEPTION '{table} is append-only'; END"
    return {
        "sqlite": [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} BEGIN {refuse} END"
            for verb in ("update", "delete")
        ],
        "postgresql": [
            f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} {run}",
        ],
    }


def append_only(model: type[SQLModel]) -> None:
    """Have the table of `model` refuse changes from its creation on; a migration runs the same statements."""
    table: Table = model.metadata.tables[str(model.__tablename__)]
    for dialect, statements in append_only_statements(table.name).items():
        for statement in statements:
            refusal = DDL(statement)  # type: ignore[no-untyped-call] # SQLAlchemy leaves it unannotated
            event.listen(table, "after_create", refusal.execute_if(dialect=dialect))


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Ask for durability and foreign keys, and read back whether they were granted."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    facts = {
        name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    cursor.close()
    if facts != {"journal_mode": "wal", "synchronous": _FULL, "foreign_keys": 1}:
        raise DatabaseNotDurable(**facts)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once, or let the connection refuse writes.

    A deferred transaction that reads and then writes fails at once when another wrote between, whatever the
    timeout; so writers never defer.
    """
    if connection.get_execution_options().get(_READING):
        connection.exec_driver_sql("PRAGMA query_only=ON")
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("PRAGMA query_only=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

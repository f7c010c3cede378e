"""The database: how it is opened, how a unit of work begins and ends, and the column types all tables share.

SQLite by default, PostgreSQL by URL; this module is the only one that knows which of the two it is.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import Connection, Dialect, Engine, make_url
from sqlalchemy.exc import DBAPIError, DontWrapMixin, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel
from typing_extensions import override

from backend.errors import Invalid, Unavailable

BUSY_TIMEOUT_S: Final = 30
CONNECT_TIMEOUT_S: Final = 5
ATTEMPTS: Final = 16
"""How often a unit of work is tried that others keep overtaking; with the pauses, for about two seconds."""
ALONE_FROM: Final = 6
"""From this attempt on the unit is carried out alone, so that long work ends under any load."""
FIRST_PAUSE_S: Final = 0.002
LONGEST_PAUSE_S: Final = 0.25
_OVERTAKEN: Final = frozenset({"40001", "40P01", "55P03"})  # serialisation failure, deadlock, lock timeout
_UNIQUE: Final = "23505"
_GONE: Final = ("08", "53", "57P")  # how SQLSTATE classes begin: connection, resources, shutdown
_BUSY: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN")
_READING: Final = "tallystick_reading"
T = TypeVar("T")
_FULL: Final = 2  # how SQLite reports `synchronous=FULL`
_VIEW: Final[dict[str, dict[str, Any]]] = {
    "sqlite": {_READING: True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
BigInt: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer column: money in minor units, ledger counters, block numbers."""

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


TURN: Final = Table("turn", SQLModel.metadata, Column("none", Integer, primary_key=True, autoincrement=False))
"""Holds no row: on PostgreSQL its lock says whether units of work go on side by side or one goes alone."""


class DatabaseNotDurable(Unavailable):
    """The database does not keep what it has committed, so nothing may be acknowledged on it."""

    code = "db.not_durable"


class DatabaseUnavailable(Unavailable):
    """The database does not answer; the last unit of work was carried out whole or not at all."""

    code = "db.unavailable"


class DatabaseContended(DatabaseUnavailable):
    """Others were quicker each time the unit of work was tried; nothing was changed, ask again."""

    code = "db.contended"


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


def stored_number(number: int | None) -> int:
    """The number that the database has given a row; a row without one was never stored."""
    assert number is not None  # noqa: S101 - narrows what every stored row has
    return number


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


def open_database(url: str, patience_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine on `url`, proven durable: SQLite in WAL mode with `synchronous=FULL`, or PostgreSQL.

    PostgreSQL is asked for `synchronous_commit=on`, whatever its role or database has been set to.

    Args:
        url: `sqlite:///FILE` or `postgresql+psycopg://…`.
        patience_s: how long a lock that another holds is waited for.

    Raises:
        DatabaseNotDurable: SQLite would not take those settings (an in-memory database never does).
        DatabaseUnavailable: the SQLite file cannot be opened now; a server is asked later.
    """
    if make_url(url).get_backend_name() != "sqlite":
        connect = _postgresql_connection(patience_s)
        return create_engine(url, isolation_level="SERIALIZABLE", pool_pre_ping=True, connect_args=connect)
    engine = create_engine(url, connect_args={"timeout": patience_s, "isolation_level": None})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    with naming_troubles(), engine.connect():
        return engine


def create_schema(engine: Engine) -> None:
    """Create the tables of every capability imported so far (installations run `tallystick migrate`)."""
    SQLModel.metadata.create_all(engine)


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One unit of work that may write: all of it is committed at the end, or none of it.

    On SQLite it takes the write lock at its start (`BEGIN IMMEDIATE`), so what it reads is what it writes on.
    On PostgreSQL it is serialisable, and another unit may overtake it: `carry_out` then tries again.

    Raises:
        DatabaseContended: another unit of work was quicker.
        DatabaseUnavailable: the database does not answer; if it fell silent during the commit, nobody knows
            whether that was done, so whoever asks again must be able to ask twice.
    """
    with _turn(engine, "ROW SHARE") as session:
        yield session


@contextmanager
def _turn(engine: Engine, mode: str) -> Iterator[Session]:
    """A unit of work beside others, or alone: who is alone waits for those at work, and the next wait for it.

    A table's lock is the one that can be had before the snapshot is taken, so what was waited for is seen.
    """
    with naming_troubles(), Session(engine, expire_on_commit=False) as session, session.begin():
        if engine.dialect.name == "postgresql":
            session.connection().exec_driver_sql(f"LOCK TABLE {TURN.name} IN {mode} MODE")
        yield session


def carry_out(engine: Engine, unit: Callable[[Session], T]) -> T:
    """What `unit` gives, done in one transaction; tried again when others were quicker, at last alone.

    Args:
        engine: the database.
        unit: changes nothing but through its session, since it may run several times; it opens no other
            unit of work within, which would wait for this one.

    Raises:
        DatabaseContended: others were quicker every time.
        DatabaseUnavailable: the database does not answer; see `transaction`.
    """
    pause, collided = FIRST_PAUSE_S, False
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _turn(engine, "ROW SHARE" if attempt < ALONE_FROM else "EXCLUSIVE") as session:
                return unit(session)
        except DatabaseContended:
            if attempt == ATTEMPTS:
                raise
        except DBAPIError as error:
            if collided or getattr(error.orig, "sqlstate", None) != _UNIQUE:
                raise
            collided = True  # who came first is visible now: the unit can refuse by name
        time.sleep(random.uniform(0, pause))  # noqa: S311 - keeps two from colliding again, no secret
        pause = min(2 * pause, LONGEST_PAUSE_S)
    raise DatabaseContended(attempts=ATTEMPTS)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view that cannot write; the database itself refuses an attempt.

    On PostgreSQL it is a snapshot (`REPEATABLE READ`), which no writer can make fail and which fails none.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    viewer = engine.execution_options(**_VIEW[engine.dialect.name])
    with naming_troubles(), Session(viewer, expire_on_commit=False) as session:
        yield session


@contextmanager
def naming_troubles() -> Iterator[None]:
    """Give the database's own troubles their names; what it refuses by a constraint passes as it is."""
    try:
        yield
    except PoolExhausted as error:
        raise DatabaseUnavailable(why="every connection is in use") from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state in _OVERTAKEN:
            raise DatabaseContended(sqlstate=state) from error
        if is_unreachable(error):
            raise DatabaseUnavailable(why=str(error.orig).strip().splitlines()[0][:200]) from error
        raise


def is_unreachable(error: DBAPIError) -> bool:
    """Whether the database did not answer, as against having answered with a refusal."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return error.connection_invalidated or str(state).startswith(_GONE)
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(_BUSY)
    return error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError))


def take_turns(session: Session, turn: int) -> None:
    """Wait until every other unit of work that has taken this turn has ended.

    On SQLite writers take turns anyway. On PostgreSQL it is a lock that the transaction's end gives back,
    after its rows became visible: numbers drawn behind it become visible in their order.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": turn})


def metadata() -> MetaData:
    """Every table known so far, as the migrations compare it with a database."""
    return SQLModel.metadata


def append_only_statements(table: str) -> dict[str, list[str]]:
    """By dialect, the statements after which the database refuses to alter or delete a row of a table."""
    refuse = f"SELECT RAISE(ABORT, '{table} is append-only');"
    run = f"EXECUTE FUNCTION {table}_append_only()"
    constraint = "USING ERRCODE = 'integrity_constraint_violation'"
    body = f"BEGIN RAISE EXCEPTION '{table} is append-only' {constraint}; END"
    return {
        "sqlite": [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} BEGIN {refuse} END"
            for verb in ("update", "delete")
        ],
        "postgresql": [
            f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {run}",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} {run}",
        ],
    }


def append_only(model: type[SQLModel]) -> None:
    """Have the table of `model` refuse changes from its creation on; a migration runs the same statements."""
    table: Table = model.metadata.tables[str(model.__tablename__)]
    for dialect, statements in append_only_statements(table.name).items():
        for statement in statements:
            refusal = DDL(statement)  # type: ignore[no-untyped-call] # SQLAlchemy leaves it unannotated
            event.listen(table, "after_create", refusal.execute_if(dialect=dialect))


def _postgresql_connection(patience_s: float) -> dict[str, Any]:
    """How a server is connected to: it takes writes, and each end notices when the other is gone."""
    asked = {
        "lock_timeout": int(patience_s * 1000),
        "synchronous_commit": "on",
        "timezone": "UTC",
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    ours = {name.removeprefix("tcp_"): asked[name] for name in asked if name.startswith("tcp_keepalives")}
    return {
        "options": " ".join(f"-c {name}={value}" for name, value in asked.items()),
        "target_session_attrs": "read-write",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": asked["tcp_user_timeout"],
        **ours,
    }


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

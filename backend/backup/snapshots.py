"""One consistent copy of a database at work, and how it is put back, in each kind's own ways.

A SQLite file is copied in one reading transaction by its online backup; a PostgreSQL database table by table
with COPY in one repeatable-read transaction. Neither keeps anybody from writing.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, MetaData, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from backend.backup.archive import CHUNK
from backend.db import naming_troubles

VERSIONS: Final = "alembic_version"
BUSY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a copied database says of itself."""

    revision: str
    height: int | None
    block: tuple[int, str] | None
    rows: dict[str, int]


def copy_sqlite(source: Path, target: Path) -> None:
    """A copy of a SQLite file as it is at one instant, in one file."""
    address = f"{source.absolute().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def facts_of_sqlite(file: Path) -> Facts:
    """What the copy in a SQLite file says of itself."""
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        return facts(connection)


def copy_postgresql(engine: Engine, folder: Path, take: Callable[[str, Path], None]) -> Facts:
    """Hand each table's rows to `take`, by the table's name, as a file that lives until it returns."""
    viewer = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with naming_troubles(), viewer.connect() as connection:
        for table, columns in columns_of(connection).items():
            file = folder / "table"
            with file.open("wb") as rows, _driver(connection).cursor() as cursor:
                command = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table), _names(columns))
                with cursor.copy(command) as copying:
                    for chunk in copying:
                        rows.write(chunk)
            take(table, file)
            file.unlink()
        return facts(connection)


def fill_postgresql(connection: Connection, table: str, columns: list[str], rows: IO[bytes]) -> None:
    """Put a table's copied rows into the empty table of that name; `columns` as `columns_of` gives them."""
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _names(columns))
    with _driver(connection).cursor() as cursor, cursor.copy(command) as copying:
        while chunk := rows.read(CHUNK):
            copying.write(chunk)


def set_counters(connection: Connection) -> None:
    """Have every counter of PostgreSQL go on behind the rows that are there."""
    for table, columns in columns_of(connection).items():
        for column in columns:
            asked = text("SELECT pg_get_serial_sequence(:table, :column)")
            counter = connection.execute(asked, {"table": f'"{table}"', "column": column}).scalar_one()
            if counter is not None:
                highest = f'(SELECT max("{column}") FROM "{table}")'  # noqa: S608 - names of our own tables
                connection.execute(
                    text(f"SELECT setval(:counter, coalesce({highest}, 1), {highest} IS NOT NULL)"),
                    {"counter": counter},
                )


def tables_in_order(connection: Connection) -> list[str]:
    """Every table but the migrations' own, each behind those that its rows point to."""
    known = MetaData()
    known.reflect(bind=connection)
    return [table.name for table in known.sorted_tables if table.name != VERSIONS]


def columns_of(connection: Connection) -> dict[str, list[str]]:
    """The columns of every table but the migrations' own; of both in an order that depends on names alone."""
    schema = inspect(connection)
    return {
        table: sorted(column["name"] for column in schema.get_columns(table))
        for table in sorted(schema.get_table_names())
        if table != VERSIONS
    }


def is_empty(connection: Connection) -> bool:
    """Whether no table has a row, or there is no table at all."""
    return not any(count_rows(connection).values())


def count_rows(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table: int(connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())  # noqa: S608 - own names
        for table in columns_of(connection)
    }


def facts(connection: Connection) -> Facts:
    """What the database on that connection says of itself, in that connection's view."""
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    height = connection.execute(text("SELECT projected FROM ledger_cursor")).scalar()
    newest = connection.execute(
        text("SELECT number, hash FROM ledger_block WHERE number <= :height ORDER BY number DESC LIMIT 1"),
        {"height": -1 if height is None else height},
    ).first()
    block = None if newest is None else (int(newest[0]), str(newest[1]))
    return Facts(str(revision), None if height is None else int(height), block, count_rows(connection))


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - narrows a type
    return driver


def _names(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in columns)

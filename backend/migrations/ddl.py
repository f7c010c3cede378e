"""The first form of the database as SQL, one for each kind; `python -m backend.migrations.ddl` writes them.

Once an installation exists its first form stands, and changes are versions of their own.
"""

from itertools import groupby
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_mock_engine

from backend.migrations.tables import every_table

VERSIONS: Final = Path(__file__).parent / "versions"
BETWEEN: Final = ";\n\n"
INDEX: Final = ("CREATE INDEX", "CREATE UNIQUE INDEX")
URLS: Final = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}


def first_form(dialect: str) -> str:
    """Every statement that makes today's tables, indices and triggers on an empty database."""
    statements: list[str] = []

    def collect(statement: Any, *_: object) -> None:
        lines = str(statement.compile(dialect=engine.dialect)).strip().splitlines()
        statements.append("\n".join(line.rstrip().replace("\t", "    ") for line in lines))

    engine = create_mock_engine(URLS[dialect], collect)
    for table in every_table().sorted_tables:
        table.create(engine, checkfirst=False)
    return BETWEEN.join(_settled(statements)) + BETWEEN


def _settled(statements: list[str]) -> list[str]:
    """The statements in an order that is always the same: a table's indices come out of a set."""
    settled: list[str] = []
    for are_indices, run in groupby(statements, key=lambda each: each.startswith(INDEX)):
        found = list(run)
        settled += sorted(found) if are_indices else found
    return settled


def file_of(dialect: str) -> Path:
    """Where the first form of that kind of database is kept."""
    return VERSIONS / f"0001_{dialect}.sql"


if __name__ == "__main__":
    for kind in URLS:
        file_of(kind).write_text(first_form(kind), encoding="utf-8")

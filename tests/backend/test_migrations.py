"""A migrated database is the one that the models describe, and a database of another version is refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from backend.db import open_database
from backend.migrations import FOLDER, SchemaOutdated, require_current, upgrade
from backend.migrations.ddl import URLS, file_of, first_form
from backend.migrations.tables import every_table
from tests.support.postgres import Postgres, debian_bin, postgres_server

POSTGRESQL_OBJECTS: Final = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public'",
    """SELECT table_name || '.' || column_name,
           concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
       FROM information_schema.columns WHERE table_schema = 'public'""",
)
SQLITE_OBJECTS: Final = ("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL",)
OBJECTS: Final = {"sqlite": SQLITE_OBJECTS, "postgresql": POSTGRESQL_OBJECTS}


@contextmanager
def empty(kind: str, folder: Path, server: Callable[[], Postgres]) -> Iterator[Engine]:
    """A database with nothing in it."""
    name = server().empty() if kind == "postgresql" else ""
    url = server().url(name) if name else f"sqlite:///{folder / 'empty.sqlite'}"
    engine = open_database(url)
    yield engine
    engine.dispose()
    if name:
        server().drop(name)


@pytest.fixture(params=OBJECTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Callable[[], Postgres]:
    """The shared server, started when it is first asked for."""
    return lambda: request.getfixturevalue("postgres")


@pytest.fixture
def engine(kind: str, tmp_path: Path, server: Callable[[], Postgres]) -> Iterator[Engine]:
    with empty(kind, tmp_path, server) as engine:
        yield engine


def objects(engine: Engine) -> set[tuple[str, str]]:
    """Everything that the database holds besides rows: each name, and what it is as the database says it."""
    with engine.connect() as connection:
        return {
            (name, " ".join(sql.split()))
            for question in OBJECTS[engine.dialect.name]
            for name, sql in connection.execute(text(question))
            if "alembic" not in name
        }


def test_a_migrated_database_has_exactly_the_tables_of_the_models(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, every_table()) == []


def test_a_migrated_database_has_the_same_triggers_and_partial_indices(
    engine: Engine, kind: str, tmp_path: Path, server: Callable[[], Postgres]
) -> None:
    upgrade(engine)
    (tmp_path / "models").mkdir()
    with empty(kind, tmp_path / "models", server) as other:
        every_table().create_all(other)
        assert objects(engine) == objects(other)
    assert any("CREATE TRIGGER" in sql for _, sql in objects(engine))


@pytest.mark.parametrize("dialect", URLS)
def test_the_written_first_form_is_what_the_models_say_for_each_kind_of_database(dialect: str) -> None:
    assert file_of(dialect).read_text(encoding="utf-8") == first_form(dialect), (
        "run python -m backend.migrations.ddl"
    )


def test_the_migrations_run_on_the_older_server_that_debian_brings() -> None:
    with postgres_server(debian_bin()) as server:
        engine = open_database(server.url(server.fresh()))
        require_current(engine)
        with engine.connect() as connection:
            assert connection.execute(text("SHOW server_version")).scalar_one().startswith("15.")
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, every_table()) == []
        engine.dispose()


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    upgrade(engine)
    before = objects(engine)
    upgrade(engine)
    assert objects(engine) == before
    require_current(engine)


def test_a_database_that_was_never_migrated_is_refused(engine: Engine) -> None:
    with pytest.raises(SchemaOutdated) as refusal:
        require_current(engine)
    assert refusal.value.facts == {"found": None, "needed": "0001"}


def test_the_tables_of_every_capability_are_compared() -> None:
    backend = FOLDER.parent
    named = (FOLDER / "tables.py").read_text(encoding="utf-8")
    modules = {
        "backend." + ".".join(path.relative_to(backend).with_suffix("").parts)
        for path in backend.rglob("*.py")
        if "tables" in path.relative_to(backend).with_suffix("").parts
        and path.name != "__init__.py"
        and "migrations" not in path.parts
    }
    assert {
        module for module in modules if f"import {module}\n" not in named.replace("  #", "\n  #")
    } == set()

"""A migrated database is the one that the models describe, and a database of another version is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from backend.db import open_database
from backend.migrations import FOLDER, SchemaOutdated, require_current, upgrade
from backend.migrations.ddl import URLS, file_of, first_form
from backend.migrations.tables import every_table


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'bank.sqlite'}")
    yield engine
    engine.dispose()


def objects(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {name: " ".join(sql.split()) for name, sql in rows if not name.startswith("alembic")}


def test_a_migrated_database_has_exactly_the_tables_of_the_models(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, every_table()) == []


def test_a_migrated_database_has_the_same_triggers_and_partial_indices(
    engine: Engine, tmp_path: Path
) -> None:
    upgrade(engine)
    other = open_database(f"sqlite:///{tmp_path / 'models.sqlite'}")
    every_table().create_all(other)
    assert objects(engine) == objects(other)
    assert any("CREATE TRIGGER" in sql for sql in objects(engine).values())
    other.dispose()


@pytest.mark.parametrize("dialect", URLS)
def test_the_written_first_form_is_what_the_models_say_for_each_kind_of_database(dialect: str) -> None:
    assert file_of(dialect).read_text(encoding="utf-8") == first_form(dialect), (
        "run python -m backend.migrations.ddl"
    )


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

"""The database's form, version by version; the same scripts serve SQLite and PostgreSQL."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from backend.db import naming_troubles
from backend.errors import Unavailable

FOLDER: Final = Path(__file__).parent


class SchemaOutdated(Unavailable):
    """The database has another form than this version needs; run `tallystick migrate`."""

    code = "db.schema_outdated"


def config_for(engine: Engine | None = None) -> Config:
    """What alembic needs to know; with an engine, it works on that one."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    if engine is not None:
        config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest form; one that has it is left alone."""
    command.upgrade(config_for(engine), "head")


def require_current(engine: Engine) -> None:
    """Refuse a database that another version left.

    Raises:
        SchemaOutdated: names the form it has and the one that is needed.
        DatabaseUnavailable: the database does not answer.
    """
    needed = ScriptDirectory.from_config(config_for()).get_current_head()
    with naming_troubles(), engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != needed:
        raise SchemaOutdated(found=found, needed=needed)

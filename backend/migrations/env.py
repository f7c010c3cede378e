"""Run by alembic: applies the versions to the engine it was given, each in a transaction of its own."""

from alembic import context
from sqlalchemy import Engine

from backend.migrations.tables import every_table


def run(engine: Engine) -> None:
    """Apply what is missing. SQLite alters a table by making it anew, so batches are rendered."""
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=every_table(),
            render_as_batch=True,
            transaction_per_migration=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run(context.config.attributes["engine"])

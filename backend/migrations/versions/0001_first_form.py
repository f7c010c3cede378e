"""The first form of the bank's database, as SQL for each kind of database."""

from alembic import op

from backend.migrations.ddl import BETWEEN, file_of

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in file_of(connection.dialect.name).read_text(encoding="utf-8").split(BETWEEN)[:-1]:
        connection.exec_driver_sql(statement)

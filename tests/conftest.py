"""Fixtures that tests of every part use: a ledger of one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledger import LedgerInTests, ledger_in_tests
from tests.support.postgres import (  # noqa: F401 - fixtures for tests of every part
    database,
    database_url,
    migrated_sqlite,
    own_postgres,
    postgres,
    postgres_url,
    sqlite_url,
)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[LedgerInTests]:
    """An embedded ledger for this test alone, sealing each transaction at once."""
    (tmp_path / "chain").mkdir()
    with ledger_in_tests(tmp_path / "chain") as ledger:
        yield ledger

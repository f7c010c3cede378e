"""Fixtures that tests of every part use: a ledger of one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.anvil import AnvilInTests, anvil_in_tests
from tests.support.ledger import AnyLedger, LedgerInTests, ledger_in_tests
from tests.support.postgres import (  # noqa: F401 - fixtures for tests of every part
    database,
    database_url,
    migrated_sqlite,
    own_postgres,
    postgres,
    postgres_url,
    sqlite_url,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of what has no end is done: `scripts/nightly` does more of it."""
    parser.addoption("--schedules", type=int, default=200, help="random reorganisation schedules")


@pytest.fixture
def chain(chain_of_ours: LedgerInTests) -> LedgerInTests:
    """The ledger of this test; a file whose tests hold on either says so by its own `chain`."""
    return chain_of_ours


@pytest.fixture
def chain_of_ours(tmp_path: Path) -> Iterator[LedgerInTests]:
    """An embedded ledger for this test alone, sealing each transaction at once."""
    (tmp_path / "chain").mkdir()
    with ledger_in_tests(tmp_path / "chain") as ledger:
        yield ledger


@pytest.fixture
def anvil() -> Iterator[AnvilInTests]:
    """A node that is not ours for this test alone, sealing each transaction a moment after it took it."""
    with anvil_in_tests() as ledger:
        yield ledger


@pytest.fixture(params=["embedded", "anvil"])
def either(request: pytest.FixtureRequest) -> AnyLedger:
    """The embedded ledger and the outside node, in turn: what holds on one must hold on the other."""
    ledger: AnyLedger = request.getfixturevalue("chain_of_ours" if request.param == "embedded" else "anvil")
    return ledger

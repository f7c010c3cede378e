"""Fixtures that tests of every part use: a ledger of one's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

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

TAKEN_APART: Final = ("test_power_cuts.py", "test_fuzz.py")
LONGEST_FIRST: Final = (*TAKEN_APART, "test_story.py", "test_reorganisations.py", "test_races.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of what has no end is done: `scripts/nightly` does more of it."""
    parser.addoption("--schedules", type=int, default=200, help="random reorganisation schedules")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side, a file stays whole, the longest files begin first, and their tests are taken apart."""
    items.sort(key=lambda item: _rank(item.path))
    for item in items:
        apart = item.path.name in TAKEN_APART
        item.add_marker(pytest.mark.xdist_group(item.nodeid if apart else str(item.path)))


def _rank(path: Path) -> int:
    return LONGEST_FIRST.index(path.name) if path.name in LONGEST_FIRST else len(LONGEST_FIRST)


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

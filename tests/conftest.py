"""Fixtures that tests of every part use: a ledger of one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledger import LedgerInTests, ledger_in_tests


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[LedgerInTests]:
    """An embedded ledger for this test alone, sealing each transaction at once."""
    (tmp_path / "chain").mkdir()
    with ledger_in_tests(tmp_path / "chain") as ledger:
        yield ledger

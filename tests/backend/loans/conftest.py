from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.backend.loans.bank import Bank, disburse, open_bank
from tests.backend.loans.callers import Callers


@pytest.fixture
def bank(database: Engine, tmp_path: Path) -> Bank:
    """A bank with a product, eight people, one priced lot of 2 500 t and a rail of its own."""
    return open_bank(database, tmp_path)


@pytest.fixture
def pledged(bank: Bank) -> Bank:
    """The bank with a loan of five million that is approved, signed and pledged."""
    bank.apply()
    bank.pledge(bank.approve())
    return bank


@pytest.fixture
def drawn(pledged: Bank) -> Bank:
    """The bank with that loan paid out today."""
    disburse(pledged)
    return pledged


@pytest.fixture
def callers(bank: Bank) -> Callers:
    """Everybody signed in at the API over that bank."""
    return Callers(bank)

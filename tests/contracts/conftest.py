"""A ledger with everybody enrolled, and the same with a receipt or a pledge; each test has its own copy."""

import pytest

from tests.support.evm import Evm
from tests.support.ledger_life import LedgerLife

COILS = {"coil-1": 9_800, "coil-2": 10_200}
"""The pieces of the receipt that `issued` and `pledged` lives have, and their masses in kg."""


@pytest.fixture(scope="session")
def first_life() -> LedgerLife:
    """The enrolled ledger that every other begins from; tests take `life`."""
    return LedgerLife.begin(Evm())


@pytest.fixture(scope="session")
def first_issued(first_life: LedgerLife) -> LedgerLife:
    """The ledger with receipt 1; tests take `issued`."""
    life = first_life.copy()
    assert life.issue(COILS) == 1
    return life


@pytest.fixture(scope="session")
def first_pledged(first_issued: LedgerLife) -> LedgerLife:
    """The ledger with receipt 1 under pledge 1; tests take `pledged`."""
    life = first_issued.copy()
    assert life.pledge([1]) == 1
    return life


@pytest.fixture
def life(first_life: LedgerLife) -> LedgerLife:
    """Everybody is enrolled and the site's log is open."""
    return first_life.copy()


@pytest.fixture
def issued(first_issued: LedgerLife) -> LedgerLife:
    """Receipt 1 over two coils is issued to the depositor."""
    return first_issued.copy()


@pytest.fixture
def pledged(first_pledged: LedgerLife) -> LedgerLife:
    """Receipt 1 is under pledge 1, which is effective."""
    return first_pledged.copy()

"""What the bank believes of the ledger follows from the ledger alone: a replay equals it."""

from pathlib import Path

import pytest

from backend.chain.follower import Follower
from backend.db import open_database
from backend.migrations import upgrade
from backend.parties import projection as parties
from backend.parties import tables as registry
from backend.pledges import projection as pledges
from backend.pledges import tables as pledging
from backend.receipts import actions as receiving_acts
from backend.receipts import projection as receipts
from tests.backend.app.conftest import World
from tests.backend.app.test_a_receipt_lives import COILS, ONE, issued, ordered, pledged
from tests.support.ledger import AnyLedger
from tests.support.ledger_life import OPERATOR
from tests.support.projections import PROJECTED, contents


@pytest.fixture
def chain(either: AnyLedger) -> AnyLedger:
    """The whole bank works on the embedded ledger and on a node that is not ours."""
    return either


def test_a_replay_from_the_first_block_gives_the_same_projections(world: World, tmp_path: Path) -> None:
    receipt = issued(world)
    pledged(world, receipt)
    order = ordered(world, receipt, COILS[ONE])
    world.witnessed(*world.moves("out", ONE, COILS[ONE]))
    world.do(lambda s: receiving_acts.deliver(s, order, (ONE,), signer=OPERATOR))
    world.settle()
    bank = world.bank
    again = open_database(f"sqlite:///{tmp_path / 'again.sqlite'}")
    upgrade(again)
    projectors = [parties.project, receipts.project, pledges.project, bank.mirror.project]
    Follower(bank.rpc, again, bank.followed, projectors).catch_up()
    for table in PROJECTED:
        first, second = contents(bank.engine, table), contents(again, table)
        assert first == second, table.__tablename__
        assert first or table in {registry.SuspensionRow, pledging.RecordedLoanEventRow}, table.__tablename__
    again.dispose()

"""A bank that lends, and a place where its backup is restored; the world is the whole bank's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.app.reconciling import reconciler_of
from backend.app.serving import Service
from backend.backup.copying import back_up, restore
from backend.backup.rules import Report
from backend.identity.actions import admit_person
from backend.identity.rules import Person, Role
from backend.migrations import upgrade
from backend.settings import Settings
from tests.backend.app.conftest import OFFICERS, World, bank_database, life, settings
from tests.support.ledger_life import LENDER, LedgerLife
from tests.support.ledger_node import Node
from tests.support.lending_world import LendingBank

__all__ = ["bank_database", "life", "settings"]


def quietly(_name: str, _size: int) -> None:
    """Nobody watches."""


@dataclass
class Restored:
    """A bank put back elsewhere from a backup, and the one that never stopped."""

    world: World
    settings: Settings
    bank: LendingBank = field(init=False)

    def put_back(self, file: Path) -> None:
        """Restore with the rail that outlived the bank."""
        rail = self.world.bank.settings.rail_file()
        now = self.world.bank.wall.now()
        restore(self.settings, file, rail=rail if rail.exists() else None, now=now, tell=quietly)
        self.bank = LendingBank.without_ledger(self.settings)

    def reconcile(self) -> Report | None:
        """What `tallystick reconcile` does."""
        with reconciler_of(self.bank) as reconciler:
            return reconciler.reconcile(self.bank.moment())

    def accept(self, wanted: bytes, *people: str) -> Report | None:
        """What `tallystick reconcile --accept` does."""
        first, second = people
        with reconciler_of(self.bank) as reconciler:
            return reconciler.accept(wanted, (first, second), self.bank.moment())

    def settle(self, rounds: int = 3) -> None:
        """Let the restored bank work."""
        service = Service(self.bank)
        for _ in range(rounds):
            self.world.life.ledger.chain.ledger.seal(2)  # type: ignore[attr-defined]
            service.step()


@pytest.fixture
def port() -> int:
    """No broker: these banks hear what their tests say."""
    return 1


@pytest.fixture
def world(settings: Settings, life: LedgerLife) -> Iterator[World]:
    """The whole bank, which lends."""
    bank = LendingBank.open(settings)
    upgrade(bank.engine)
    world = World(life, bank, Service(bank))
    officer = frozenset({Role.COLLATERAL_OFFICER})
    for name in OFFICERS:
        world.do(lambda session, name=name: admit_person(session, Person(name, LENDER, officer, name)))
    chain = life.ledger.chain
    assert isinstance(chain, Node)
    world.settle()
    yield world
    bank.engine.dispose()


@pytest.fixture
def other_database() -> str:
    """Where the restored bank has its database; empty for its own file."""
    return ""


@pytest.fixture
def restored(world: World, settings: Settings, tmp_path: Path, other_database: str) -> Iterator[Restored]:
    """The place; nothing is there yet."""
    there = settings.model_copy(
        update={"data": tmp_path / "elsewhere" / "bank", "database_url": other_database}
    )
    place = Restored(world, there)
    yield place
    if hasattr(place, "bank"):
        place.bank.engine.dispose()


@pytest.fixture
def keep(world: World, tmp_path: Path) -> Callable[[], Path]:
    """Makes a backup of the bank as it is now."""

    def made() -> Path:
        file = tmp_path / "bank.tar"
        back_up(world.bank.settings, file, with_keys=False, now=world.bank.wall.now(), tell=quietly)
        return file

    return made

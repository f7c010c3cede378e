"""The column of parts that are not ours: anvil, PostgreSQL and Mosquitto, as a story stands on them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from backend.story.parts import Broker, Parts
from backend.story.processes import Processes
from backend.story.world import BRIDGE, SCALE, SITE, World
from contracts.rpc import Rpc
from iot_bridge.mosquitto import Site
from tests.support.anvil import AnvilProcess
from tests.support.mosquitto import Mosquitto, mosquitto_broker
from tests.support.postgres import Postgres

WEI_EACH: Final = 10**20


@dataclass(frozen=True)
class Outside(Parts):
    """Parts that run already; the story is told where they are."""

    anvil: AnvilProcess
    postgres: Postgres
    mosquitto: Mosquitto

    @override
    def ledger(self, processes: Processes, world: World) -> str:
        rpc = Rpc(self.anvil.url)
        for address in world.funded():
            rpc.call("anvil_setBalance", address, hex(WEI_EACH))
        return self.anvil.url

    @override
    def database(self, world: World) -> str:
        return self.postgres.url(self.postgres.empty())

    @override
    def broker(self, processes: Processes, world: World) -> Broker:
        return self.mosquitto.broker()


@dataclass(frozen=True, slots=True)
class Cut:
    """A part that is not ours, as a power cut ends it and as it is started again."""

    kill: Callable[[], None]
    start_again: Callable[[], None]


@contextmanager
def outside_parts(postgres: Postgres) -> Iterator[Outside]:
    """An anvil and a Mosquitto that run, beside that PostgreSQL; both are gone at the end."""
    anvil = AnvilProcess(block_time_s=1)
    with mosquitto_broker([Site(SITE, BRIDGE, (SCALE,))]) as broker:
        anvil.start()
        try:
            yield Outside(anvil, postgres, broker)
        finally:
            anvil.stop()


def cuts_of(outside: Outside) -> dict[str, Cut]:
    """How the power of its database and its broker is cut."""
    database, broker = outside.postgres, outside.mosquitto
    return {
        "database": Cut(lambda: database.stop(signal.SIGQUIT), database.start),
        "broker": Cut(lambda: broker.stop(signal.SIGKILL), broker.start),
    }

"""The column of parts that are not ours: anvil, PostgreSQL and Mosquitto, as a story stands on them."""

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from backend.story.parts import Broker, Parts
from backend.story.processes import Processes
from backend.story.world import World
from contracts.rpc import Rpc
from tests.support.anvil import AnvilProcess
from tests.support.postgres import Postgres

WEI_EACH: Final = 10**20


@dataclass(frozen=True)
class Outside(Parts):
    """Parts that run already; the story is told where they are."""

    anvil: AnvilProcess
    postgres: Postgres
    mosquitto: Broker

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
        return self.mosquitto

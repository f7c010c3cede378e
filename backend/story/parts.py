"""What a story stands on: ledger, database and broker, embedded here or anybody's by their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from typing_extensions import override

from backend.story.processes import Processes
from backend.story.world import World
from contracts.loopback import HOST, free_port

READY_WITHIN_S: Final = 60


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is; `as_whom` gives the settings with which each identity comes to it."""

    port: int
    host: str = HOST
    as_whom: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def settings_of(self, identity: str) -> dict[str, object]:
        """Host, port, and what the identity shows of itself."""
        return {"broker_host": self.host, "broker_port": self.port, **self.as_whom.get(identity, {})}


class Parts(Protocol):
    """One column: the same story stands on each."""

    def ledger(self, processes: Processes, world: World) -> str:
        """The URL of a node on which those whom the world funds can pay."""
        ...

    def database(self, world: World) -> str:
        """The URL of an empty database."""
        ...

    def broker(self, processes: Processes, world: World) -> Broker:
        """A broker that runs."""
        ...


class Embedded(Parts):
    """What needs nothing but this package: py-evm in SQLite, SQLite, rumqttd in a wheel."""

    @override
    def ledger(self, processes: Processes, world: World) -> str:
        funded = [argument for address in world.funded() for argument in ("--fund", address)]
        folder, port = str(world.folder / "ledger"), str(free_port())
        ledger = processes.start("ledger", "backend.cli", "chain", "--data", folder, "--port", port, *funded)
        return str(ledger.wait_for(lambda line: "url" in line, within_s=READY_WITHIN_S)["url"])

    @override
    def database(self, world: World) -> str:
        return f"sqlite:///{world.folder / 'bank' / 'bank.sqlite'}"

    @override
    def broker(self, processes: Processes, world: World) -> Broker:
        broker = processes.start("broker", "iot_bridge", "broker", "--port", str(free_port()))
        return Broker(int(broker.wait_for(lambda line: "port" in line, within_s=READY_WITHIN_S)["port"]))

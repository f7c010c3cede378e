"""The embedded broker and Mosquitto behind one face: what holds over one must hold over the other."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import pytest

from contracts.loopback import free_port
from iot_bridge.broker import HOST, embedded_broker
from iot_bridge.link import BrokerAddress, Certificates

KINDS: Final = ("embedded", "mosquitto")
over_both: Final = pytest.mark.parametrize("site_broker", KINDS, indirect=True)
"""The test is run over each broker; without it the fixture is the embedded one."""


class SiteBroker(Protocol):
    """A broker of one site, running or not, always at the same port."""

    @property
    def port(self) -> int:
        """Where it listens."""
        ...

    def identity(self, name: str) -> dict[str, Path]:
        """Authority, certificate and key of a name; nothing where nobody is asked for a name."""
        ...

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        ...

    def stop(self) -> None:
        """Stop it in order."""
        ...


@dataclass
class EmbeddedBroker:
    """The embedded broker, which a test may stop and start."""

    port: int = field(default_factory=free_port)
    _running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def identity(self, name: str) -> dict[str, Path]:
        """Nothing: it asks nobody for a name."""
        assert name
        return {}

    def start(self) -> None:
        """Start it."""
        self._running.enter_context(embedded_broker(self.port))

    def stop(self) -> None:
        """Stop it; it keeps nothing."""
        self._running.close()


def address_at(broker: SiteBroker, name: str) -> BrokerAddress:
    """How the programs of the edge come to a broker under a name."""
    files = broker.identity(name)
    return BrokerAddress(HOST, broker.port, certificates=Certificates(**files) if files else None)


def settings_at(broker: SiteBroker, name: str) -> dict[str, object]:
    """The settings with which a program comes to a broker under a name."""
    files = {f"broker_{each}": file for each, file in broker.identity(name).items()}
    return {"broker_host": HOST, "broker_port": broker.port, **files}


@contextlib.contextmanager
def running_embedded() -> Iterator[EmbeddedBroker]:
    """A running embedded broker, gone at the end."""
    broker = EmbeddedBroker()
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()

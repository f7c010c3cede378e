"""Fixtures of the edge's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_bridge.broker import HOST, embedded_broker
from iot_bridge.link import BrokerAddress
from tests.iot_bridge.edge import Edge


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    """A spool of its own and who records into it."""
    found = Edge(tmp_path)
    yield found
    found.spool.close()


@pytest.fixture
def broker() -> Iterator[BrokerAddress]:
    """An embedded broker on a free port of loopback."""
    with embedded_broker(0) as port:
        yield BrokerAddress(HOST, port)

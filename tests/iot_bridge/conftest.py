"""Fixtures of the edge's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_bridge.broker import HOST, embedded_broker
from iot_bridge.link import BrokerAddress
from iot_bridge.mosquitto import Site
from tests.iot_bridge.edge import BRIDGE_NAME, SCALE, SITE, Edge
from tests.support.brokers import SiteBroker, running_embedded
from tests.support.mosquitto import Mosquitto, mosquitto_broker


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


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    """A Mosquitto for the site of these tests, shared by a module; `site_broker` gives it out as new."""
    with mosquitto_broker([Site(SITE, BRIDGE_NAME, (SCALE.name,))]) as running:
        yield running


@pytest.fixture
def site_broker(request: pytest.FixtureRequest) -> Iterator[SiteBroker]:
    """A broker with nothing in it: the embedded one, or where a test is `over_both`, each in turn."""
    if getattr(request, "param", "embedded") == "embedded":
        with running_embedded() as broker:
            yield broker
        return
    shared: Mosquitto = request.getfixturevalue("mosquitto")
    yield shared
    shared.forget()

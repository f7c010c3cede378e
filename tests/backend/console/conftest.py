"""One house for all tests that only read; see `tests/backend/console/house.py`."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from tests.backend.console.browser import Screen, screen_before
from tests.backend.console.house import House, house_in

Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_in(tmp_path_factory.mktemp("house") / "bank") as house:
        yield house


@pytest.fixture(scope="module")
def screen(house: House) -> Iterator[Screen]:
    """A real browser; for a module at most, since it holds an event loop that others would trip over."""
    with screen_before(house) as screen:
        yield screen


@pytest.fixture
def browse(house: House) -> Iterator[Client]:
    """A browser without a screen, signed in as a reader of the house, or as nobody."""
    opened = []

    def browsing(reader: str = "", language: str = "en") -> TestClient:
        headers = {"Accept": "text/html", "Accept-Language": language, "Sec-Fetch-Site": "same-origin"}
        client = TestClient(house.app, base_url="http://127.0.0.1", headers=headers, follow_redirects=False)
        client.cookies.update(house.cookies(reader) if reader else {})
        opened.append(client)
        return client

    yield browsing
    for client in opened:
        client.close()

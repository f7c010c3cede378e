"""An app with nothing but its door, on each kind of database, and the one person who was there first."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from backend.admission import routes
from backend.clock import FixedClock, moment
from backend.db import transaction
from backend.identity.admitting import set_up
from backend.web import routes as approvals
from backend.web.ports import Ports, Times
from backend.web.problems import install
from contracts.keystore import Keystore
from tests.backend.admission.visitor import BANK, FIRST, NOW, PASSWORD, Visitor


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys", "a phrase of the test's own")


@pytest.fixture
def door(database: Engine, clock: FixedClock, keystore: Keystore) -> TestClient:
    with transaction(database) as session:
        set_up(session, BANK, FIRST, PASSWORD, now=datetime(2026, 5, 1, tzinfo=UTC))
    app = FastAPI()
    app.state.ports = Ports(Times(clock, lambda: moment(clock, "Asia/Shanghai")), keystore)
    app.state.ports.offer(Engine, database)
    for router in (routes.router, approvals.router):
        app.include_router(router)
    install(app)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def first(door: TestClient) -> Visitor:
    return Visitor.signed_in(door, FIRST, PASSWORD)

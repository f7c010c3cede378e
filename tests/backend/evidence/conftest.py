"""A bank that knows one site with a camera, a scale and the bridge's fusion."""

import pytest
from sqlalchemy import Engine

from tests.backend.edge import BANK, INSPECTOR, OPERATOR, Device, Site, enrol


@pytest.fixture
def camera() -> Device:
    return Device("gate-cam.1", host=OPERATOR, commissioner=BANK)


@pytest.fixture
def scale() -> Device:
    return Device("scale.1", host=INSPECTOR, commissioner=INSPECTOR)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def engine(database: Engine, camera: Device, scale: Device) -> Engine:
    enrol(database, camera, scale)
    return database

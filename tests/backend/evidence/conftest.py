"""A bank that knows one site with a camera, a scale and the bridge's fusion."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from backend.db import create_schema, open_database
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
def engine(tmp_path: Path, camera: Device, scale: Device) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'bank.sqlite'}")
    create_schema(engine)
    enrol(engine, camera, scale)
    yield engine
    engine.dispose()

"""The composed API: health, description, docs and figures."""

import re
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from backend.app.api import create_api
from backend.app.api_serving import PortTaken, listen
from backend.app.tables import beat
from backend.db import transaction
from backend.identity.actions import admit_person
from backend.identity.credentials import SESSION_PREFIX, OrganisationRow, SignInRow, hash_of, new_token
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Person, Role
from tests.backend.app.conftest import World
from tests.support.ledger_life import LENDER


@pytest.fixture
def api(world: World) -> Iterator[TestClient]:
    with TestClient(create_api(world.bank)) as client:
        yield client


def test_readiness_tells_each_part(api: TestClient, world: World) -> None:
    assert api.get("/healthz").json() == {"alive": True}
    before = {each["name"]: each["well"] for each in api.get("/readyz").json()["checks"]}
    assert before == {"database": True, "worker": False, "reconciled": True, "ledger": True}
    now = world.bank.wall.now()
    with transaction(world.bank.engine) as session:
        beat(session, now, is_listening=True)
    after = api.get("/readyz").json()
    assert all(each["well"] for each in after["checks"])
    assert after["confirmed_block"] > 0
    with transaction(world.bank.engine) as session:
        beat(session, now - timedelta(minutes=1), is_listening=True)
    assert [each["well"] for each in api.get("/readyz").json()["checks"]] == [True, False, True, True]


def test_every_operation_says_how_it_refuses(api: TestClient) -> None:
    schema = api.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    operations = [each for path in schema["paths"].values() for each in path.values()]
    for operation in operations:
        if "security" in operation:
            assert {"401", "422", "503"} <= set(operation["responses"]), operation["operationId"]
            assert "x-permission" not in operation or "403" in operation["responses"], operation[
                "operationId"
            ]
    assert "HTTPValidationError" not in str(schema)


def test_the_docs_need_nobody_else_and_no_script(api: TestClient) -> None:
    page = api.get("/docs")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert re.search(r"(?:src|href|action|srcset)=\W*(?:https?:)?//|url\(|@import", page.text) is None
    assert "'none'" in page.headers["Content-Security-Policy"]
    assert "/v1/approvals" in page.text
    assert api.get("/docs/reference.css").headers["content-type"].startswith("text/css")


def test_figures_are_for_those_who_may_read_them(api: TestClient, world: World) -> None:
    assert api.get("/metrics").status_code == 401
    token, now = new_token(SESSION_PREFIX), world.bank.wall.now()
    with transaction(world.bank.engine) as session:
        session.add(OrganisationRow(id=LENDER, kind=OrganisationKind.BANK.value))
        admit_person(session, Person("registrar", LENDER, frozenset({Role.REGISTRAR}), "registrar-key"))
        session.add(
            SignInRow(
                token_hash=hash_of(token), person="registrar", began_at=now, expires_at=now + timedelta(1)
            )
        )
    figures = api.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert figures.status_code == 200
    assert "tallystick_confirmed_block" in figures.text
    assert 'tallystick_requests_total{method="GET",route="/metrics",status="401"} ' in figures.text


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken, match=r"127\.0\.0\.1"):
        listen("127.0.0.1", taken.getsockname()[1])

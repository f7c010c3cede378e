"""Alerts over the API: the bank sees and closes them, nobody else does."""

import pytest

from backend.alerts import routes
from backend.alerts.tables import AlertRow
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Role
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import World
from tests.support.api_callers import Callers, code_of
from tests.support.ledger_life import LENDER, OPERATOR, SITE

CLOSING = {"reason": "a test of the crane"}


@pytest.fixture
def callers(world: World) -> Callers:
    callers = Callers(world.bank, (routes.router,))
    callers.admit("officer", LENDER, OrganisationKind.BANK, Role.COLLATERAL_OFFICER)
    callers.admit("auditor", "auditors", OrganisationKind.AUDITOR, Role.AUDITOR)
    callers.admit("keeper", OPERATOR, OrganisationKind.WAREHOUSE_OPERATOR, Role.WAREHOUSE_KEEPER)
    now = world.bank.wall.now()
    for subject in ("one", "two", "three"):
        facts = {"gate": "gate-1"}
        row = AlertRow(kind="gap", subject=subject, site=name32(SITE), facts=facts, opened_at=now)
        world.do(lambda session, row=row: session.add(row))
    return callers


def ids(callers: Callers, **asked: object) -> list[int]:
    return [each["id"] for each in callers.get("officer", "/v1/alerts", **asked).json()["items"]]


def test_an_alert_is_closed_once_by_a_person_with_a_reason(callers: Callers) -> None:
    closed = callers.post("officer", "/v1/alerts/2/close", json=CLOSING)
    assert (closed.status_code, closed.json()["closed_by"]) == (200, "officer")
    again = callers.post("officer", "/v1/alerts/2/close", json=CLOSING)
    assert code_of(again) == (409, "alerts.alert_closed")
    assert callers.get("officer", "/v1/alerts/2").json() == closed.json()
    assert closed.json()["closing"] == CLOSING["reason"]
    assert ids(callers, state="open") == [1, 3]
    assert ids(callers, state="closed") == [2]
    assert code_of(callers.post("officer", "/v1/alerts/9/close", json=CLOSING))[1] == "alerts.alert_unknown"


def test_alerts_come_a_page_at_a_time(callers: Callers) -> None:
    first = callers.get("auditor", "/v1/alerts", limit=2).json()
    assert ([each["id"] for each in first["items"]], first["next"]) == ([1, 2], 2)
    assert ids(callers, after=2) == [3]


def test_alerts_are_the_banks(callers: Callers) -> None:
    missing = (403, "identity.permission_missing")
    assert code_of(callers.get("keeper", "/v1/alerts")) == missing
    assert code_of(callers.get("keeper", "/v1/alerts/1")) == missing
    assert code_of(callers.post("auditor", "/v1/alerts/1/close", json=CLOSING)) == missing
    assert code_of(callers.get("officer", f"/v1/alerts/{2**63}")) == (422, "web.request_invalid")
    short = callers.post("officer", "/v1/alerts/1/close", json={"reason": "\x00" * 5})
    assert code_of(short) == (422, "web.request_invalid")


def test_people_of_the_bank_decide_with_a_reason_and_everybody_sees_it(callers: Callers) -> None:
    deciding = {"decision": "recount_asked", "reason": "count bay A by hand"}
    asked = callers.post("officer", "/v1/alerts/1/decide", json=deciding)
    assert (asked.status_code, asked.json()["state"], asked.json()["owner"]) == (
        200,
        "acknowledged",
        "officer",
    )
    assert callers.get("auditor", "/v1/alerts/1").json() == asked.json()
    assert (ids(callers, state="acknowledged"), ids(callers, state="no_data")) == ([1], [2, 3])
    callers.post("officer", "/v1/alerts/2/decide", json=deciding | {"decision": "escalated"})
    ended = callers.post("officer", "/v1/alerts/2/decide", json=deciding | {"decision": "confirmed"})
    assert code_of(ended) == (403, "alerts.another_person_needed")
    assert code_of(callers.post("auditor", "/v1/alerts/3/decide", json=deciding))[0] == 403
    assert code_of(callers.post("keeper", "/v1/alerts/3/decide", json=deciding))[0] == 403
    assert callers.get("officer", "/v1/exits/waiting").json() == []

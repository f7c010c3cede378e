"""The registry over the API: what registrars enrol is confirmed on a real ledger, and seen by its own."""

from datetime import timedelta
from typing import Any

import pytest
from eth_account import Account

from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Role
from backend.parties import routes
from backend.parties.enrolling import AlreadyEnrolled, AlreadyPast, KeyReserved, NoEnroller, NoGuardian
from backend.parties.rules import Particulars, identity_commitment
from tests.backend.app.conftest import CAMERA, World
from tests.support.api_callers import Callers, code_of
from tests.support.ledger_life import DEPOSITOR, INSPECTOR, LENDER, OPERATOR, SITE

KIND = OrganisationKind
WHO = {"legal_name": "New Yard Ltd", "address": "2 Lake Road", "registration": "R-2", "salt": "0a" * 16}
NEW = "org-new-yard"


@pytest.fixture
def callers(world: World) -> Callers:
    return admitted(world)


def admitted(world: World) -> Callers:
    callers = Callers(world.bank, (routes.router,))
    callers.admit("registrar", LENDER, KIND.BANK, Role.REGISTRAR)
    callers.admit("second", LENDER, KIND.BANK, Role.REGISTRAR)
    callers.admit("keeper", OPERATOR, KIND.WAREHOUSE_OPERATOR, Role.WAREHOUSE_KEEPER)
    callers.admit("auditor", "auditor.own", KIND.AUDITOR, Role.AUDITOR)
    callers.admit("stranger", "other-trader", KIND.BORROWER, Role.BORROWER)
    return callers


def address() -> str:
    return str(Account.create().address)


def party(**changes: Any) -> dict[str, Any]:
    return {
        "party": NEW,
        "account": None,
        "capacities": ["operator", "depositor"],
        "particulars": WHO,
    } | changes


def site(world: World, **changes: Any) -> dict[str, Any]:
    until = (world.bank.wall.now() + timedelta(days=30)).isoformat()
    fixed = {"site": "new-yard-1", "operator": OPERATOR, "licence": "0x" + "11" * 32, "max_age_blocks": 600}
    return fixed | {"bridge": address(), "licensed_until": until} | changes


def device(world: World, **changes: Any) -> dict[str, Any]:
    until = (world.bank.wall.now() + timedelta(days=30)).isoformat()
    fixed = {"device": "new-cam-1", "site": SITE, "host": OPERATOR, "commissioner": LENDER}
    return fixed | {"key": address(), "calibrated_until": until} | changes


def done(world: World, answer: Any) -> None:
    assert answer.is_success, answer.text
    world.confirmed(answer.json()["act"])


def test_a_party_its_people_a_site_and_a_device_are_enrolled(world: World, callers: Callers) -> None:
    done(world, callers.post("registrar", "/v1/parties", json=party()))
    found = callers.get("registrar", f"/v1/parties/{NEW}").json()
    assert found == {
        "party": NEW,
        "name": "",
        "account": world.bank.keys.address(NEW),
        "capacities": ["depositor", "operator"],
        "identity": "0x" + identity_commitment(Particulars(**WHO)).hex(),
        "suspended": False,
    }
    again = callers.post("registrar", "/v1/parties", json=party())
    assert code_of(again) == (409, AlreadyEnrolled.code)
    other = {"name": "new.yard"} | WHO | {"registration": "R-3"}
    refused = callers.post("registrar", f"/v1/parties/{NEW}/name", json=other)
    assert code_of(refused) == (422, "parties.identity_not_committed")
    named = callers.post("registrar", f"/v1/parties/{NEW}/name", json={"name": "new.yard"} | WHO)
    assert named.json()["name"] == "new.yard"

    people = f"/v1/parties/{NEW}/people"
    done(world, callers.post("registrar", people, json={"person": address().lower()}))
    done(world, callers.post("registrar", people, json={"person": "new.officer"}))
    twice = callers.post("registrar", people, json={"person": "new.officer"})
    assert code_of(twice) == (409, AlreadyEnrolled.code)

    done(world, callers.post("registrar", "/v1/sites", json=site(world, operator=NEW)))
    done(world, callers.post("registrar", "/v1/devices", json=device(world, site="new-yard-1", host=NEW)))
    assert callers.get("auditor", "/v1/sites/new-yard-1").json()["operator"] == NEW
    (camera,) = callers.get("auditor", "/v1/devices", site="new-yard-1").json()["items"]
    assert (camera["device"], camera["host"], camera["commissioner"]) == ("new-cam-1", NEW, LENDER)
    assert [each["epoch"] for each in camera["keys"]] == [1]
    assert callers.get("auditor", "/v1/devices/new-cam-1").json() == camera
    assert code_of(callers.get("keeper", "/v1/sites/new-yard-1")) == (404, "parties.site_unknown")


def test_licence_and_calibration_are_renewed(world: World, callers: Callers) -> None:
    until = (world.bank.wall.now() + timedelta(days=700)).replace(microsecond=0)
    licence = {"licence": "0x" + "22" * 32, "licensed_until": until.isoformat()}
    done(world, callers.post("registrar", f"/v1/sites/{SITE}/licence", json=licence))
    assert callers.get("keeper", f"/v1/sites/{SITE}").json()["licence"] == licence["licence"]
    calibration = {"calibrated_until": until.isoformat()}
    done(world, callers.post("registrar", f"/v1/devices/{CAMERA}/calibration", json=calibration))
    shown = callers.get("keeper", f"/v1/devices/{CAMERA}").json()["calibrated_until"]
    assert shown == until.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("kind", "name"), [("parties", OPERATOR), ("sites", SITE), ("devices", CAMERA)])
def test_a_suspension_takes_two(world: World, callers: Callers, kind: str, name: str) -> None:
    path, body = f"/v1/{kind}/{name}/suspension", {"suspended": True}
    assert code_of(callers.post("keeper", path, json=body)) == (403, "identity.permission_missing")
    assert callers.post("registrar", path, json=body).json()["act"] == f"{kind}.suspend"
    assert code_of(callers.post("registrar", path, json=body)) == (403, "identity.same_person")
    assert not callers.get("auditor", f"/v1/{kind}/{name}").json()["suspended"]
    done(world, callers.post("second", path, json=body))
    assert callers.get("auditor", f"/v1/{kind}/{name}").json()["suspended"]


def test_each_sees_what_concerns_them(callers: Callers) -> None:
    for name in ("registrar", "auditor"):
        found = callers.get(name, "/v1/parties").json()["items"]
        assert {each["party"] for each in found} == {DEPOSITOR, OPERATOR, LENDER, INSPECTOR}
    first = callers.get("auditor", "/v1/parties", limit=3).json()
    rest = callers.get("auditor", "/v1/parties", limit=3, after=first["next"]).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
    mine = {each["party"] for each in callers.get("keeper", "/v1/parties").json()["items"]}
    assert mine == {OPERATOR, LENDER, INSPECTOR}
    assert callers.get("stranger", "/v1/parties").json()["items"] == []
    assert callers.get("stranger", "/v1/sites").json()["items"] == []
    for path in (f"parties/{OPERATOR}", f"sites/{SITE}", f"devices/{CAMERA}"):
        assert callers.get("keeper", f"/v1/{path}").status_code == 200, path
        assert code_of(callers.get("stranger", f"/v1/{path}"))[0] == 404, path
    assert len(callers.get("keeper", "/v1/devices", site=SITE).json()["items"]) == 4
    assert code_of(callers.get("stranger", "/v1/devices", site=SITE)) == (404, "parties.site_unknown")


def test_an_enrolment_that_cannot_be_right_is_refused(world: World, callers: Callers) -> None:
    missing = (403, "identity.permission_missing")
    assert code_of(callers.post("keeper", "/v1/parties", json=party())) == missing
    assert code_of(callers.post("keeper", "/v1/sites", json=site(world))) == missing
    past = (world.bank.wall.now() - timedelta(days=1)).isoformat()
    for path, body, code in (
        ("parties", party(party="guardian"), KeyReserved.code),
        ("parties", party(account="0x00"), "web.request_invalid"),
        ("parties", party(capacities=["king"]), "web.request_invalid"),
        ("parties", party(account=world.life.ledger.address(OPERATOR)), AlreadyEnrolled.code),
        ("sites", site(world, site=SITE), AlreadyEnrolled.code),
        ("sites", site(world, operator="nobody"), "parties.party_unknown"),
        ("sites", site(world, licensed_until=past), AlreadyPast.code),
        ("devices", device(world, device=CAMERA), AlreadyEnrolled.code),
        ("devices", device(world, site="nowhere"), "parties.site_unknown"),
        ("devices", device(world, calibrated_until=past), AlreadyPast.code),
        ("devices/nothing/suspension", {"suspended": True}, "parties.device_unknown"),
    ):
        assert code_of(callers.post("registrar", f"/v1/{path}", json=body))[1] == code, (path, body)


def test_without_keys_of_its_own_nobody_is_enrolled_or_suspended(world: World, callers: Callers) -> None:
    bare = world.bank.settings.model_copy(update={"enroller": None, "guardian": None})
    ports = callers.client.app.state.ports  # type: ignore[attr-defined]
    ports.offer(type(bare), bare)
    assert code_of(callers.post("registrar", "/v1/parties", json=party())) == (503, NoEnroller.code)
    path = f"/v1/parties/{OPERATOR}/suspension"
    assert code_of(callers.post("registrar", path, json={"suspended": True})) == (503, NoGuardian.code)

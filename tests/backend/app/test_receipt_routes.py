"""Receipts over the API on a real ledger: each organisation acts for itself and sees what concerns it."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Role
from backend.pledges import releasing
from backend.receipts import routes
from backend.receipts.document import document_hash
from backend.web import acts
from tests.backend.app.conftest import CAMERA, World
from tests.backend.app.test_a_receipt_lives import COILS, LOT_KG, ONE, arrive, document, issued, pledged
from tests.support.api_callers import Callers, code_of
from tests.support.ledger_life import DEPOSITOR, INSPECTOR, LENDER, OPERATOR, SITE

KIND = OrganisationKind


@pytest.fixture
def callers(world: World) -> Callers:
    callers = Callers(world.bank, (routes.router, releasing.router, acts.router))
    callers.admit("depositor", DEPOSITOR, KIND.BORROWER, Role.BORROWER)
    callers.admit("keeper", OPERATOR, KIND.WAREHOUSE_OPERATOR, Role.WAREHOUSE_KEEPER)
    callers.admit("officer", LENDER, KIND.BANK, Role.COLLATERAL_OFFICER)
    callers.admit("inspector", INSPECTOR, KIND.SUPERVISOR, Role.INSPECTOR)
    callers.admit("stranger", "other-trader", KIND.BORROWER, Role.BORROWER)
    callers.admit("foreign-keeper", "other-storage", KIND.WAREHOUSE_OPERATOR, Role.WAREHOUSE_KEEPER)
    return callers


def wanted(**changes: Any) -> dict[str, Any]:
    return {
        "site": SITE,
        "bay": "bay.a",
        "commodity": "steel.hrc",
        "grade": "q235b",
        "mass_kg": LOT_KG,
        "fingerprints": ["0x" + each.hex() for each in COILS],
        "representations": "0x" + sha256(b"representations").hexdigest(),
        "profile": "CN-909",
        "document": document(),
    } | changes


def release(world: World, **changes: Any) -> dict[str, Any]:
    now = world.bank.wall.now()
    hours = {"opens_at": now.isoformat(), "closes_at": (now + timedelta(hours=2)).isoformat()}
    return {"mass_kg": COILS[ONE], "gate": CAMERA, "to": DEPOSITOR} | hours | changes


def test_a_receipt_is_asked_for_issued_ordered_out_and_delivered(world: World, callers: Callers) -> None:
    arrive(world)
    asked = callers.post("depositor", "/v1/receipt-requests", json=wanted())
    act = f"request-issue:0x{document_hash(document()).hex()}"
    assert (asked.status_code, asked.json()) == (202, {"act": act, "state": "intended"})
    assert callers.get("depositor", "/v1/acts").json()["items"][0]["key"] == act
    assert callers.get("keeper", "/v1/acts").json()["items"] == []
    world.settle()
    assert callers.get("depositor", f"/v1/acts/{act}").json()["state"] == "confirmed"
    assert code_of(callers.get("keeper", f"/v1/acts/{act}")) == (404, "chain.act_unknown")

    foreign = callers.post("foreign-keeper", "/v1/receipt-requests/1/issue")
    assert code_of(foreign) == (404, "receipts.request_unknown")
    assert callers.get("keeper", "/v1/receipt-requests/1").json()["depositor"] == DEPOSITOR
    assert callers.post("keeper", "/v1/receipt-requests/1/issue").json()["state"] == "intended"
    world.settle()
    found = callers.get("depositor", "/v1/receipts/1").json()
    assert (found["holder"], found["operator"], found["site"]) == (DEPOSITOR, OPERATOR, SITE)
    assert {each["claim"] for each in found["standing"]["claims"]} == {
        "exists",
        "identity",
        "quantity",
        "place",
    }
    text = callers.get("keeper", "/v1/receipts/1/document")
    assert "0x" + sha256(text.content).hexdigest() == found["document"]

    path = "/v1/receipts/1/release-orders"
    assert code_of(callers.post("stranger", path, json=release(world)))[0] == 404
    assert callers.post("depositor", path, json=release(world)).status_code == 202
    world.settle()
    (order,) = callers.get("depositor", "/v1/receipts/1").json()["orders"]
    assert callers.get("keeper", f"/v1/release-orders/{order['id']}").json() == order
    assert code_of(callers.get("stranger", "/v1/release-orders/1")) == (404, "receipts.order_unknown")
    world.witnessed(*world.moves("out", ONE, COILS[ONE]))
    left = {"fingerprints": ["0x" + ONE.hex()]}
    foreign = callers.post("foreign-keeper", "/v1/release-orders/1/deliver", json=left)
    assert code_of(foreign) == (404, "receipts.order_unknown")
    assert callers.post("keeper", "/v1/release-orders/1/deliver", json=left).status_code == 202
    world.settle()
    after = callers.get("depositor", "/v1/receipts/1").json()
    assert (after["remaining_kg"], len(after["pieces"])) == (LOT_KG - COILS[ONE], 2)


def test_receipts_are_seen_by_those_whom_they_concern(world: World, callers: Callers) -> None:
    issued(world)
    for name in ("depositor", "keeper", "officer", "inspector"):
        assert [each["id"] for each in callers.get(name, "/v1/receipts").json()["items"]] == [1], name
        assert callers.get(name, "/v1/receipts/1").status_code == 200
        assert callers.get(name, "/v1/receipt-requests/1").status_code == 200
    assert callers.get("officer", "/v1/receipts", after=1).json() == {"items": [], "next": None}
    for name in ("stranger", "foreign-keeper"):
        assert callers.get(name, "/v1/receipts").json()["items"] == []
        for path in ("receipts/1", "receipts/1/document", "receipts/7"):
            assert code_of(callers.get(name, f"/v1/{path}")) == (404, "receipts.receipt_unknown")
        assert code_of(callers.get(name, "/v1/receipt-requests/1")) == (404, "receipts.request_unknown")


def test_a_holder_lets_nothing_out_of_a_pledged_receipt(world: World, callers: Callers) -> None:
    pledged(world, issued(world))
    refused = callers.post("depositor", "/v1/receipts/1/release-orders", json=release(world))
    assert code_of(refused) == (409, "pledges.receipt_already_pledged")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"site": "nowhere"}, "parties.site_unknown"),
        ({"mass_kg": 1}, "receipts.document_differs"),
        ({"document": document() | {"label": ""}}, "receipts.fields_missing"),
        ({"document": {"label": 1.5}}, "web.request_invalid"),
        ({"document": document() | {"nothing": "a"}}, "receipts.field_unknown"),
        ({"mass_kg": 10**30}, "web.request_invalid"),
        ({"fingerprints": ["0x00"]}, "web.request_invalid"),
        ({"by": "me"}, "web.request_invalid"),
    ],
)
def test_a_request_that_cannot_be_right_is_refused(
    callers: Callers, changes: dict[str, Any], code: str
) -> None:
    assert code_of(callers.post("depositor", "/v1/receipt-requests", json=wanted(**changes)))[1] == code


def test_each_act_needs_its_permission(callers: Callers) -> None:
    missing = (403, "identity.permission_missing")
    assert code_of(callers.post("keeper", "/v1/receipt-requests", json=wanted())) == missing
    assert code_of(callers.post("officer", "/v1/receipt-requests/1/issue")) == missing
    left = {"fingerprints": ["0x" + ONE.hex()]}
    assert code_of(callers.post("depositor", "/v1/release-orders/1/deliver", json=left)) == missing

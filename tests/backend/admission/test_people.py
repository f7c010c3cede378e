"""Who is admitted, by whom, in which roles; and which machines get a key."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import select

from backend.db import reading
from backend.web.tables import AnswerRow
from backend.web.work import REPLAYED
from contracts.keystore import Keystore
from tests.backend.admission.visitor import NOW, Visitor, chosen, refused, sign_in

YEAR = (NOW + timedelta(days=365)).isoformat()


@pytest.fixture
def trader(first: Visitor) -> str:
    """The id of a borrower's organisation."""
    made = first.ask("POST", "/organisations", {"kind": "borrower"})
    assert made.status_code == 201
    return str(made.json()["id"])


@pytest.fixture
def trader_admin(first: Visitor, trader: str) -> Visitor:
    return first.newcomer("trader.admin", "administrator", organisation=trader)


def test_a_newcomer_has_a_key_and_can_only_change_the_first_password(
    door: TestClient, first: Visitor, keystore: Keystore
) -> None:
    admitted = first.admit("chen.mei", "credit_officer").json()
    assert admitted["signer"] == "person.chen.mei"
    assert keystore.address("person.chen.mei").startswith("0x")
    restricted = Visitor.signed_in(door, "chen.mei", admitted["first_password"])
    assert restricted.ask("GET", "/me").json()["permissions"] == []
    assert "loans:value" in chosen(door, "chen.mei", admitted["first_password"]).ask("GET", "/me").text


def test_a_name_is_one_persons(first: Visitor) -> None:
    first.admit("chen.mei", "credit_officer")
    assert refused(first.admit("chen.mei", "auditor")) == (409, "identity.person_already_known")


@pytest.mark.parametrize("name", ["Chen", "../witness", "ab", "x" * 26])
def test_a_name_that_is_none_is_refused(first: Visitor, name: str) -> None:
    assert refused(first.admit(name, "auditor")) == (422, "web.request_invalid")


def test_a_role_is_only_given_by_organisations_of_its_kind(first: Visitor, trader_admin: Visitor) -> None:
    assert refused(first.admit("one", "warehouse_keeper")) == (403, "identity.role_not_of_kind")
    assert refused(trader_admin.admit("one", "credit_officer")) == (403, "identity.role_not_of_kind")
    assert trader_admin.admit("one", "borrower").status_code == 201


def test_the_registrar_admits_only_anothers_first_administrator(
    first: Visitor, trader: str, trader_admin: Visitor
) -> None:
    for roles in (["borrower"], ["administrator"]):
        answer = first.admit("one", *roles, organisation=trader)
        assert refused(answer) == (403, "identity.not_your_organisation")
    answer = first.admit("one", "administrator", organisation="org-nobody")
    assert refused(answer) == (404, "identity.organisation_unknown")


def test_an_administrator_reaches_no_other_organisation(first: Visitor, trader_admin: Visitor) -> None:
    bank = first.ask("GET", "/me").json()["organisation"]
    answer = trader_admin.admit("one", "auditor", organisation=bank)
    assert refused(answer) == (403, "identity.permission_missing")
    assert refused(trader_admin.ask("POST", "/people/first.admin/dismiss"))[0] == 404
    assert refused(trader_admin.ask("POST", "/people/first.admin/password"))[0] == 404
    assert [each["id"] for each in trader_admin.ask("GET", "/people").json()["items"]] == ["trader.admin"]
    for method, body in (("POST", {"kind": "borrower"}), ("GET", None)):
        assert refused(trader_admin.ask(method, "/organisations", body))[0] == 403


def test_there_is_one_bank_and_an_id_is_taken_once(first: Visitor, trader: str) -> None:
    for body in ({"kind": "bank"}, {"kind": "supervisor", "id": trader}):
        answer = first.ask("POST", "/organisations", body)
        assert refused(answer) == (409, "identity.organisation_known")
    assert refused(first.ask("POST", "/organisations", {"kind": "borrower", "id": "witness"}))[0] == 422


def test_who_is_dismissed_is_out_at_once_and_the_last_administrator_stays(
    door: TestClient, first: Visitor
) -> None:
    officer = first.newcomer("chen.mei", "credit_officer")
    assert first.ask("POST", "/people/chen.mei/dismiss").json()["active"] is False
    assert refused(officer.ask("GET", "/me")) == (401, "identity.credential_refused")
    assert refused(first.ask("POST", "/people/first.admin/dismiss")) == (409, "identity.last_administrator")


def test_with_two_administrators_it_takes_both_to_give_a_role_that_moves_money(first: Visitor) -> None:
    assert first.admit("alone", "approver").status_code == 201
    second = first.newcomer("second.admin", "administrator")
    assert first.admit("one", "approver", "auditor").status_code == 202
    assert refused(first.admit("one", "approver", "auditor")) == (403, "identity.same_person")
    assert refused(second.admit("one", "approver")) == (409, "web.other_content_waits")
    done = second.admit("one", "auditor", "approver")
    assert (done.status_code, done.json()["roles"]) == (201, ["approver", "auditor"])
    assert first.admit("two", "credit_officer").status_code == 201
    assert first.ask("POST", "/people/one/password").status_code == 202
    assert "first_password" in second.ask("POST", "/people/one/password").json()


def test_a_forgotten_password_is_replaced(door: TestClient, trader_admin: Visitor) -> None:
    before = trader_admin.newcomer("one", "borrower")
    renewed = trader_admin.ask("POST", "/people/one/password").json()["first_password"]
    assert refused(before.ask("GET", "/me"))[0] == 401
    assert sign_in(door, "one", renewed).json()["must_change_password"] is True


def test_a_machines_key_opens_what_it_was_made_for_until_it_is_revoked(
    door: TestClient, trader_admin: Visitor
) -> None:
    made = trader_admin.ask(
        "POST", "/keys", {"permissions": ["loans:read", "loans:apply"], "expires_at": YEAR}
    )
    assert made.status_code == 201
    key = made.json()
    assert key["secret"].startswith(f"tsk_{key['id']}.")
    machine = Visitor(door, key["secret"])
    me = machine.ask("GET", "/me").json()
    assert (me["person"], me["key"], me["permissions"]) == (None, key["id"], ["loans:apply", "loans:read"])
    listed = trader_admin.ask("GET", "/keys")
    assert key["id"] in listed.text
    assert key["secret"] not in listed.text
    changed = machine.ask("PUT", "/me/password", {"old": "a", "new": "b"})
    assert refused(changed) == (403, "identity.person_needed")
    assert refused(machine.ask("DELETE", "/sessions/current"))[0] == 401
    assert trader_admin.ask("DELETE", f"/keys/{key['id']}").json()["revoked_at"] is not None
    assert refused(machine.ask("GET", "/me"))[0] == 401


def test_a_keys_secret_is_told_once_and_its_repetition_makes_no_second_key(first: Visitor) -> None:
    wanted = {"permissions": ["loans:read"], "expires_at": YEAR}
    made, again = (first.ask("POST", "/keys", wanted, key="key-of-erp") for _ in range(2))
    assert (made.json()["told_before"], again.headers[REPLAYED]) == (False, "true")
    assert again.json() == made.json() | {"secret": None, "told_before": True}
    assert len(first.ask("GET", "/keys").json()["items"]) == 1


def test_a_first_password_is_told_once(door: TestClient, first: Visitor, database: Engine) -> None:
    wanted = {"id": "chen.mei", "roles": ["credit_officer"]}
    made, again = (first.ask("POST", "/people", wanted, key="admitting") for _ in range(2))
    assert again.json() == made.json() | {"first_password": None, "told_before": True}
    new, lost = (first.ask("POST", "/people/chen.mei/password", key="renewing") for _ in range(2))
    assert lost.json() == new.json() | {"first_password": None, "told_before": True}
    assert sign_in(door, "chen.mei", new.json()["first_password"]).status_code == 201
    with reading(database) as session:
        kept = " ".join(row.body for row in session.exec(select(AnswerRow)))
    assert made.json()["first_password"] not in kept
    assert new.json()["first_password"] not in kept


@pytest.mark.parametrize("permission", ["pledges:accept", "loans:approve", "people:administer"])
def test_no_machine_gets_an_act_of_a_person(first: Visitor, permission: str) -> None:
    answer = first.ask("POST", "/keys", {"permissions": [permission], "expires_at": YEAR})
    assert refused(answer) == (403, "identity.permission_not_for_keys")


def test_a_key_has_nothing_that_its_organisation_cannot_have(trader_admin: Visitor) -> None:
    answer = trader_admin.ask("POST", "/keys", {"permissions": ["loans:value"], "expires_at": YEAR})
    assert refused(answer) == (403, "identity.permission_not_for_keys")


@pytest.mark.parametrize("days", [0, 367])
def test_a_key_ends_within_a_year(first: Visitor, days: int) -> None:
    ends = (NOW + timedelta(days=days)).isoformat()
    answer = first.ask("POST", "/keys", {"permissions": ["loans:read"], "expires_at": ends})
    assert refused(answer) == (422, "identity.key_lasts_too_long")


def test_a_key_of_another_organisation_is_unknown(first: Visitor, trader_admin: Visitor) -> None:
    made = first.ask("POST", "/keys", {"permissions": ["loans:read"], "expires_at": YEAR}).json()
    answer = trader_admin.ask("DELETE", f"/keys/{made['id']}")
    assert refused(answer) == (404, "identity.api_key_unknown")

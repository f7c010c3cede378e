"""Signing in and out: the cookie, the doors that stay shut, and what another site cannot do."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from backend.app.api import create_api
from backend.app.api_serving import DemoNotOnLoopback, serve_api
from backend.console.forms import KEY, FormInvalid
from backend.console.rendering import PageUnknown
from backend.console.session import GUARDED, SESSION, ForeignForm, NotSignedIn
from backend.console.visiting import own_path
from backend.db import transaction
from backend.identity.accounts import open_account
from backend.identity.actions import admit_person
from backend.identity.rules import Person, Role
from tests.backend.console.conftest import Client
from tests.backend.console.house import House, bare_world
from tests.support.ledger_life import LENDER

PASSWORD = "a sentence that nobody guesses"  # noqa: S105 - of a person in a test


def post(client: TestClient, path: str, /, key: str = "key-0001", **fields: str) -> Response:
    return client.post(path, data={KEY: key, **fields})


def admitted(house: House, name: str, *, must_change: bool = False) -> None:
    now = house.world.bank.wall.now() - timedelta(minutes=1)
    with transaction(house.engine) as session:
        admit_person(session, Person(name, LENDER, frozenset({Role.CREDIT_OFFICER}), f"{name}-key"))
        open_account(session, name, PASSWORD, now=now, must_change=must_change)


def test_who_is_not_signed_in_is_led_to_the_door_and_back(browse: Client, house: House) -> None:
    admitted(house, "wei")
    client = browse()
    door = client.get("/loans?after=L-1")
    assert (door.status_code, door.headers["location"]) == (303, "/sign-in?next=%2Floans%3Fafter%3DL-1")
    answer = post(client, "/sign-in", person="wei", password=PASSWORD, next="/loans?after=L-1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/loans?after=L-1")
    assert client.get("/loans").status_code == 200


def test_the_cookie_is_for_this_host_and_no_script_reads_it(browse: Client, house: House) -> None:
    admitted(house, "ning")
    near = post(browse(), "/sign-in", person="ning", password=PASSWORD).headers["set-cookie"].lower()
    assert near.startswith(SESSION)
    assert {"httponly", "samesite=strict", "path=/"} <= {each.strip() for each in near.split(";")}
    assert "domain" not in near
    with TestClient(house.app, base_url="https://bank.example", follow_redirects=False) as far:
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        sent = far.post(
            "/sign-in", data={KEY: "key-0001", "person": "ning", "password": PASSWORD}, headers=headers
        )
    guarded = sent.headers["set-cookie"]
    assert guarded.startswith(GUARDED)
    assert "secure" in guarded.lower()


def test_a_wrong_password_is_told_on_the_page_and_nothing_else(browse: Client) -> None:
    client = browse()
    answer = post(client, "/sign-in", person="lin", password=PASSWORD + "?")
    assert answer.status_code == 401
    assert "Person and password do not belong together" in answer.text
    assert "set-cookie" not in answer.headers
    assert 'value="lin"' in answer.text


def test_who_signs_out_is_out(browse: Client, house: House) -> None:
    admitted(house, "shu")
    client = browse()
    post(client, "/sign-in", person="shu", password=PASSWORD)
    token = client.cookies[SESSION]
    assert post(client, "/sign-out").headers["location"] == "/sign-in?done=signed_out"
    assert SESSION not in client.cookies
    client.cookies.set(SESSION, token)
    assert "done=session_ended" in client.get("/loans").headers["location"]


def test_a_first_password_leads_to_a_password_of_ones_own(browse: Client, house: House) -> None:
    admitted(house, "mei", must_change=True)
    client = browse()
    assert post(client, "/sign-in", person="mei", password=PASSWORD).headers["location"] == "/password"
    assert client.get("/loans").status_code == 403
    new = "quite another long sentence"
    unlike = post(client, "/password", old=PASSWORD, new=new, again=PASSWORD)
    assert unlike.status_code == FormInvalid.status
    done = post(client, "/password", old=PASSWORD, new=new, again=new)
    assert (done.status_code, done.headers["location"]) == (303, "/?done=password_changed")
    assert client.get("/loans").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
    ],
)
def test_another_sites_form_is_refused(browse: Client, headers: dict[str, str]) -> None:
    client = browse("officer")
    answer = client.post("/sign-out", data={KEY: "key-0001"}, headers=headers)
    assert answer.status_code == 403
    assert ForeignForm.code in answer.text
    assert client.get("/loans").status_code == 200


def test_a_form_without_its_key_or_in_another_shape_is_refused(browse: Client) -> None:
    client = browse("officer")
    for sent in ({"data": {"person": "x"}}, {"json": {KEY: "key-0001"}}, {"data": {KEY: "k y"}}):
        answer = client.post("/sign-out", **sent)
        assert answer.status_code == 422
        assert FormInvalid.code in answer.text


def test_the_demonstrations_people_come_in_by_one_click_on_this_machine_only(
    browse: Client, house: House
) -> None:
    admitted(house, "demo-wen")
    client = browse()
    assert 'value="demo-wen"' in client.get("/sign-in").text
    assert post(client, "/sign-in/demo", person="demo-wen", next="/loans").headers["location"] == "/loans"
    assert client.get("/loans").status_code == 200
    far = {"Host": "bank.example", "Origin": "http://bank.example"}
    refused = client.post("/sign-in/demo", data={KEY: "key-0002", "person": "demo-wen"}, headers=far)
    assert refused.status_code == PageUnknown.status
    assert "demo-wen" not in client.get("/sign-in", headers=far).text


def test_no_demonstration_is_served_to_other_machines(house: House) -> None:
    with pytest.raises(DemoNotOnLoopback):
        serve_api(house.world.bank.settings, host="0.0.0.0", port=0)  # noqa: S104 - what must be refused


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "", "/\t/evil"]
)
def test_the_way_back_never_leads_elsewhere(wanted: str) -> None:
    assert own_path(wanted) == "/"


def test_machines_are_refused_as_before(browse: Client) -> None:
    answer = browse().get("/events", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.json()["code"]) == (401, NotSignedIn.code)
    unknown = browse().get("/v1/nowhere")
    assert unknown.headers["content-type"] == "application/problem+json"


def test_a_bank_that_nobody_has_set_up_says_what_comes_first(tmp_path: Path) -> None:
    with (
        bare_world(tmp_path / "bank") as world,
        TestClient(create_api(world.bank), headers={"Accept": "text/html"}) as client,
    ):
        assert "tallystick setup" in client.get("/sign-in").text

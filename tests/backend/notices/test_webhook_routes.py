"""Webhooks over the API: each organisation has its own, with a secret that is told once, and replays."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import select

from backend.clock import moment
from backend.db import reading, transaction
from backend.identity.actions import admit_person
from backend.identity.credentials import SESSION_PREFIX, OrganisationRow, SignInRow, hash_of, new_token
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Person, Role
from backend.notices import routes
from backend.notices.rules import NoticeKind, UrlPolicy
from backend.notices.sealing import SecretBox
from backend.notices.streaming import Tide
from backend.web.ports import Ports, Times
from backend.web.problems import install
from backend.web.tables import AnswerRow
from backend.web.work import REPLAYED
from tests.backend.notices.conftest import BANK, LOOPBACK, TRADER, Office, Receiver

PEOPLE = {
    "bank.admin": (BANK, OrganisationKind.BANK, Role.ADMINISTRATOR),
    "trader.admin": (TRADER, OrganisationKind.BORROWER, Role.ADMINISTRATOR),
    "trader": (TRADER, OrganisationKind.BORROWER, Role.BORROWER),
}
STRICT = UrlPolicy()


@dataclass
class Door:
    """The routes over an office, and its people before them."""

    office: Office
    client: TestClient
    tokens: dict[str, str]
    keys: "count[int]" = field(default_factory=count)

    def ask(self, by: str, method: str, path: str, body: Any = None, key: str = "") -> Any:
        headers = {
            "Authorization": f"Bearer {self.tokens[by]}",
            "Idempotency-Key": key or f"request-{next(self.keys)}",
        }
        return self.client.request(method, f"/v1/webhooks{path}", json=body, headers=headers)

    def enrolled(self, receiver: Receiver, by: str = "bank.admin", *kinds: NoticeKind) -> str:
        """The name of a new webhook to the receiver, which learns the secret as everybody does."""
        made = self.ask(by, "POST", "", {"url": receiver.url, "kinds": kinds})
        assert made.status_code == 201, made.text
        receiver.secret = made.json()["secret"]
        return str(made.json()["id"])

    def deliver(self) -> int:
        return asyncio.run(self.office.courier().deliver_due())


@pytest.fixture
def behind(office: Office) -> Callable[[UrlPolicy], Door]:
    tokens = {name: new_token(SESSION_PREFIX) for name in PEOPLE}
    now = office.clock.now()
    with transaction(office.engine) as session:
        for name, (organisation, kind, role) in PEOPLE.items():
            if session.get(OrganisationRow, organisation) is None:
                session.add(OrganisationRow(id=organisation, kind=kind.value))
                session.flush()
            admit_person(session, Person(name, organisation, frozenset({role}), f"{name}-key"))
            held, until = hash_of(tokens[name]), now + timedelta(days=9)
            session.add(SignInRow(token_hash=held, person=name, began_at=now, expires_at=until))

    def door(policy: UrlPolicy) -> Door:
        app = FastAPI()
        ports = Ports(
            Times(office.clock, lambda: moment(office.clock, "Asia/Shanghai")),
            office.box,
            policy,
            Tide(office.engine),
        )
        ports.offer(Engine, office.engine)
        app.state.ports = ports
        app.include_router(routes.router)
        install(app)
        return Door(office, TestClient(app, raise_server_exceptions=False), tokens)

    return door


@pytest.fixture
def door(behind: Callable[[UrlPolicy], Door]) -> Door:
    return behind(LOOPBACK)


def code_of(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_an_enrolled_webhook_is_called_with_the_secret_that_its_enrolment_told(
    door: Door, receiver: Receiver
) -> None:
    webhook = door.enrolled(receiver, "bank.admin", NoticeKind.ALERT_OPENED)
    door.office.announce(NoticeKind.LOAN_STATE_CHANGED)
    notice = door.office.announce()
    assert door.deliver() == 1
    assert [name for name, _ in receiver.taken] == [f"notice_{notice.id}"]
    (shown,) = door.ask("bank.admin", "GET", f"/{webhook}/deliveries").json()["items"]
    assert (shown["notice"], shown["state"], shown["attempts"], shown["last_status"]) == (
        notice.id,
        "delivered",
        1,
        "204",
    )


def test_a_secret_is_told_once_and_kept_in_no_answer(door: Door, receiver: Receiver) -> None:
    wanted = {"url": receiver.url}
    first, again = (door.ask("bank.admin", "POST", "", wanted, key="enrolment-1") for _ in range(2))
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    assert first.json()["told_before"] is False
    assert (again.status_code, again.headers[REPLAYED]) == (201, "true")
    assert again.json() == first.json() | {"secret": None, "told_before": True}
    listed = door.ask("bank.admin", "GET", "")
    assert [each["id"] for each in listed.json()["items"]] == [first.json()["id"]]
    assert secret not in listed.text
    with reading(door.office.engine) as session:
        assert [secret in row.body for row in session.exec(select(AnswerRow))] == [False]


def test_a_disabled_webhook_is_called_no_more(door: Door, receiver: Receiver) -> None:
    webhook = door.enrolled(receiver)
    door.office.announce()
    assert door.ask("bank.admin", "DELETE", f"/{webhook}").json()["active"] is False
    door.office.announce()
    assert (door.deliver(), receiver.calls) == (0, 0)
    deliveries = door.ask("bank.admin", "GET", f"/{webhook}/deliveries").json()["items"]
    assert [each["state"] for each in deliveries] == ["cancelled"]
    again = door.ask("bank.admin", "POST", f"/{webhook}/deliveries/{deliveries[0]['id']}/replay")
    assert code_of(again) == (409, "notices.endpoint_disabled")


def test_a_replayed_delivery_is_made_again_under_its_id(door: Door, receiver: Receiver) -> None:
    webhook = door.enrolled(receiver)
    notice = door.office.announce()
    path = f"/{webhook}/deliveries/1/replay"
    assert code_of(door.ask("bank.admin", "POST", path)) == (409, "notices.still_pending")
    door.deliver()
    for _ in range(2):  # the repetition of a request replays nothing more
        answer = door.ask("bank.admin", "POST", path, key="replaying-1")
        assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert (door.deliver(), door.deliver()) == (1, 0)
    assert [name for name, _ in receiver.taken] == [f"notice_{notice.id}"] * 2
    unknown = door.ask("bank.admin", "POST", f"/{webhook}/deliveries/99/replay")
    assert code_of(unknown) == (404, "notices.delivery_unknown")


def test_a_webhook_is_its_own_organisations_alone(door: Door, receiver: Receiver) -> None:
    own = door.enrolled(receiver, "trader.admin")
    assert door.ask("bank.admin", "GET", "").json()["items"] == []
    for method, path in (
        ("DELETE", f"/{own}"),
        ("GET", f"/{own}/deliveries"),
        ("POST", f"/{own}/deliveries/1/replay"),
    ):
        assert code_of(door.ask("bank.admin", method, path)) == (404, "notices.endpoint_unknown")
    unknown = door.ask("trader.admin", "DELETE", f"/wh_{'0' * 24}")
    assert code_of(unknown) == (404, "notices.endpoint_unknown")
    door.office.announce()
    mine = door.office.announce(NoticeKind.LOAN_STATE_CHANGED, TRADER)
    door.deliver()
    assert [name for name, _ in receiver.taken] == [f"notice_{mine.id}"]


def test_only_administrators_have_to_do_with_webhooks(door: Door, receiver: Receiver) -> None:
    webhook = door.enrolled(receiver, "trader.admin")
    for method, path, body in (
        ("POST", "", {"url": receiver.url}),
        ("GET", "", None),
        ("DELETE", f"/{webhook}", None),
        ("GET", f"/{webhook}/deliveries", None),
    ):
        refused = door.ask("trader", method, path, body)
        assert code_of(refused) == (403, "identity.permission_missing")


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example/hook",
        "http://127.0.0.1:8080/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.1.2.3/hook",
        "https://192.168.1.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://user:word@erp.example/hook",
    ],
)
def test_no_webhook_leads_into_the_banks_own_network_by_default(
    behind: Callable[[UrlPolicy], Door], url: str
) -> None:
    door = behind(STRICT)
    assert code_of(door.ask("bank.admin", "POST", "", {"url": url})) == (422, "notices.url_refused")
    assert door.ask("bank.admin", "GET", "").json()["items"] == []


def test_a_name_that_leads_to_this_machine_is_enrolled_and_never_called(
    behind: Callable[[UrlPolicy], Door], receiver: Receiver
) -> None:
    door = behind(STRICT)
    port = receiver.server.server_address[1]
    made = door.ask("bank.admin", "POST", "", {"url": f"https://localhost:{port}/hook"})
    assert made.status_code == 201
    door.office.announce()
    courier = door.office.courier()
    courier.poster = type(courier.poster)("urn:x", STRICT)
    asyncio.run(courier.deliver_due())
    (shown,) = door.ask("bank.admin", "GET", f"/{made.json()['id']}/deliveries").json()["items"]
    assert (shown["last_status"], receiver.calls) == ("url_refused", 0)


def test_webhooks_come_a_page_at_a_time(door: Door, receiver: Receiver) -> None:
    made = sorted(door.enrolled(receiver) for _ in range(3))
    first = door.client.get(
        "/v1/webhooks?limit=2", headers={"Authorization": f"Bearer {door.tokens['bank.admin']}"}
    ).json()
    assert ([each["id"] for each in first["items"]], first["next"]) == (made[:2], made[1])


def test_a_secret_that_was_sealed_otherwise_is_never_told(door: Door, receiver: Receiver) -> None:
    door.enrolled(receiver)
    door.office.announce()
    door.office.box = SecretBox("another password of the keystore", BANK)
    assert door.deliver() == 1
    assert receiver.calls == 0

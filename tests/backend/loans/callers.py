"""Callers of the API in the tests of lending: everybody at the bank, two borrowers, and the routes."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import Engine

from backend.db import transaction
from backend.identity.actions import admit_person
from backend.identity.credentials import SESSION_PREFIX, OrganisationRow, SignInRow, hash_of, new_token
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Person, Role
from backend.loans import product_routes, reading_routes
from backend.loans import routes as loan_routes
from backend.loans.actions.desk import Desk
from backend.margin import routes as margin_routes
from backend.parties.two_persons import SigningDesk
from backend.payments import routes as payment_routes
from backend.payments.rules import Rail
from backend.pledges import routes as pledge_routes
from backend.web.ports import Ports, Times
from backend.web.problems import install
from backend.web.surroundings import Surroundings
from tests.backend.loans.bank import PEOPLE, Bank

ROUTERS = (
    product_routes.router,
    loan_routes.router,
    reading_routes.router,
    payment_routes.router,
    pledge_routes.router,
    margin_routes.router,
)
MINE, OTHER, KEEPER = "wuxi-trading", "suzhou-trading", "operator"
ORGANISATIONS = {
    "wuxi-bank": OrganisationKind.BANK,
    MINE: OrganisationKind.BORROWER,
    OTHER: OrganisationKind.BORROWER,
    KEEPER: OrganisationKind.WAREHOUSE_OPERATOR,
    "wuxi-audit": OrganisationKind.AUDITOR,
}
OUTSIDERS = (
    Person("chen", MINE, frozenset({Role.BORROWER}), "key-chen"),
    Person("stranger", OTHER, frozenset({Role.BORROWER}), "key-stranger"),
    Person("keeper", KEEPER, frozenset({Role.WAREHOUSE_KEEPER}), "key-keeper"),
    Person("auditor", "wuxi-audit", frozenset({Role.AUDITOR}), "key-auditor"),
)


@dataclass
class Callers:
    """The API over a bank of the tests, and who calls it."""

    bank: Bank
    rail: object = None
    tokens: dict[str, str] = field(default_factory=dict)
    client: TestClient = field(init=False)
    keys: int = 0

    def __post_init__(self) -> None:
        app = FastAPI()
        app.state.ports = Ports(self.bank.desk, self.bank.desk.signing)
        app.state.ports.offer(Engine, self.bank.engine)
        app.state.ports.offer(Desk, self.bank.desk)
        app.state.ports.offer(SigningDesk, self.bank.desk.signing)
        app.state.ports.offer(Rail, self.rail or self.bank.rail)
        app.state.ports.offer(Times, Times(self.bank.desk.wall, lambda: self.bank.at))
        for router in ROUTERS:
            app.include_router(router)
        install(app)
        app.add_middleware(Surroundings)
        self.client = TestClient(app, raise_server_exceptions=False)
        self._admit()

    def get(self, name: str, path: str, **params: Any) -> Response:
        """What that person is answered."""
        return self.client.get(path, headers=self._headers(name), params=params)

    def post(self, name: str, path: str, body: Any = None, *, key: str = "") -> Response:
        """What that person is answered, under a key of its own unless one is given."""
        self.keys += 1
        headers = {"Idempotency-Key": key or f"request-{self.keys:06}"}
        return self.client.post(path, headers=self._headers(name) | headers, json=body)

    def done(self, name: str, path: str, body: Any = None) -> dict[str, Any]:
        """What that person is answered, which must not be a refusal."""
        answer = self.post(name, path, body)
        assert answer.status_code in (200, 201, 202), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def both(self, first: str, second: str, path: str, body: Any = None) -> Response:
        """What the second person is answered, after the first was told that it waits."""
        waits = self.post(first, path, body)
        assert waits.status_code == 202, waits.text
        assert waits.json()["first"] == first
        return self.post(second, path, body)

    def _admit(self) -> None:
        now = self.bank.desk.wall.now()
        with transaction(self.bank.engine) as session:
            for name, kind in ORGANISATIONS.items():
                session.add(OrganisationRow(id=name, kind=kind.value))
            for outsider in OUTSIDERS:
                admit_person(session, outsider)
            for person in (*PEOPLE, *OUTSIDERS):
                token = self.tokens[person.id] = new_token(SESSION_PREFIX)
                until = now + timedelta(days=1)
                row = {"token_hash": hash_of(token), "person": person.id, "began_at": now}
                session.add(SignInRow(**row, expires_at=until))

    def _headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"}


def both_pages(callers: Callers, name: str, path: str) -> list[Any]:
    """Everything on a list, found one item at a time."""
    found: list[Any] = []
    params: dict[str, Any] = {"limit": 1}
    for _ in range(100):
        answer = callers.get(name, path, **params).json()
        found += answer["items"]
        if answer["next"] is None:
            break
        params["after"] = answer["next"]
    return found


def code_of(answer: Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]

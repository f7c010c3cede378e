"""Callers of the API in tests: organisations whose people are signed in, and routes served to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from backend.app import Bank
from backend.app.api import ports_of
from backend.db import transaction
from backend.identity.actions import admit_person
from backend.identity.credentials import SESSION_PREFIX, OrganisationRow, SignInRow, hash_of, new_token
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Person, Role
from backend.web.problems import install
from backend.web.surroundings import Surroundings


@dataclass
class Callers:
    """Some routes over a bank, and tokens of the people who call them."""

    bank: Bank
    routers: Iterable[APIRouter]
    tokens: dict[str, str] = field(default_factory=dict)
    client: TestClient = field(init=False)
    keys: int = 0

    def __post_init__(self) -> None:
        app = FastAPI()
        app.state.ports = ports_of(self.bank)
        for router in self.routers:
            app.include_router(router)
        install(app)
        app.add_middleware(Surroundings)
        self.client = TestClient(app, raise_server_exceptions=False)

    def admit(self, name: str, organisation: str, kind: OrganisationKind, *roles: Role) -> None:
        """Let a person of an organisation be known and sign in."""
        now, token = self.bank.wall.now(), new_token(SESSION_PREFIX)
        with transaction(self.bank.engine) as session:
            if session.get(OrganisationRow, organisation) is None:
                session.add(OrganisationRow(id=organisation, kind=kind.value))
                session.flush()
            admit_person(session, Person(name, organisation, frozenset(roles), f"{name}-key"))
            until = now + timedelta(hours=1)
            session.add(SignInRow(token_hash=hash_of(token), person=name, began_at=now, expires_at=until))
        self.tokens[name] = token

    def get(self, name: str, path: str, **params: Any) -> Response:
        """What that person is answered."""
        return self.client.get(path, headers=self._headers(name), params=params)

    def post(self, name: str, path: str, *, key: str = "", **sent: Any) -> Response:
        """What that person is answered, under a key of its own unless one is given."""
        self.keys += 1
        headers = {"Idempotency-Key": key or f"request-{self.keys:06}"} | sent.pop("headers", {})
        return self.client.post(path, headers=self._headers(name) | headers, **sent)

    def _headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"}


def code_of(answer: Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]

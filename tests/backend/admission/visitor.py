"""Somebody before the API's door: signs in, asks, and is refused by a code."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, Self

from fastapi.testclient import TestClient

BANK: Final = "bank.first"
FIRST: Final = "first.admin"
PASSWORD: Final = "seven green lorries at dawn"  # noqa: S105 - opens what lives as long as a test
OTHER_PASSWORD: Final = "nine slow barges at dusk"  # noqa: S105
NOW: Final = datetime(2026, 5, 4, 8, tzinfo=UTC)
KEYS: Final = count(1)


@dataclass(frozen=True)
class Visitor:
    """Holds one credential."""

    door: TestClient
    token: str

    @classmethod
    def signed_in(cls, door: TestClient, person: str, password: str) -> Self:
        answer = sign_in(door, person, password)
        assert answer.status_code == 201, answer.text
        return cls(door, answer.json()["token"])

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or f"test-{next(KEYS):06}"}
        return self.door.request(method, f"/v1{path}", json=body, headers=headers)

    def admit(self, person: str, *roles: str, organisation: str | None = None) -> Any:
        body: dict[str, Any] = {"id": person, "roles": list(roles)}
        return self.ask("POST", "/people", body | ({"organisation": organisation} if organisation else {}))

    def newcomer(self, person: str, *roles: str, organisation: str | None = None) -> "Visitor":
        """Admit somebody, and have them choose a password."""
        admitted = self.admit(person, *roles, organisation=organisation)
        assert admitted.status_code == 201, admitted.text
        return chosen(self.door, person, admitted.json()["first_password"])


def sign_in(door: TestClient, person: str, password: str) -> Any:
    return door.post("/v1/sessions", json={"person": person, "password": password})


def chosen(door: TestClient, person: str, first_password: str) -> Visitor:
    """The person after choosing a password in place of the first one."""
    new = {"old": first_password, "new": OTHER_PASSWORD}
    changed = Visitor.signed_in(door, person, first_password).ask("PUT", "/me/password", new)
    assert changed.status_code == 204, changed.text
    return Visitor.signed_in(door, person, OTHER_PASSWORD)


def refused(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]

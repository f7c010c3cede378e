"""Every operation, asked for by everybody: the matrix is made from the API's own description.

Only callers whose role carries the operation's permission get an answer in the 200s, and about one thing that
is there only those whom it concerns. Each body has the right form, so that what is behind the form decides.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient

from backend.app.api import create_api
from backend.identity.permissions import OrganisationKind, Permission
from backend.notices.streaming import Tide
from backend.settings import Settings
from backend.web.problems import RequestInvalid
from tests.backend.app.callers import OWN, Asker, admit_everybody
from tests.backend.app.conftest import World
from tests.backend.app.examples import Examples
from tests.backend.app.populated import Populated, populate
from tests.support.ledger_life import OPERATOR

REFUSED: Final = frozenset({401, 403, 404})
NUMBER: Final = itertools.count(1)
OPEN: Final = frozenset({"/healthz", "/readyz", "/v1/sessions"})
"""What may be asked for by nobody in particular."""
ENDS_IT_ALL: Final = frozenset({"/v1/sessions/current"})
"""Whoever asks for this asks for nothing more, so it has a test of its own."""
OF_ALL: Final = frozenset({"/v1/products/{name}/{version}", "/v1/organisations", "/v1/parties", "/v1/sites"})
"""What is the same for everybody who is signed in with the permission."""
OF_ONES_OWN: Final = frozenset({"/v1/documents", "/v1/keys", "/v1/people", "/v1/webhooks", "/v1/me/password"})
"""What everybody with the permission may make for their own organisation."""

K: Final = OrganisationKind
NOT_SHOWN: Final = {
    "/v1/parties/{party}": {K.BORROWER},
    "/v1/sites/{site}": {K.BORROWER},
    "/v1/devices": {K.BORROWER},
    "/v1/devices/{device}": {K.BORROWER},
    "/v1/documents/{sha256}": {K.WAREHOUSE_OPERATOR, K.SUPERVISOR},
    "/v1/pledges/{pledge}": {K.SUPERVISOR},
    "/v1/acts/{key}": {K.BORROWER, K.SUPERVISOR, K.AUDITOR},
    "/v1/webhooks/{webhook}/deliveries": {K.WAREHOUSE_OPERATOR, K.BORROWER, K.SUPERVISOR, K.AUDITOR},
}
"""What does not concern some kinds of organisation although they may ask: the registry of a site that they do
not keep or watch, another's document, pledge, act or webhook."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The bank's settings, with what the operator charges for storage."""
    return settings.model_copy(update={"storage_tariff": {OPERATOR: 0}})


@pytest.fixture
def there(world: World) -> Populated:
    return populate(world)


@pytest.fixture
def api(world: World, there: Populated) -> Iterator[TestClient]:
    app = create_api(world.bank)
    app.state.ports.of(Tide).end()  # streams begin, and end at once
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_nobody_gets_what_their_role_does_not_carry(api: TestClient, world: World, there: Populated) -> None:
    schema = api.get("/openapi.json").json()
    askers = admit_everybody(world.bank)
    unexpected, told = [], Counter[int]()
    for method, path, operation in operations(schema):
        if path in OPEN | ENDS_IT_ALL:
            continue
        assert "security" in operation, path
        for asker in askers:
            answer = ask(api, schema, method, path, operation, asker, there)
            told[answer.status_code] += 1
            of_others = asker.is_other and is_ours(method, path)
            if (
                (not may(asker, operation) and answer.status_code not in REFUSED)
                or (of_others and answer.is_success)
                or (of_others and "{" in path and answer.status_code not in REFUSED)
                or (may(asker, operation) and RequestInvalid.code in answer.text)
                or answer.status_code >= 500
            ):
                unexpected.append((asker.name, method, path, answer.status_code, answer.text[:200]))
    print(f"{sum(told.values())} requests by {len(askers)} callers: {dict(sorted(told.items()))}")  # noqa: T201
    assert unexpected == []


def test_everything_is_read_by_all_who_may_and_whom_it_concerns(
    api: TestClient, world: World, there: Populated
) -> None:
    schema = api.get("/openapi.json").json()
    askers = [each for each in admit_everybody(world.bank) if each.organisation in OWN.values()]
    hidden: dict[str, set[OrganisationKind | None]] = {}
    for method, path, operation in operations(schema):
        if method != "get" or path in OPEN or "event-stream" in json.dumps(operation):
            continue
        for asker in askers:
            if may(asker, operation):
                answer = ask(api, schema, method, path, operation, asker, there)
                shown = answer.is_success and asker.kind not in NOT_SHOWN.get(path, ())
                assert shown or answer.status_code == 404, (asker.name, path, answer.text)
                hidden |= {} if shown else {path: hidden.get(path, set()) | {asker.kind}}
    assert hidden == NOT_SHOWN


def test_a_list_shows_another_organisation_nothing_of_ours(
    api: TestClient, world: World, there: Populated
) -> None:
    schema = api.get("/openapi.json").json()
    others = [asker for asker in admit_everybody(world.bank) if asker.is_other]
    for method, path, operation in operations(schema):
        if method != "get" or "{" in path or path in OPEN | OF_ALL or "event-stream" in json.dumps(operation):
            continue
        for asker in others:
            answer = ask(api, schema, method, path, operation, asker, there)
            for word in there.words:
                assert word not in answer.text, (asker.name, path, answer.text[:300])


def test_everybody_ends_their_own_session_and_nobody_elses(api: TestClient, world: World) -> None:
    askers = admit_everybody(world.bank)
    sessions = {each.name for each in askers if each.token is not None and each.token.startswith("tss_")}
    sessions -= {"a stranger"}
    for number, asker in enumerate(askers):
        ended = api.delete("/v1/sessions/current", headers=asker.headers)
        assert ended.status_code == (204 if asker.name in sessions else 401), (asker.name, ended.text)
        assert api.get("/v1/me", headers=asker.headers).is_success is asker.name.startswith("machine")
        rest = [each for each in askers[number + 1 :] if each.name in sessions]
        if rest:
            assert api.get("/v1/me", headers=rest[0].headers).status_code == 200


def may(asker: Asker, operation: dict[str, Any]) -> bool:
    """Whether the asker's credential carries what the operation says that it needs."""
    needed = operation.get("x-permission")
    if asker.organisation is None:
        return False
    return needed is None or Permission(needed) in asker.permissions


def is_ours(method: str, path: str) -> bool:
    """Whether the operation is about something of ours: not the same for all, nor one's own to make."""
    if path in OF_ALL | OF_ONES_OWN:
        return False
    return "{" in path or method != "get"


def ask(
    api: TestClient,
    schema: dict[str, Any],
    method: str,
    path: str,
    operation: dict[str, Any],
    asker: Asker,
    there: Populated,
) -> Any:
    """The answer to a request about what is there, with the body that the description gives as an example."""
    url, query = path, {}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            url = url.replace("{" + parameter["name"] + "}", str(there.value_of(path, parameter)))
        elif parameter["in"] == "query" and parameter.get("required"):
            query[parameter["name"]] = there.value_of(path, parameter)
    headers = asker.headers | {"Idempotency-Key": f"matrix-{next(NUMBER):08}"}
    body = operation.get("requestBody")
    if body is None:
        return api.request(method, url, params=query, headers=headers)
    media_type, content = next(iter(body["content"].items()))
    example = Examples(schema, there.values, there.now).of(content["schema"])
    sent = json.dumps(example).encode() if "json" in media_type else b"%PDF-1.7"
    return api.request(
        method, url, params=query, headers=headers | {"Content-Type": media_type}, content=sent
    )

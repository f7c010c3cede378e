"""Callers, answers given once, and acts of two persons, on an app of a single capability."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from backend.clock import moment
from backend.db import reading, transaction
from backend.identity.actions import admit_person, dismiss_person
from backend.identity.credentials import (
    KEY_PREFIX,
    SESSION_PREFIX,
    ApiKeyRow,
    OrganisationRow,
    SignInRow,
    hash_of,
    new_token,
)
from backend.identity.permissions import Caller, OrganisationKind, Permission
from backend.identity.rules import Person, Role
from backend.web import routes as approvals
from backend.web.caller import may
from backend.web.ports import Ports, Times
from backend.web.problems import install
from backend.web.surroundings import LARGEST_BODY, Surroundings
from backend.web.tables import AnswerRow
from backend.web.two import TwoDep
from backend.web.work import REPLAYED, Awaiting, OnceDep

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
BANK, TRADER = "org-bank", "org-trader"
ACCEPT = frozenset({Role.COLLATERAL_OFFICER})
router = APIRouter(prefix="/v1")


class Note(BaseModel):
    """Something that is kept."""

    text: str


@router.post("/notes", response_model=Note)
def keep_note(
    body: Note, once: OnceDep, _caller: Annotated[Caller, Depends(may(Permission.DOCUMENTS_KEEP))]
) -> Response:
    """Keep a note as an organisation of that name."""

    def effect(session: Session) -> Note:
        session.add(OrganisationRow(id=body.text, kind=OrganisationKind.BORROWER.value))
        session.flush()
        return body

    return once(effect, status=201)


@router.post("/pledges/{pledge}/accept", response_model=Note)
def accept(
    pledge: int,
    body: Note,
    once: OnceDep,
    two: TwoDep,
    _caller: Annotated[Caller, Depends(may(Permission.PLEDGES_ACCEPT))],
) -> Response:
    """An act of two."""

    def effect(session: Session) -> Note | Awaiting:
        people = two.both(
            session, act="accept", subject=f"pledge:{pledge}", role=Role.COLLATERAL_OFFICER, content=body
        )
        return people if isinstance(people, Awaiting) else Note(text=" and ".join(people))

    return once(effect)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def engine(database: Engine) -> Engine:
    with transaction(database) as session:
        for name, kind in ((BANK, OrganisationKind.BANK), (TRADER, OrganisationKind.BORROWER)):
            session.add(OrganisationRow(id=name, kind=kind.value))
        for name in ("first", "second"):
            admit_person(session, Person(name, BANK, ACCEPT, f"{name}-key"))
        admit_person(session, Person("trader", TRADER, frozenset({Role.BORROWER}), "trader-key"))
        admit_person(session, Person("climber", TRADER, ACCEPT, "climber-key"))
    return database


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(engine: Engine, clock: Clock) -> TestClient:
    app = FastAPI()
    app.state.ports = Ports(Times(clock, lambda: moment(clock, "Asia/Shanghai")))
    app.state.ports.offer(Engine, engine)
    app.include_router(router)
    app.include_router(approvals.router)
    install(app)
    app.add_middleware(Surroundings)
    return TestClient(app, raise_server_exceptions=False)


def token_of(engine: Engine, person: str) -> str:
    token = new_token(SESSION_PREFIX)
    with transaction(engine) as session:
        session.add(
            SignInRow(
                token_hash=hash_of(token), person=person, began_at=NOW, expires_at=NOW + timedelta(hours=1)
            )
        )
    return token


def headers(token: str, key: str = "note-0001") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": key}


def code_of(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_a_request_sent_again_gets_the_same_answer_and_has_one_effect(
    door: TestClient, engine: Engine
) -> None:
    mine = headers(token_of(engine, "trader"))
    first, again = (door.post("/v1/notes", json={"text": "note"}, headers=mine) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"text": "note"})
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    with reading(engine) as session:
        assert session.exec(select(func.count(col(AnswerRow.key)))).one() == 1


def test_a_key_stands_for_one_request(door: TestClient, engine: Engine) -> None:
    mine = headers(token_of(engine, "trader"))
    door.post("/v1/notes", json={"text": "note"}, headers=mine)
    assert code_of(door.post("/v1/notes", json={"text": "other"}, headers=mine)) == (422, "web.key_reused")


def test_a_request_that_failed_keeps_no_answer(door: TestClient, engine: Engine) -> None:
    mine = headers(token_of(engine, "trader"))
    failed = door.post("/v1/notes", json={"text": BANK}, headers=mine)
    assert code_of(failed) == (500, "web.fault")
    assert "UNIQUE" not in failed.text
    with reading(engine) as session:
        assert session.exec(select(AnswerRow)).all() == []


def test_without_key_or_credential_nothing_happens(door: TestClient, engine: Engine) -> None:
    token = token_of(engine, "trader")
    bare = door.post("/v1/notes", json={"text": "note"}, headers={"Authorization": f"Bearer {token}"})
    assert code_of(bare) == (422, "web.request_invalid")
    nobody = door.post("/v1/notes", json={"text": "note"}, headers={"Idempotency-Key": "note-0001"})
    assert code_of(nobody) == (401, "web.credential_missing")
    assert nobody.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["tss_unknown", "tsk_unknown.secret", "something"])
def test_an_unknown_credential_is_refused(door: TestClient, token: str) -> None:
    refused = door.post("/v1/notes", json={"text": "note"}, headers=headers(token))
    assert code_of(refused) == (401, "identity.credential_refused")


def test_a_session_ends_with_its_time_and_with_its_person(
    door: TestClient, engine: Engine, clock: Clock
) -> None:
    token = token_of(engine, "first")
    assert door.get("/v1/approvals", headers=headers(token)).status_code == 200
    clock.at = NOW + timedelta(hours=1)
    assert code_of(door.get("/v1/approvals", headers=headers(token)))[0] == 401
    clock.at = NOW
    with transaction(engine) as session:
        dismiss_person(session, "first")
    assert code_of(door.get("/v1/approvals", headers=headers(token)))[0] == 401


def test_a_role_that_the_organisation_cannot_give_permits_nothing(door: TestClient, engine: Engine) -> None:
    refused = door.post(
        "/v1/pledges/1/accept", json={"text": "a"}, headers=headers(token_of(engine, "climber"))
    )
    assert code_of(refused) == (403, "identity.permission_missing")


def test_an_act_of_two_happens_when_a_second_person_asks_for_the_very_same(
    door: TestClient, engine: Engine
) -> None:
    first, second = token_of(engine, "first"), token_of(engine, "second")
    ask = {"json": {"text": "terms"}}
    waiting = door.post("/v1/pledges/1/accept", headers=headers(first, "accept-01"), **ask)
    assert (waiting.status_code, waiting.json()["first"]) == (202, "first")
    assert door.get("/v1/approvals", headers=headers(second)).json()["items"][0]["is_own"] is False
    alone = door.post("/v1/pledges/1/accept", headers=headers(first, "accept-02"), **ask)
    assert code_of(alone) == (403, "identity.same_person")
    other = door.post("/v1/pledges/1/accept", headers=headers(second, "accept-03"), json={"text": "else"})
    assert code_of(other) == (409, "web.other_content_waits")
    done = door.post("/v1/pledges/1/accept", headers=headers(second, "accept-04"), **ask)
    assert (done.status_code, done.json()) == (200, {"text": "first and second"})
    assert door.get("/v1/approvals", headers=headers(second)).json() == {"items": [], "next": None}


def test_a_waiting_act_does_not_wait_for_ever(door: TestClient, engine: Engine, clock: Clock) -> None:
    ask = {"json": {"text": "terms"}}
    with transaction(engine) as session:
        session.add(
            SignInRow(
                token_hash=hash_of("tss_2"),
                person="second",
                began_at=NOW,
                expires_at=NOW + timedelta(days=3),
            )
        )
    door.post("/v1/pledges/1/accept", headers=headers(token_of(engine, "first"), "accept-01"), **ask)
    clock.at = NOW + timedelta(hours=24)
    late = door.post("/v1/pledges/1/accept", headers=headers("tss_2", "accept-02"), **ask)
    assert (late.status_code, late.json()["first"]) == (202, "second")


def test_a_machine_does_no_act_of_a_person(door: TestClient, engine: Engine) -> None:
    secret = f"{KEY_PREFIX}one.{new_token('')}"
    with transaction(engine) as session:
        session.add(
            ApiKeyRow(
                id="one",
                token_hash=hash_of(secret),
                organisation=BANK,
                permissions=[Permission.PLEDGES_ACCEPT.value],
                made_by="first",
                made_at=NOW,
                expires_at=NOW + timedelta(days=1),
            )
        )
    refused = door.post("/v1/pledges/1/accept", json={"text": "a"}, headers=headers(secret))
    assert code_of(refused) == (403, "identity.person_needed")


def test_a_body_beyond_the_largest_is_refused_before_it_is_read(door: TestClient, engine: Engine) -> None:
    mine = headers(token_of(engine, "trader"))
    refused = door.post("/v1/notes", content=b"x" * (LARGEST_BODY + 1), headers=mine)
    assert code_of(refused) == (413, "web.body_too_large")


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"text":' * 100_000, b'{"text": ' + b"[" * 40 + b"]" * 40 + b"}"]
)
def test_json_that_would_bury_a_parser_is_refused_before_it_is_parsed(
    door: TestClient, content: bytes
) -> None:
    refused = door.post("/v1/notes", content=content, headers={"Content-Type": "application/json"})
    assert code_of(refused)[0] == 422


def test_brackets_within_a_text_are_no_nesting(door: TestClient, engine: Engine) -> None:
    mine = headers(token_of(engine, "trader"))
    text = "[" * 20 + '\\"{' + "{" * 5
    assert door.post("/v1/notes", json={"text": text}, headers=mine).json() == {"text": text}


def test_what_is_not_there_is_a_problem_too(door: TestClient) -> None:
    assert code_of(door.get("/v1/nothing")) == (404, "web.http_404")
    assert code_of(door.delete("/v1/notes")) == (405, "web.http_405")

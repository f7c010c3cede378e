"""Who signs in: with their own password, not too often, and not for ever."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import select

from backend.clock import FixedClock
from backend.db import reading, transaction
from backend.identity.accounts import (
    FREE_FAILURES,
    LONGEST_WAIT,
    MOST_TRIES,
    SESSION_LASTS,
    AccountRow,
    wait_after,
)
from backend.identity.admitting import AlreadySetUp, set_up
from backend.identity.credentials import IDLE_LIMIT, SignInRow
from backend.identity.passwords import PasswordTooWeak, require_strong
from tests.backend.admission.visitor import (
    BANK,
    FIRST,
    NOW,
    OTHER_PASSWORD,
    PASSWORD,
    Visitor,
    refused,
    sign_in,
)


def test_who_knows_the_password_is_let_in_and_known(first: Visitor) -> None:
    me = first.ask("GET", "/me").json()
    assert (me["organisation"], me["kind"], me["person"]) == (BANK, "bank", FIRST)
    assert {"people:administer", "organisations:administer", "registry:enrol"} <= set(me["permissions"])


def test_a_wrong_password_and_an_unknown_name_are_refused_alike(door: TestClient) -> None:
    wrong, unknown = sign_in(door, FIRST, "not the password"), sign_in(door, "nobody", PASSWORD)
    assert refused(wrong) == refused(unknown) == (401, "identity.sign_in_refused")
    assert wrong.json() == unknown.json()


def test_neither_password_nor_token_is_kept(door: TestClient, first: Visitor, database: Engine) -> None:
    with reading(database) as session:
        account = session.exec(select(AccountRow)).one()
        sign_in_row = session.exec(select(SignInRow)).one()
    assert account.password_hash.startswith("$argon2id$")
    assert first.token not in sign_in_row.token_hash


@pytest.mark.parametrize("name", [FIRST, "nobody"])
def test_after_wrong_passwords_a_name_waits_whoever_has_it(
    door: TestClient, clock: FixedClock, name: str
) -> None:
    for _ in range(FREE_FAILURES):
        assert refused(sign_in(door, name, "not the password"))[0] == 401
    assert refused(sign_in(door, name, PASSWORD)) == (429, "identity.too_many_tries")
    clock.advance(wait_after(FREE_FAILURES))
    assert refused(sign_in(door, name, "not the password"))[0] == 401
    clock.advance(wait_after(FREE_FAILURES))
    assert refused(sign_in(door, name, PASSWORD))[0] == 429
    clock.advance(wait_after(FREE_FAILURES))
    assert sign_in(door, name, PASSWORD).status_code == (201 if name == FIRST else 401)


def test_the_wait_grows_to_a_limit() -> None:
    waits = [wait_after(failures) for failures in range(40)]
    assert waits == sorted(waits)
    assert (waits[FREE_FAILURES - 1], waits[-1]) == (timedelta(0), LONGEST_WAIT)


def test_success_forgets_earlier_failures(door: TestClient) -> None:
    for _ in range(2):
        for _ in range(FREE_FAILURES - 1):
            sign_in(door, FIRST, "not the password")
        assert sign_in(door, FIRST, PASSWORD).status_code == 201


def test_all_names_together_have_a_limit_each_minute(
    door: TestClient, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.identity.accounts.MOST_TRIES", 3)
    assert MOST_TRIES > 3
    answers = [sign_in(door, f"name-{n}", PASSWORD).status_code for n in range(4)]
    assert answers == [401, 401, 401, 429]
    clock.advance(timedelta(minutes=1))
    assert sign_in(door, FIRST, PASSWORD).status_code == 201


def test_a_session_ends_when_signed_out(first: Visitor) -> None:
    assert first.ask("DELETE", "/sessions/current").status_code == 204
    assert refused(first.ask("GET", "/me")) == (401, "identity.credential_refused")


def test_a_session_ends_without_use_and_goes_on_with_it(first: Visitor, clock: FixedClock) -> None:
    for _ in range(3):
        clock.advance(IDLE_LIMIT - timedelta(seconds=1))
        assert first.ask("GET", "/me").status_code == 200
    clock.advance(IDLE_LIMIT)
    assert refused(first.ask("GET", "/me"))[0] == 401


def test_a_session_ends_after_its_time_however_busy(first: Visitor, clock: FixedClock) -> None:
    while clock.now() < NOW + SESSION_LASTS - timedelta(minutes=20):
        clock.advance(timedelta(minutes=20))
        assert first.ask("GET", "/me").status_code == 200
    clock.advance(timedelta(minutes=20))
    assert refused(first.ask("GET", "/me"))[0] == 401


def test_a_new_password_ends_every_session(door: TestClient, first: Visitor) -> None:
    other = Visitor.signed_in(door, FIRST, PASSWORD)
    changed = first.ask("PUT", "/me/password", {"old": PASSWORD, "new": OTHER_PASSWORD})
    assert changed.status_code == 204
    assert [refused(each.ask("GET", "/me"))[0] for each in (first, other)] == [401, 401]
    assert refused(sign_in(door, FIRST, PASSWORD))[0] == 401
    assert sign_in(door, FIRST, OTHER_PASSWORD).status_code == 201


def test_a_password_changes_only_for_who_knows_it_and_to_a_good_one(first: Visitor) -> None:
    wrong = first.ask("PUT", "/me/password", {"old": "not it", "new": OTHER_PASSWORD})
    assert refused(wrong) == (401, "identity.sign_in_refused")
    for weak in ("short", PASSWORD, f"{FIRST} is my name"):
        answer = first.ask("PUT", "/me/password", {"old": PASSWORD, "new": weak})
        assert refused(answer) == (422, "identity.password_too_weak")
        assert weak not in answer.text


@pytest.mark.parametrize("weak", ["elevenchars", "passwordpassword", "chen.mei 1234", "a" * 20, "x1y2" * 70])
def test_a_weak_password_is_refused(weak: str) -> None:
    with pytest.raises(PasswordTooWeak):
        require_strong(weak, "chen.mei")


def test_set_up_works_once_whatever_the_bank_is_called(door: TestClient, database: Engine) -> None:
    with pytest.raises(AlreadySetUp), transaction(database) as session:
        set_up(session, "bank.second", "second.admin", PASSWORD, now=NOW)

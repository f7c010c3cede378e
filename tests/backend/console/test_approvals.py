"""Acts that wait: what their second person sees, and that approving is the very act of the API."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from backend.console.deciding import ActNotWaiting
from backend.console.forms import KEY, FormInvalid
from backend.db import transaction
from backend.identity.permissions import PermissionMissing
from backend.identity.rules import RoleMissing, SamePerson
from backend.loans.actions import pledging, reading
from backend.web.tables import WaitingActRow
from tests.backend.console.conftest import Client
from tests.backend.console.house import HOSTILE, SUBMITTED, House
from tests.support.ledger_life import LENDER, OPERATOR

REASON = "the seal of bay 3 was broken"


def waits(
    house: House,
    *,
    first: str = "feng",
    organisation: str = LENDER,
    reason: str | None = REASON,
    hours: int = 24,
) -> int:
    """The number of an act that somebody has asked for: to lift a freeze, which stands."""
    moment = house.world.bank.moment()
    now = house.world.bank.wall.now()
    with transaction(house.engine) as session:
        pledging.freeze(session, SUBMITTED, reason=REASON, facts={}, by="zhou", at=moment)
        row = WaitingActRow(
            organisation=organisation,
            act="loans.unfreeze",
            subject=f"loan:{SUBMITTED}",
            content={} if reason is None else {"reason": reason},
            first=first,
            asked_at=now,
            expires_at=now + timedelta(hours=hours),
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id


def ended(house: House, number: int) -> None:
    """The act waits no longer, so that the next test may have one about the same loan."""
    with transaction(house.engine) as session:
        row = session.get_one(WaitingActRow, number)
        row.ended_at = row.ended_at or house.world.bank.wall.now()


def freezes(house: House) -> tuple[str, ...]:
    at = house.world.bank.moment()
    return house.world.look(lambda session: reading.standing(session, SUBMITTED, at=at)).freezes


def approve(client: TestClient, number: int) -> Response:
    return client.post(f"/approvals/{number}", data={KEY: f"approve-{number:04}"})


def test_the_second_person_sees_before_and_after_and_it_happens(browse: Client, house: House) -> None:
    number = waits(house)
    client = browse("collateral_officer")
    seen = client.get(f"/approvals/{number}").text
    for text in (REASON, "Reasons for the freeze", "Two collateral officers look at a freeze", "feng"):
        assert text in seen
    answer = approve(client, number)
    assert (answer.status_code, answer.headers["location"]) == (303, "/approvals?done=act_decided")
    assert REASON not in freezes(house)
    assert "Approved: the act is done." in client.get("/approvals?done=act_decided").text
    assert approve(browse("collateral_officer"), number).status_code == ActNotWaiting.status


def test_who_asked_first_sees_why_they_do_not_decide_and_is_refused(browse: Client, house: House) -> None:
    number = waits(house, first="zhou")
    client = browse("collateral_officer")
    seen = client.get(f"/approvals/{number}").text
    assert "You asked for it yourself: another person decides." in seen
    assert "disabled>Approve</button>" in seen
    assert f'action="/approvals/{number}"' not in seen
    answer = approve(client, number)
    assert (answer.status_code, SamePerson.code in answer.text) == (SamePerson.status, True)
    assert REASON in freezes(house)
    ended(house, number)


@pytest.mark.parametrize(
    ("reader", "refusal"),
    [("second_officer", RoleMissing), ("operator", PermissionMissing), ("borrower", PermissionMissing)],
)
def test_whose_office_it_is_not_is_refused(
    browse: Client, house: House, reader: str, refusal: type[RoleMissing | PermissionMissing]
) -> None:
    number = waits(house)
    answer = approve(browse(reader), number)
    assert (answer.status_code, refusal.code in answer.text) == (refusal.status, True)
    assert REASON in freezes(house)
    ended(house, number)


def test_an_auditor_looks_and_does_not_decide(browse: Client) -> None:
    seen = browse("auditor").get("/approvals")
    assert seen.status_code == 200
    assert "Nothing waits for a second person." in seen.text  # of their own organisation


def test_an_act_of_another_organisation_does_not_exist(browse: Client, house: House) -> None:
    number = waits(house, organisation=OPERATOR)
    client = browse("collateral_officer")
    assert client.get(f"/approvals/{number}").status_code == ActNotWaiting.status
    assert approve(client, number).status_code == ActNotWaiting.status
    ended(house, number)


def test_an_expired_act_is_shown_as_such_and_not_decided(browse: Client, house: House) -> None:
    number = waits(house, hours=-1)
    client = browse("collateral_officer")
    assert "It has expired; it can be asked for anew." in client.get("/approvals").text
    assert approve(client, number).status_code == ActNotWaiting.status
    ended(house, number)


def test_an_act_whose_content_the_form_does_not_know_is_refused(browse: Client, house: House) -> None:
    number = waits(house, reason=None)
    assert approve(browse("collateral_officer"), number).status_code == FormInvalid.status
    ended(house, number)


def test_what_was_asked_for_is_shown_as_text(browse: Client) -> None:
    seen = browse("second_officer").get("/approvals/2").text
    assert HOSTILE not in seen
    assert "&lt;script&gt;alert(" in seen

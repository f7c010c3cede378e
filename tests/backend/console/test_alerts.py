"""Alerts on pages: what was expected and counted, and decisions by the act that the API has for them."""

from collections.abc import Iterator
from html import escape

import pytest
from fastapi.testclient import TestClient

from backend.alerts.rules import AnotherPersonNeeded
from backend.console.forms import KEY
from backend.console.pages.alerts import nats
from backend.identity.permissions import PermissionMissing
from tests.backend.console.conftest import Client
from tests.backend.console.house import HOSTILE, House, house_in

WHY = "the crane was tested"
UNAUTHORISED = 1


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of these tests alone: they decide in it."""
    with house_in(tmp_path_factory.mktemp("alerts") / "bank") as house:
        yield house


@pytest.fixture
def officer(own: House) -> Iterator[TestClient]:
    with at_screen(own, "officer") as client:
        yield client


def at_screen(house: House, reader: str) -> TestClient:
    headers = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
    client = TestClient(house.app, base_url="http://127.0.0.1", headers=headers, follow_redirects=False)
    client.cookies.update(house.cookies(reader))
    return client


def decided(client: TestClient, alert: int, decision: str, key: str, reason: str = WHY) -> tuple[int, str]:
    fields = {KEY: key, "decision": decision, "reason": reason}
    answer = client.post(f"/alerts/{alert}/decide", data=fields)
    return answer.status_code, answer.headers.get("location", answer.text)


def test_a_review_says_what_was_expected_what_was_counted_and_what_it_touches(
    browse: Client, house: House
) -> None:
    page = browse("officer").get(f"/alerts/{house.there.values['alert']}").text
    assert "none: no release order was open" in page
    assert f'href="/receipts/{house.there.values["receipt"]}"' in page
    assert 'href="/loans/L-2026-0001"' in page
    assert 'src="/media/' in page
    assert "97.00%" in page
    assert "Nothing may be drawn on goods of this site" in page


def test_who_reads_only_gets_no_form_and_may_not_decide(browse: Client, house: House) -> None:
    client = browse("auditor")
    assert "/decide" not in client.get(f"/alerts/{UNAUTHORISED}").text
    for reader in ("auditor", "operator", "borrower"):
        status, text = decided(browse(reader), UNAUTHORISED, "confirmed", "key-0001")
        assert (status, PermissionMissing.code in text) == (403, True), reader


def test_a_hostile_word_is_shown_as_it_was_written(browse: Client, house: House) -> None:
    for path in ("/alerts?state=acknowledged", f"/alerts/{house.gap}"):
        page = browse("officer").get(path).text
        assert HOSTILE not in page
        assert str(escape(HOSTILE, quote=False))[:40] in page.replace("&#39;", "'").replace("&#34;", '"')


def test_a_decision_is_kept_once_and_told_on_the_page(officer: TestClient, own: House) -> None:
    where = f"/alerts/{UNAUTHORISED}?done=alert_decided"
    assert decided(officer, UNAUTHORISED, "recount_asked", "key-0001") == (303, where)
    assert decided(officer, UNAUTHORISED, "recount_asked", "key-0001") == (303, where)
    page = officer.get(where).text
    assert "Your decision is kept." in page
    assert (page.count(WHY), "Recount asked" in page, "Acknowledged" in page) == (1, True, True)
    with at_screen(own, "operator") as operator:
        assert "Alert decided" in operator.get("/notices").text


def test_who_escalates_is_shown_no_way_to_end_it_and_another_person_ends_it(
    officer: TestClient, own: House
) -> None:
    page = officer.get(f"/alerts/{own.gap}").text
    assert 'value="confirmed"' not in page
    status, text = decided(officer, own.gap, "false_alarm", "key-0002")
    assert (status, AnotherPersonNeeded.code in text) == (403, True)
    with at_screen(own, "second_officer") as second:
        assert 'value="confirmed"' in second.get(f"/alerts/{own.gap}").text
        status, where = decided(second, own.gap, "false_alarm", "key-0003")
        assert (status, where) == (303, f"/alerts/{own.gap}?done=alert_ended")
        assert f'href="/alerts/{own.gap}"' in second.get("/alerts?state=closed").text
        assert "/decide" not in second.get(f"/alerts/{own.gap}").text


@pytest.mark.parametrize(
    ("decision", "reason"),
    [("forgive", WHY), ("confirmed", ""), ("confirmed", "x"), ("confirmed", "y" * 1_001)],
)
def test_what_is_no_decision_or_has_no_reason_is_refused(
    officer: TestClient, decision: str, reason: str
) -> None:
    assert decided(officer, UNAUTHORISED, decision, "key-0009", reason)[0] == 422


def test_log_odds_are_written_with_their_sign() -> None:
    assert (nats(3_100), nats(-400), nats(0)) == ("+3.100", "-0.400", "+0.000")

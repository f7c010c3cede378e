"""The list of loans: everybody's own, and ten thousand of them a page at a time."""

import re
import time
from pathlib import Path

from fastapi.testclient import TestClient

from backend.db import transaction
from backend.loans.tables.loan import LoanRow
from iot_bridge.evidence.statement import name32
from tests.backend.console.conftest import Client
from tests.backend.console.house import CALLED, HEALTHY, HOSTILE, House, house_in

NEXT = re.compile(r'rel="next" href="([^"]+)"')
MANY = 10_000


def test_a_borrower_sees_their_own_loans_and_no_others(browse: Client) -> None:
    own = browse("borrower").get("/loans").text
    assert (CALLED in own, "L-2026-0001" in own) == (True, False)
    everybodys = browse("officer").get("/loans").text
    assert (CALLED in everybodys, "L-2026-0001" in everybodys) == (True, True)


def test_a_loan_without_a_value_shows_no_figure_for_it(browse: Client) -> None:
    page = browse("officer").get("/loans").text
    assert page.count("No data") == 2
    assert "0.00%" not in page


def test_the_dashboard_states_no_sum_while_one_value_is_missing(browse: Client) -> None:
    page = browse("officer").get("/").text
    assert "at least one loan has no stated value" in page
    assert "10,050,000.00" in page


def test_search_leads_to_the_loan_that_goes_by_the_name(browse: Client) -> None:
    assert browse("officer").get(f"/search?q={HEALTHY}").headers["location"] == f"/loans/{HEALTHY}"
    assert browse("operator").get(f"/search?q={HEALTHY}").status_code == 200


def test_what_somebody_typed_is_shown_as_they_typed_it(browse: Client) -> None:
    page = browse("officer").get("/search", params={"q": HOSTILE[:80]}).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page


def test_ten_thousand_loans_are_paged_by_key_and_the_last_page_is_as_quick(tmp_path: Path) -> None:
    with house_in(tmp_path / "bank") as house:
        fill_with_loans(house)
        headers = {"Accept": "text/html", "Accept-Language": "en"}
        client = TestClient(
            house.app, base_url="http://127.0.0.1", headers=headers, cookies=house.cookies("officer")
        )
        with client:
            client.get("/loans")
            first, first_ms = _timed(client, "/loans")
            following = NEXT.findall(first)[0]
            assert set(_loans(first)).isdisjoint(_loans(client.get(following).text))
            last, last_ms = _timed(client, "/loans?after=Z-09950")
            assert len(_loans(last)) == MANY - 9_950
            assert NEXT.findall(last) == []
            _, board_ms = _timed(client, "/")
    print(f"first page {first_ms:.0f} ms, last {last_ms:.0f} ms, dashboard {board_ms:.0f} ms")  # noqa: T201


def _loans(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/loans/([^"]+)"', page)


def _timed(client: TestClient, path: str) -> tuple[str, float]:
    begun = time.monotonic()
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.text, (time.monotonic() - begun) * 1000


def fill_with_loans(house: House) -> None:
    """Ten thousand applications of a borrower."""
    now = house.world.bank.wall.now()
    with transaction(house.engine) as session:
        session.add_all(
            LoanRow(
                id=f"Z-{number:05}",
                borrower=name32("wuxi-trading"),
                product_name="standard",
                product_version=1,
                principal_minor=100_000,
                currency="CNY",
                tenor_days=90,
                purpose="Coils",
                payee={"name": "The supplier", "account": "6222", "bank": "ICBKCNBJ"},
                state="submitted",
                submitted_at=now,
            )
            for number in range(1, MANY + 1)
        )

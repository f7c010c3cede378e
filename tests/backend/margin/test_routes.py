"""A loan's cover over the API: reviewed, noticed, enforced by two; and goods that are paid free."""

from typing import Any

from backend.loans.rules.life import LoanState
from tests.backend.loans.bank import LOAN, Bank, state
from tests.backend.loans.callers import Callers, code_of

LOAN_PATH = f"/v1/loans/{LOAN}"
ARBITER = {"by": "arbiter", "reference": "CIETAC-2026-0042"}
HALF = {"leaving": [{"receipt": 1, "mass_kg": 1_000_000}]}


def leave(**changes: Any) -> dict[str, Any]:
    hours = {"opens_at": "2026-03-02T12:00:00Z", "closes_at": "2026-03-02T13:00:00Z"}
    return {"receipt": 1, "gate": "gate.one", **hours, **changes}


def test_a_call_is_reviewed_noticed_and_enforced_by_two_credit_officers(drawn: Bank) -> None:
    callers = Callers(drawn)
    assert code_of(callers.post("lin", f"{LOAN_PATH}/notice")) == (409, "margin.no_call_open")
    drawn.wait(1)
    drawn.price(2_490)
    assert callers.done("lin", f"{LOAN_PATH}/review")["state"] == "called"
    seen = callers.get("chen", f"{LOAN_PATH}/margin").json()
    assert (seen["state"], seen["call"]["cure_by"]) == ("called", "2026-03-05")
    assert [each["state"] for each in seen["decisions"]["items"]] == ["called"]
    assert callers.done("lin", f"{LOAN_PATH}/notice")["call"]["noticed_on"] == "2026-03-03"
    path = f"{LOAN_PATH}/enforcement"
    early = callers.both("lin", "he", path, ARBITER)
    assert code_of(early) == (409, "margin.enforcement_too_early")
    drawn.wait(5)
    drawn.price(2_480)
    other = callers.post("he", path, ARBITER | {"reference": "other"})
    assert code_of(other) == (409, "web.other_content_waits")
    assert callers.post("he", path, ARBITER).json()["state"] == "enforcing"
    assert state(drawn) is LoanState.ENFORCING


def test_another_borrowers_cover_and_quotes_are_not_there(drawn: Bank) -> None:
    callers = Callers(drawn)
    quote = callers.done("chen", f"{LOAN_PATH}/release-quotes", HALF)
    assert code_of(callers.get("stranger", f"{LOAN_PATH}/margin")) == (404, "loans.loan_unknown")
    asked = callers.post("stranger", f"{LOAN_PATH}/release-quotes", HALF)
    assert code_of(asked) == (404, "loans.loan_unknown")
    path = f"/v1/release-quotes/{quote['id']}"
    assert code_of(callers.get("stranger", path)) == (404, "margin.quote_unknown")
    assert callers.get("chen", path).json() == quote


def test_goods_that_are_paid_free_are_ordered_out_by_two(drawn: Bank) -> None:
    callers = Callers(drawn)
    first, again = (
        callers.post("chen", f"{LOAN_PATH}/release-quotes", HALF, key="quote-0001") for _ in range(2)
    )
    assert (first.status_code, again.json()) == (201, first.json())
    quote = first.json()
    path = f"/v1/release-quotes/{quote['id']}"
    unpaid = callers.both("zhou", "feng", f"{path}/order", leave())
    assert code_of(unpaid) == (409, "margin.release_not_covered")
    drawn.pay_in(quote["bank"]["amount_minor"])
    paid = callers.done("sun", f"{path}/operator-paid", {"reference": "OP-1"})
    assert paid["operator_paid"] == "OP-1"
    ordered = callers.post("feng", f"{path}/order", leave())
    assert ordered.json()["ordered"][0]["mass_kg"] == 1_000_000
    assert len(drawn.asked("orderRelease")) == 1
    twice = callers.both("zhou", "feng", f"{path}/order", leave())
    assert code_of(twice) == (409, "margin.already_ordered")


def test_a_quote_ends_and_names_a_receipt_once(drawn: Bank) -> None:
    callers = Callers(drawn)
    twice = {"leaving": HALF["leaving"] * 2}
    refused = callers.post("chen", f"{LOAN_PATH}/release-quotes", twice)
    assert code_of(refused) == (422, "web.request_invalid")
    quote = callers.done("zhou", f"{LOAN_PATH}/release-quotes", HALF)
    drawn.wait(1)
    drawn.price(3_400)
    late = callers.both("zhou", "feng", f"/v1/release-quotes/{quote['id']}/order", leave())
    assert code_of(late) == (409, "margin.quote_expired")

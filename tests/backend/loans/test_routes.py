"""Products and loans over the API: whose they are, who may act, and that nothing happens twice."""

from typing import Any

from backend.db import transaction
from backend.loans.actions import pledging
from backend.loans.rules.commitments import commitment_of
from backend.loans.rules.product import product_to_json, standard_product
from tests.backend.loans.bank import LOAN, Bank
from tests.backend.loans.callers import Callers, code_of

SEARCHED = {"search_reference": "ZDW-2026-77", "search_clean": True}


def wanted(**changes: Any) -> dict[str, Any]:
    return {
        "loan_id": LOAN,
        "product": "standard",
        "product_version": 1,
        "principal": {"amount_minor": 500_000_000, "currency": "CNY"},
        "tenor_days": 90,
        "purpose": "hot rolled coil",
        "payee": {"name": "Jiangnan Steel", "account": "6222-0001", "bank": "ICBKCNBJ"},
        "receipts": [1],
        "documents": [],
        **changes,
    }


def signed(callers: Callers) -> dict[str, Any]:
    """The loan, applied for, valued, approved by two and signed over the API."""
    callers.done("chen", "/v1/loans", wanted())
    callers.done("lin", f"/v1/loans/{LOAN}/value", SEARCHED)
    callers.done("wu", f"/v1/loans/{LOAN}/approve")
    approved = callers.done("zhao", f"/v1/loans/{LOAN}/approve")
    return callers.done("chen", f"/v1/loans/{LOAN}/sign", {"terms": approved["terms"]["commitment"]})


def test_a_loan_goes_from_application_to_signature_by_those_whose_acts_they_are(callers: Callers) -> None:
    applied = callers.done("chen", "/v1/loans", wanted())
    assert (applied["state"], applied["terms"], applied["receipts_standing"]) == ("submitted", None, [1])
    assert code_of(callers.post("wu", f"/v1/loans/{LOAN}/value", SEARCHED))[0] == 403
    callers.done("lin", f"/v1/loans/{LOAN}/value", SEARCHED)
    callers.done("wu", f"/v1/loans/{LOAN}/approve")
    again = callers.post("wu", f"/v1/loans/{LOAN}/approve")
    assert code_of(again) == (403, "loans.already_approved")
    approved = callers.done("zhao", f"/v1/loans/{LOAN}/approve")
    opened = approved["terms"]
    assert opened["commitment"] == "0x" + commitment_of(opened["opening"].encode()).hex()
    other = callers.post("chen", f"/v1/loans/{LOAN}/sign", {"terms": "0x" + "00" * 32})
    assert code_of(other) == (409, "loans.terms_not_these")
    done = callers.done("chen", f"/v1/loans/{LOAN}/sign", {"terms": opened["commitment"]})
    assert done["state"] == "signed"
    acts = callers.get("auditor", f"/v1/loans/{LOAN}/acts", limit=2).json()
    assert ([each["act"] for each in acts["items"]], acts["next"]) == (["submit", "value"], 2)


def test_what_is_another_borrowers_is_not_there(callers: Callers) -> None:
    signed(callers)
    for path in ("", "/facts", "/postings", "/acts", "/payoff"):
        answer = callers.get("stranger", f"/v1/loans/{LOAN}{path}")
        assert code_of(answer) == (404, "loans.loan_unknown"), path
    for path, body in (("/withdraw", None), ("/sign", {"terms": "0x" + "00" * 32})):
        answer = callers.post("stranger", f"/v1/loans/{LOAN}{path}", body)
        assert code_of(answer) == (404, "loans.loan_unknown"), path
    assert callers.get("stranger", "/v1/loans").json() == {"items": [], "next": None}
    assert [each["id"] for each in callers.get("chen", "/v1/loans").json()["items"]] == [LOAN]
    taken = callers.post("stranger", "/v1/loans", wanted(loan_id="L-2"))
    assert code_of(taken) == (404, "receipts.receipt_unknown")


def test_an_application_sent_again_is_one_loan(callers: Callers) -> None:
    body = wanted(loan_id=None)
    first, again = (callers.post("chen", "/v1/loans", body, key="apply-0001") for _ in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    listed = callers.get("lin", "/v1/loans").json()
    assert [each["id"] for each in listed["items"]] == [first.json()["id"]]
    assert code_of(callers.post("chen", "/v1/loans", wanted())) == (409, "loans.receipt_taken")


def test_an_application_may_be_withdrawn_or_declined(callers: Callers) -> None:
    callers.done("chen", "/v1/loans", wanted())
    assert callers.done("chen", f"/v1/loans/{LOAN}/withdraw")["state"] == "withdrawn"
    callers.done("chen", "/v1/loans", wanted(loan_id="L-2"))
    assert callers.done("lin", "/v1/loans/L-2/decline", {"reason": "too long"})["state"] == "declined"


def test_a_drawn_loan_shows_its_book_and_what_would_end_it(drawn: Bank) -> None:
    callers = Callers(drawn)
    assert callers.get("chen", f"/v1/loans/{LOAN}/facts").json()["items"][0]["kind"] == "draw"
    posting = callers.get("chen", f"/v1/loans/{LOAN}/postings").json()["items"][0]
    assert posting["amount"] == {"amount_minor": 500_000_000, "currency": "CNY"}
    today = callers.get("chen", f"/v1/loans/{LOAN}/payoff").json()
    later = callers.get("chen", f"/v1/loans/{LOAN}/payoff", on="2026-04-02").json()
    assert today["outstanding"] == 500_000_000 < later["outstanding"]
    past = callers.get("chen", f"/v1/loans/{LOAN}/payoff", on="2026-03-01")
    assert code_of(past) == (422, "loans.payoff_day_out_of_range")
    balances = callers.get("auditor", "/v1/trial-balance").json()["balances"]
    assert balances
    assert sum(each["balance_minor"] for each in balances) == 0


def test_two_collateral_officers_lift_a_freeze(bank: Bank, callers: Callers) -> None:
    signed(callers)
    with transaction(bank.engine) as session:
        pledging.freeze(session, LOAN, reason="exit", facts={}, by="watch", at=bank.at)
    path, body = f"/v1/loans/{LOAN}/unfreeze", {"reason": "exit"}
    assert callers.get("lin", f"/v1/loans/{LOAN}").json()["freezes"] == ["exit"]
    assert code_of(callers.post("lin", path, body)) == (403, "identity.role_missing")
    assert callers.both("zhou", "feng", path, body).json()["freezes"] == []


def test_two_credit_officers_store_a_product_for_good(callers: Callers) -> None:
    terms = product_to_json(standard_product()) | {"version": 2}
    waits = callers.post("lin", "/v1/products", terms)
    assert waits.status_code == 202
    assert code_of(callers.post("lin", "/v1/products", terms)) == (403, "identity.same_person")
    stored = callers.post("he", "/v1/products", terms)
    assert (stored.status_code, stored.json()["terms"]) == (200, terms)
    listed = callers.get("chen", "/v1/products", limit=1).json()
    assert [(each["name"], each["version"]) for each in listed["items"]] == [("standard", 1)]
    rest = callers.get("chen", "/v1/products", after=listed["next"]).json()
    assert [each["version"] for each in rest["items"]] == [2]
    assert callers.get("chen", "/v1/products/standard/2").json() == rest["items"][0]
    unknown = callers.get("chen", "/v1/products/standard/3")
    assert code_of(unknown) == (404, "loans.product_unknown")
    nowhere = callers.post("lin", "/v1/products", terms | {"version": 3, "business_calendar": "XX"})
    assert code_of(nowhere) == (422, "loans.calendar_unknown")

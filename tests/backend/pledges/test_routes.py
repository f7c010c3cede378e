"""Pledges over the API: every step by its own party, and by nobody else's word."""

from typing import Any

from iot_bridge.evidence.statement import name32
from tests.backend.edge import OPERATOR
from tests.backend.loans.bank import BORROWER, Bank
from tests.backend.loans.callers import Callers, both_pages, code_of

TERMS = "0x" + "ab" * 32
FAR = 1_900_000_000
PLEDGE = "/v1/pledges/7"
ENDORSED = {
    "receipts": [1],
    "pledgee": "wuxi-bank",
    "terms": TERMS,
    "expires_at": "2026-03-03T12:00:00Z",
}
FILED = {"terms": TERMS, "filing": TERMS, "filed_at": "2026-03-02T11:00:00Z", "search": TERMS}


def confirmed(bank: Bank, step: str, **args: Any) -> None:
    bank.confirm("PledgeRegistry", step, pledgeId=7, **args)


def endorse(bank: Bank) -> None:
    given = {"pledgor": BORROWER, "pledgee": name32("wuxi-bank"), "receipts": [1], "expiresAt": FAR}
    confirmed(bank, "PledgeEndorsed", terms=bytes.fromhex("ab" * 32), **given)


def test_each_step_of_a_pledge_is_its_own_partys(bank: Bank, callers: Callers) -> None:
    first, again = (callers.post("chen", "/v1/pledges", ENDORSED, key="endorse-1") for _ in range(2))
    assert (first.status_code, first.json()["state"]) == (202, "intended")
    assert again.json() == first.json()
    endorse(bank)
    terms = {"terms": TERMS}
    assert code_of(callers.post("zhou", f"{PLEDGE}/attorn", terms))[0] == 403
    assert callers.done("keeper", f"{PLEDGE}/attorn", terms)["act"] == "attorn:7"
    confirmed(bank, "PledgeAttorned", operator=OPERATOR)
    assert callers.done("zhou", f"{PLEDGE}/register", FILED)["act"] == "register:7"
    confirmed(bank, "PledgeRegistered", filing=bytes(32), filedAt=0, search=bytes(32))
    waits = callers.post("zhou", f"{PLEDGE}/accept", terms)
    assert waits.status_code == 202
    assert code_of(callers.post("zhou", f"{PLEDGE}/accept", terms)) == (403, "identity.same_person")
    accepted = callers.post("feng", f"{PLEDGE}/accept", terms)
    assert (accepted.status_code, accepted.json()["act"]) == (200, "accept:7")
    confirmed(bank, "PledgeEffective", pledgee=name32("wuxi-bank"))
    assert callers.get("chen", PLEDGE).json()["state"] == "effective"
    late = callers.post("chen", f"{PLEDGE}/withdraw")
    assert code_of(late) == (409, "pledges.state_is")


def test_a_pledge_is_seen_by_those_whom_it_concerns(bank: Bank, callers: Callers) -> None:
    endorse(bank)
    for name in ("chen", "keeper", "zhou", "auditor"):
        assert [each["id"] for each in both_pages(callers, name, "/v1/pledges")] == [7], name
        assert callers.get(name, PLEDGE).json()["receipts"] == [1], name
    assert callers.get("stranger", "/v1/pledges").json()["items"] == []
    assert code_of(callers.get("stranger", PLEDGE)) == (404, "pledges.pledge_unknown")
    gone = callers.post("stranger", f"{PLEDGE}/withdraw")
    assert code_of(gone) == (404, "pledges.pledge_unknown")


def test_nobody_pledges_what_another_holds_or_until_yesterday(callers: Callers) -> None:
    foreign = callers.post("stranger", "/v1/pledges", ENDORSED)
    assert code_of(foreign) == (404, "receipts.receipt_unknown")
    past = callers.post("chen", "/v1/pledges", ENDORSED | {"expires_at": "2026-03-01T12:00:00Z"})
    assert code_of(past) == (422, "receipts.hours_invalid")
    never = callers.post("chen", "/v1/pledges", ENDORSED | {"expires_at": "1900-03-01T12:00:00Z"})
    assert code_of(never) == (422, "web.request_invalid")


def test_a_pledgor_takes_its_pledge_back(bank: Bank, callers: Callers) -> None:
    endorse(bank)
    assert callers.done("chen", f"{PLEDGE}/withdraw")["act"] == "withdraw:7"

"""The loan's pages: what each kind of reader finds on them, and what the forms do."""

import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from fastapi.testclient import TestClient

from backend.console.amounts import minor_of
from backend.console.rendering import Renderer
from backend.console.words import Language
from backend.db import transaction
from backend.identity.credentials import SESSION_PREFIX, SignInRow, hash_of, new_token
from tests.backend.app.populated import LOAN
from tests.backend.console.conftest import Client
from tests.backend.console.house import CALLED, HEALTHY, SIGNED, SUBMITTED, UNVALUED, House, house_in

NOBODYS = "L-2026-9999"


def browser(house: House, reader: str) -> TestClient:
    headers = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
    client = TestClient(house.app, base_url="http://127.0.0.1", headers=headers, follow_redirects=False)
    client.cookies.update(house.cookies(reader))
    return client


def sign_in(house: House, person: str) -> str:
    """A session of somebody who is no reader of the house."""
    token, now = new_token(SESSION_PREFIX), house.world.bank.wall.now()
    with transaction(house.engine) as session:
        until = now + timedelta(hours=1)
        session.add(SignInRow(token_hash=hash_of(token), person=person, began_at=now, expires_at=until))
    return token


def test_the_loan_says_what_comes_next_and_where_it_stands(browse: Client) -> None:
    page = browse("officer").get(f"/loans/{CALLED}").text
    assert re.search(r"The borrower pays [\d,.]+\s?CNY or adds goods by", page)
    assert "Effective LTV" in page
    assert 'data-live="*" data-about="loan/L-2026-1001 alert/ receipt/201"' in page


def test_cover_over_time_is_drawn_against_the_lines_with_what_moved_it(browse: Client) -> None:
    page = browse("officer").get(f"/loans/{CALLED}").text
    for mark in ("Price 2,300.00\xa0CNY per tonne (mysteel)", "Margin call opened", "Paid out 5,000,000.00"):
        assert mark in page
    for line in ("Warning 75.00%", "Margin call 80.00%", "Enforcement 90.00%", "Initial 70.00%"):
        assert line in page
    assert "No value could be stated" in page


def test_a_fall_of_the_price_is_worked_out_without_a_script(browse: Client) -> None:
    officer = browse("officer")
    at_once = officer.get(f"/loans/{HEALTHY}?fall=0").text
    fallen = officer.get(f"/loans/{HEALTHY}?fall=50").text
    assert "Price lower by</span>" in fallen
    assert "50.00%" in fallen
    assert fallen.count("Called") > at_once.count("Called")
    assert officer.get(f"/loans/{HEALTHY}?fall=99").status_code == 422


def test_the_fee_stands_apart_in_money_and_schedule(browse: Client) -> None:
    page = browse("borrower").get(f"/loans/{HEALTHY}").text
    assert page.count("Supervision fee") >= 3
    assert "What would end the loan on a day" in page


def test_a_frozen_loan_leads_to_its_alert(browse: Client, house: House) -> None:
    page = browse("officer").get(f"/loans/{LOAN}").text
    assert f'<a href="/alerts/{house.there.values["alert"]}">' in page
    assert "no data" in page


def test_evidence_shows_stills_and_movements_of_pieces_that_have_left(browse: Client, house: House) -> None:
    page = browse("officer").get(f"/loans/{LOAN}/evidence").text
    still = house.there.values["/v1/media/{sha256} sha256"].removeprefix("0x")
    assert f'src="/media/{still}?statement=' in page
    assert "A piece left" in page
    assert browse("borrower").get(f"/loans/{CALLED}/evidence").status_code == 403


def test_the_arithmetic_of_a_fused_movement_is_shown(house: House) -> None:
    part = {"device": "gate-cam.1", "statement": "0x00", "milli_nats": 3_100, "said": "out <b>7</b>"}
    fields = {"sum_milli_nats": 7_300, "accept_milli_nats": 6_500, "rules": "fusion-1"}
    said = SimpleNamespace(
        kind="movement.out",
        quantity=9_800,
        received_at=house.world.bank.wall.now(),
        linked=True,
        fields=fields,
    )
    told = SimpleNamespace(said=said, witnessed=True, anchored_at_block=7)
    seen = SimpleNamespace(told=told, tone="good", device="fusion.1", stills=[], contributions=[part])
    seen.piece, seen.id = None, "0x" + "11" * 32
    shell = {"path": "/", "fresh_key": str, "who": None, "navigation": [], "current": "", "done": ""}
    facts = {"site_here": "yard", "next": None, "here": lambda **_: "/", "statements": [seen], "held": []}
    whole = {"full": SimpleNamespace(id=LOAN), "tabs_here": [], "sites": ["yard"], **facts, **shell}
    looks = {"language": Language.ENGLISH, "theme": "auto", "demo": None}
    shown = Renderer.at("Asia/Shanghai").html(Language.ENGLISH, "loan_evidence.html", whole | looks)
    for text in ("3,100", "7,300", "accepted from 6,500 on", "fusion-1", "out &lt;b&gt;7&lt;/b&gt;"):
        assert text in shown


def test_the_ledgers_events_are_sentences_with_their_block(browse: Client) -> None:
    page = browse("officer").get(f"/loans/{LOAN}/ledger").text
    assert "endorsed receipts 1 to" in page
    assert "The pledge took effect" in page
    assert "of the loan was recorded: paid out" in page
    assert "block" in page
    assert re.search(r'data-copy="0x[0-9a-f]{64}"', page)


def test_the_ledger_is_paged_by_place(browse: Client) -> None:
    officer = browse("officer")
    place = re.findall(r"block (\d+)", officer.get(f"/loans/{LOAN}/ledger").text)[0]
    rest = officer.get(f"/loans/{LOAN}/ledger?after={place}.999").text
    assert f"block {place}<" not in rest
    assert "The pledge took effect" in rest


def test_documents_are_saved_by_who_may_read_them(browse: Client, house: House) -> None:
    found = browse("officer").get(f"/documents/{house.there.values['sha256']}")
    assert found.content == b"An invoice for coils"
    assert found.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in found.headers["content-security-policy"]
    assert browse("borrower").get(f"/documents/{house.there.values['sha256']}").status_code == 404


def test_only_what_the_reader_may_and_the_state_allows_is_offered(browse: Client) -> None:
    def acts(reader: str, loan: str) -> set[str]:
        return set(re.findall(rf"/loans/{loan}/acts/([a-z]+)", browse(reader).get(f"/loans/{loan}").text))

    assert acts("officer", SUBMITTED) == {"value", "decline"}
    assert acts("borrower", SUBMITTED) == {"withdraw"}
    assert acts("borrower", SIGNED) == {"endorse", "withdraw"}
    assert acts("officer", CALLED) == {"review", "notice", "enforce"}
    assert acts("auditor", CALLED) == set()
    assert acts("borrower", CALLED) == set()


def test_forms_of_others_and_of_no_act_are_not_there(browse: Client) -> None:
    assert browse("auditor").get(f"/loans/{SUBMITTED}/acts/value").status_code == 403
    assert browse("officer").get(f"/loans/{SUBMITTED}/acts/nothing").status_code == 404
    assert browse("borrower").get(f"/loans/{LOAN}/repay").status_code == 404
    assert browse("officer").get(f"/loans/{NOBODYS}").status_code == 404
    assert browse("officer").get(f"/loans/{CALLED}/release/Q-{LOAN}-1").status_code == 404


def test_a_refusal_stands_beside_the_form_with_what_was_entered(browse: Client) -> None:
    sent = {"idempotency_key": "key-value-1", "search_reference": "ZDW-<b>77</b>"}
    answer = browse("officer").post(f"/loans/{SUBMITTED}/acts/value", data=sent)
    assert answer.status_code == 409
    assert "loans.search_not_clean" in answer.text
    assert 'value="ZDW-&lt;b&gt;77&lt;/b&gt;"' in answer.text


def test_an_application_that_lacks_something_keeps_what_was_entered(browse: Client) -> None:
    sent = {
        "idempotency_key": "key-apply-1",
        "receipts": ["204"],
        "product": "standard/1",
        "tenor_days": "90",
        "currency": "CNY",
        "amount": "1,000.00",
        "purpose": "Coils",
        "payee_name": "Jiangnan",
        "payee_account": "6222",
        "payee_bank": "ICBK",
    }
    taken = browse("borrower").post("/loans/new", data=sent)
    assert taken.status_code == 422
    assert "loans.receipt_taken" in taken.text
    assert 'value="1,000.00"' in taken.text
    wrong = browse("borrower").post(
        "/loans/new", data=sent | {"amount": "a lot", "idempotency_key": "key-apply-2"}
    )
    assert "console.form_invalid" in wrong.text
    assert 'value="a lot"' in wrong.text
    assert browse("officer").post("/loans/new", data=sent).status_code == 403


def test_a_loan_goes_on_by_its_forms(tmp_path: Path) -> None:
    with house_in(tmp_path / "bank") as house:
        borrower, officer = browser(house, "borrower"), browser(house, "officer")
        gone = borrower.post(f"/loans/{SIGNED}/acts/withdraw", data={"idempotency_key": "key-withdraw"})
        assert gone.headers["location"] == f"/loans/{SIGNED}?done=loan_act_done"
        sent = {
            "idempotency_key": "key-apply-9",
            "receipts": ["205"],
            "product": "standard/1",
            "tenor_days": "60",
            "currency": "CNY",
            "amount": "1,000,000.00",
            "purpose": "Coils",
            "payee_name": "Jiangnan",
            "payee_account": "6222",
            "payee_bank": "ICBK",
        }
        assert "Nothing is missing" in borrower.get("/loans/new?receipts=205&tenor_days=60").text
        made = borrower.post("/loans/new", data=sent).headers["location"]
        assert borrower.post("/loans/new", data=sent).headers["location"] == made
        path = made.partition("?")[0]
        assert "1,000,000.00" in officer.get(path).text
        valued = {"idempotency_key": "key-value-9", "search_reference": "ZDW-78", "search_clean": "yes"}
        assert officer.post(f"{path}/acts/value", data=valued).status_code == 303
        house.tokens["wu"] = sign_in(house, "wu")
        approver = browser(house, "wu")
        assert "2 more people approve" in approver.get(path).text
        approved = approver.post(f"{path}/acts/approve", data={"idempotency_key": "key-approve-1"})
        assert approved.status_code == 303
        assert "One more person approves" in approver.get(path).text
        assert f"{path}/acts/approve" not in approver.get(path).text
        again = approver.post(f"{path}/acts/approve", data={"idempotency_key": "key-approve-2"})
        assert (again.status_code, "loans.already_approved" in again.text) == (403, True)
        declined = {"idempotency_key": "key-decline", "reason": "The storage ends too early."}
        assert officer.post(f"{path}/acts/decline", data=declined).status_code == 303
        assert "Declined" in borrower.get(path).text
        _repay_and_quote(house, borrower, officer)


def _repay_and_quote(house: House, borrower: TestClient, officer: TestClient) -> None:
    asked = borrower.post(
        f"/loans/{HEALTHY}/repay",
        data={"idempotency_key": "key-repay", "currency": "CNY", "amount": "1,000.00"},
    )
    assert asked.headers["location"] == f"/loans/{HEALTHY}?done=repayment_asked"
    too_much = {"idempotency_key": "key-quote-1", "mass-202": "9999999"}
    refused = borrower.post(f"/loans/{HEALTHY}/release", data=too_much)
    assert refused.status_code == 409
    assert 'value="9999999"' in refused.text
    quoted = borrower.post(
        f"/loans/{HEALTHY}/release", data={"idempotency_key": "key-quote-2", "mass-202": "500000"}
    )
    path = quoted.headers["location"].partition("?")[0]
    page = borrower.get(path).text
    assert "Pay to the bank" in page
    assert "Effective LTV after" in page
    assert "Order the goods out" not in page
    assert "Order the goods out" in browser(house, "collateral_officer").get(path).text
    opens = house.world.bank.wall.now().astimezone() + timedelta(hours=1)
    order = {
        "idempotency_key": "key-order",
        "receipt": "202",
        "gate": "gate.a",
        "opens_at": f"{opens:%Y-%m-%dT%H:%M}",
        "closes_at": f"{opens + timedelta(hours=9):%Y-%m-%dT%H:%M}",
    }
    waits = browser(house, "collateral_officer").post(f"{path}/order", data=order)
    assert waits.headers["location"] == f"{path}?done=act_waits"
    assert (
        officer.post(f"/loans/{CALLED}/acts/notice", data={"idempotency_key": "key-notice"}).status_code
        == 303
    )
    assert "notice of enforcement given on" in officer.get(f"/loans/{CALLED}").text


def test_a_loan_without_a_value_says_why(browse: Client) -> None:
    page = browse("officer").get(f"/loans/{LOAN}").text
    assert "storage charge is not known" in page
    assert "Somebody brings the fact that is missing" in page
    assert browse("officer").get(f"/loans/{UNVALUED}").status_code == 200


def test_amounts_are_read_to_the_minor_unit_or_not_at_all() -> None:
    assert minor_of("180,000.00", "CNY") == 18_000_000
    assert minor_of(" 12 ", "JPY") == 12
    assert minor_of("0.001", "CNY") is None
    for wrong in ("", "-1", "1e9", "1.2.3", "一百", "NaN", "9" * 30):
        assert minor_of(wrong, "CNY") is None

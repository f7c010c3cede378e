"""A receipt on its page: who controls it, what it weighs, what speaks for and against it, its paper copy."""

import re
from datetime import date, timedelta

import pytest

from backend.console.receipts import Measured, Standing, insured
from backend.receipts import actions as receipts
from backend.receipts.rules import ReceiptUnknown, content_hash
from tests.backend.console.conftest import Client
from tests.backend.console.house import CALLED, House
from tests.support.ledger_life import LENDER

TODAY = date(2026, 11, 24)
COVER = {"insured": True, "insurer": "PICC", "until": "2026-12-31"}


def page_of(browse: Client, house: House, reader: str = "officer", query: str = "") -> str:
    answer = browse(reader).get(f"/receipts/{house.there.values['receipt']}{query}")
    assert answer.status_code == 200
    return answer.text


def test_a_pledged_receipt_is_controlled_by_the_pledgee_and_says_since_when(
    browse: Client, house: House
) -> None:
    page = page_of(browse, house)
    said = (
        rf"Controlled by</span><span class=\"value\">{LENDER}</span>.*pledge {house.there.values['pledge']}"
    )
    assert re.search(said, page)
    for step in (
        "Asked for",
        "Issued",
        "Operator attorned to pledge",
        "Pledge took effect",
        "Delivered under",
    ):
        assert step in page, step


def test_all_eight_claims_stand_with_what_speaks_for_and_against_them(browse: Client, house: House) -> None:
    page = page_of(browse, house)
    for claim in ("Exists", "Identity", "Quantity", "Place", "Quality", "Title", "Exclusivity", "Insured"):
        assert f'<th scope="row">{claim}</th>' in page, claim
    assert "the document says that it is not insured" in page.lower()
    assert "GB/T 3274" in page


def test_the_receipts_mass_stands_beside_what_was_measured(browse: Client, house: House) -> None:
    page = page_of(browse, house)
    assert "agrees within what scales may differ" in page
    assert "20.1" in page
    assert page.count("9.9") > 0


@pytest.mark.parametrize(
    ("weighed", "agrees"), [(10_030, True), (10_031, False), (9_969, False), (None, None)]
)
def test_scales_may_differ_by_what_the_ledger_tolerates(weighed: int | None, *, agrees: bool | None) -> None:
    assert Measured(10_000, weighed, 0, None).agrees is agrees


def test_proofs_are_sentences_and_stills_and_tickets_are_for_who_sees_evidence(
    browse: Client, house: House
) -> None:
    for reader in ("officer", "operator"):
        page = page_of(browse, house, reader)
        assert "witnessed by an opposed party" in page
        assert "scale.1" in page
    page = browse("borrower").get("/receipts/201").text
    assert "Paper copy" in page
    assert "Weigh tickets" not in page
    assert "/media/" not in page


def test_a_paper_copy_is_current_until_what_it_names_changes(browse: Client, house: House) -> None:
    found = house.world.look(lambda s: receipts.receipt(s, house.there.values["receipt"]))
    page = page_of(browse, house)
    assert "<svg" in page
    assert 'class="qr"' in page
    now = page_of(browse, house, query=f"?content=0x{content_hash(found).hex()}")
    assert "The paper copy is current" in now
    assert "The paper copy is out of date" in page_of(browse, house, query="?content=0x" + "11" * 32)


def test_another_partys_receipt_is_not_there(browse: Client, house: House) -> None:
    for reader, foreign, own in (("operator", 201, 1), ("borrower", 1, 201)):
        client = browse(reader)
        answer = client.get(f"/receipts/{foreign}")
        assert (answer.status_code, ReceiptUnknown.code in answer.text) == (404, True), reader
        listed = client.get("/receipts").text
        assert f'<a href="/receipts/{foreign}">' not in listed
        assert f'<a href="/receipts/{own}">' in listed


def test_a_list_is_cut_behind_the_number_that_it_goes_on_from(browse: Client, house: House) -> None:
    client = browse("officer")
    assert '<a href="/receipts/201">' in client.get("/receipts").text
    behind = client.get("/receipts?after=201").text
    assert '<a href="/receipts/201">' not in behind
    assert '<a href="/receipts/202">' in behind
    assert CALLED not in behind


@pytest.mark.parametrize(
    ("document", "standing"),
    [
        (None, Standing.NO_DATA),
        ({}, Standing.NO_DATA),
        ({"insurance": {"insured": False}}, Standing.AGAINST),
        ({"insurance": COVER}, Standing.DOCUMENTED),
        ({"insurance": COVER | {"until": (TODAY - timedelta(days=1)).isoformat()}}, Standing.AGAINST),
    ],
)
def test_an_insurance_is_no_more_than_documented_and_ends(
    document: dict[str, object] | None, standing: Standing
) -> None:
    assert insured(document, TODAY).standing is standing

"""A document without what the law demands is no receipt, and equal documents have equal bytes."""

import copy
from typing import Any

import pytest

from backend.receipts.document import (
    MAY_BE_EMPTY,
    PROFILES,
    DocumentDiffers,
    FieldMalformed,
    FieldsMissing,
    FieldUnknown,
    LedgerTerms,
    ProfileUnknown,
    canonical,
    document_hash,
    require_complete,
    require_same_terms,
)

COMPLETE: dict[str, Any] = {
    "label": "仓单",
    "number": "2026-0001",
    "form": "named",
    "operator": {"name": "Operator", "address": "Road 1", "registration": "CN-1 until 2027-12-31"},
    "depositor": {"name": "Depositor", "address": "Road 2"},
    "goods": {
        "commodity": "steel.hrc",
        "grade": "q235b",
        "quality": "GB/T 3274",
        "mass_kg": 47_880,
        "pieces": 2,
        "packaging": "coils, strapped",
        "marks": [],
        "loss_standard": "none",
        "certificates": [],
    },
    "storage": {
        "site": "yard.one",
        "bay": "bay.a",
        "place": "Hall 1",
        "from": "2026-03-02",
        "until": "2026-12-31",
        "fee": "0.30 CNY/t/day",
        "agreement_date": "2026-02-01",
    },
    "insurance": {"insured": False},
    "third_party_claims": [],
    "issued": {"by": "Keeper", "at": "Wuxi", "on": "2026-03-02"},
    "salt": "00112233445566778899aabbccddeeff",
}
TERMS = LedgerTerms("yard.one", "bay.a", "steel.hrc", "q235b", 47_880, 2)


def changed(path: str, value: object) -> dict[str, Any]:
    document = copy.deepcopy(COMPLETE)
    *sections, name = path.split(".")
    target = document[sections[0]] if sections else document
    if value is None:
        del target[name]
    else:
        target[name] = value
    return document


def test_a_document_with_every_field_of_the_civil_code_is_complete() -> None:
    require_complete(COMPLETE, "CN-909")
    require_same_terms(COMPLETE, TERMS)


@pytest.mark.parametrize("name", PROFILES["CN-909"])
def test_each_statutory_field_is_missed_by_name_when_it_is_not_there(name: str) -> None:
    with pytest.raises(FieldsMissing) as refusal:
        require_complete(changed(name, None), "CN-909")
    assert refusal.value.facts["missing"] == name


@pytest.mark.parametrize(
    "name", [n for n in PROFILES["CN-909"] if n not in MAY_BE_EMPTY and isinstance(changed(n, ""), dict)]
)
def test_an_empty_field_is_not_an_answer(name: str) -> None:
    with pytest.raises((FieldsMissing, FieldMalformed)):
        require_complete(changed(name, ""), "CN-909")


def test_all_missing_fields_are_named_at_once() -> None:
    document = changed("salt", None)
    del document["issued"]
    with pytest.raises(FieldsMissing) as refusal:
        require_complete(document, "CN-909")
    assert refusal.value.facts["missing"] == "issued.by, issued.at, issued.on, salt"


def test_insured_goods_need_sum_period_and_insurer() -> None:
    with pytest.raises(FieldsMissing, match=r"insurance\.insurer"):
        require_complete(changed("insurance.insured", value=True), "CN-909")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("goods.mass_kg", 47_880.0),
        ("goods.mass_kg", True),
        ("goods.mass_kg", -1),
        ("goods.mass_kg", 2**53),
        ("goods.pieces", "2"),
        ("storage.from", "2026-3-2"),
        ("storage.from", "20260302"),
        ("third_party_claims", "none"),
        ("third_party_claims", [""]),
        ("insurance.insured", 1),
        ("label", 7),
    ],
)
def test_a_field_of_the_wrong_form_is_refused(path: str, value: object) -> None:
    with pytest.raises(FieldMalformed) as refusal:
        require_complete(changed(path, value), "CN-909")
    assert refusal.value.facts["field"] == path


@pytest.mark.parametrize("path", ["remark", "goods.colour"])
def test_a_field_that_nobody_would_read_is_refused(path: str) -> None:
    with pytest.raises(FieldUnknown):
        require_complete(changed(path, "x"), "CN-909")


def test_an_unknown_law_completes_nothing() -> None:
    with pytest.raises(ProfileUnknown):
        require_complete(COMPLETE, "XX-1")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("goods.mass_kg", 47_881),
        ("goods.pieces", 3),
        ("goods.grade", "q345b"),
        ("goods.commodity", "steel.crc"),
        ("storage.bay", "bay.b"),
        ("storage.site", "yard.two"),
    ],
)
def test_a_document_that_differs_from_the_ledger_is_refused_by_field(path: str, value: object) -> None:
    with pytest.raises(DocumentDiffers) as refusal:
        require_same_terms(changed(path, value), TERMS)
    assert refusal.value.facts["field"] == path


def test_the_order_in_which_fields_were_written_changes_nothing() -> None:
    assert canonical(dict(reversed(COMPLETE.items()))) == canonical(COMPLETE)


@pytest.mark.parametrize("name", ["label", "salt", "goods.mass_kg", "storage.fee"])
def test_any_changed_field_changes_the_hash(name: str) -> None:
    assert document_hash(changed(name, 1 if name == "goods.mass_kg" else "x")) != document_hash(COMPLETE)

"""Openings, documents and sums that do not follow are refused, whatever the ledger's hashes say of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from backend.audit.checks import life, money
from backend.audit.checks.life import Life
from backend.audit.checks.money import Happened, LoanChainBroken, MoneyDiffers, StillOwed, TermsDiffer
from backend.loans.rules.commitments import TERMS, commitment_of, make_opening
from backend.receipts.document import DocumentDiffers
from tests.support.audit_case import LOAN
from tests.support.audit_proven import Proven


def test_a_loan_event_out_of_the_chain_is_refused(proven: Proven) -> None:
    lived = life.lived(proven.case, proven.told).value
    events = list(lived.pledge.loan_events)
    for args in ({"index": 9}, {"chain": bytes(32)}):
        lived.pledge.loan_events = [replace(events[0], args={**events[0].args, **args}), *events[1:]]
        with pytest.raises(LoanChainBroken):
            money.chained(proven.case, lived)


def test_an_opening_of_another_loan_or_kind_is_refused(proven: Proven) -> None:
    lived = life.lived(proven.case, proven.told).value
    first = lived.pledge.loan_events[0]
    for kind, loan in ((TERMS, LOAN), ("loan.event", "L-2")):
        opening = make_opening(kind, {"loan": loan, "number": 1, "happened": "Disbursed"}, bytes(32))
        commitment = commitment_of(opening)
        chain = money.keccak(bytes(32) + commitment)
        event = replace(first, args={**first.args, "commitment": commitment, "chain": chain})
        lived.pledge.loan_events = [event]
        with pytest.raises(TermsDiffer):
            money.chained(replace(proven.case, loan_events=(opening,)), lived)


def test_a_document_that_states_other_goods_is_refused(proven: Proven) -> None:
    lived = life.lived(proven.case, proven.told).value
    receipt = next(iter(lived.receipts.values()))
    receipt.issued = replace(receipt.issued, args={**receipt.issued.args, "massKg": 1})
    with pytest.raises(DocumentDiffers):
        money.documents(proven.case, lived)


@pytest.fixture
def opened(proven: Proven) -> tuple[Life, dict[str, Any], list[Happened]]:
    """The case's life, terms and loan events."""
    lived = life.lived(proven.case, proven.told).value
    terms = dict(money.terms_opened(proven.case, lived).value)
    return lived, terms, list(money.chained(proven.case, lived).value)


def retold(each: Happened, change: Callable[[dict[str, Any]], None]) -> Happened:
    content = {**each.content, "fact": dict(each.content["fact"])}
    change(content)
    return replace(each, content=content)


def earlier(content: dict[str, Any]) -> None:
    content["fact"]["on"] = date(2026, 3, 15).isoformat()


def lighter(content: dict[str, Any]) -> None:
    content["fact"]["amount_minor"] = "3000000"


def split_otherwise(content: dict[str, Any]) -> None:
    content["met"] = {"principal": content["fact"]["amount_minor"]}


def due_later(content: dict[str, Any]) -> None:
    content["due_on"] = "2026-07-01"


@pytest.mark.parametrize(
    ("number", "change"),
    [(0, lighter), (0, due_later), (1, earlier), (1, lighter), (1, split_otherwise), (3, split_otherwise)],
)
def test_sums_that_do_not_follow_are_refused(
    opened: tuple[Life, dict[str, Any], list[Happened]], number: int, change: Callable[[dict[str, Any]], None]
) -> None:
    lived, terms, happened = opened
    happened[number] = retold(happened[number], change)
    with pytest.raises(MoneyDiffers):
        money.adds_up(lived, terms, happened)


def test_a_closed_loan_owes_nothing_and_was_paid_out(
    opened: tuple[Life, dict[str, Any], list[Happened]],
) -> None:
    lived, terms, happened = opened
    with pytest.raises(StillOwed):
        money.adds_up(lived, terms, happened[:-2])
    with pytest.raises(StillOwed):
        money.adds_up(lived, terms, [])
    lived.pledge.state = "effective"
    assert money.adds_up(lived, terms, happened[:-2]).value.balances.outstanding > 0
    assert money.adds_up(lived, terms, []).saw == "0.00 CNY paid out; repaid: nothing; owed: 0.00 CNY."


def test_interest_is_summed_a_second_way(
    opened: tuple[Life, dict[str, Any], list[Happened]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lived, terms, happened = opened
    honest = money.book

    def generous(*args: Any) -> Any:
        found = honest(*args)
        return replace(found, balances=replace(found.balances, interest=found.balances.interest + 1))

    monkeypatch.setattr(money, "book", generous)
    with pytest.raises(MoneyDiffers) as refusal:
        money.adds_up(lived, terms, happened)
    assert refusal.value.facts["of"] == "interest"

"""A bundle is of one loan only, however much its receipts, sites and numbers are shared with others."""

from collections.abc import Iterator

import pytest

from backend.audit.build import BundleSource, build, movements_and_documents, write
from backend.audit.verify import verify
from iot_bridge.evidence.body import parse_body
from iot_bridge.evidence.statement import statement_id
from tests.support.audit_case import CaseLife
from tests.support.ledger import LedgerInTests, ledger_in_tests
from tests.support.ledger_node import Node


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerInTests]:
    with ledger_in_tests(tmp_path_factory.mktemp("neighbours")) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def loans(ledger: LedgerInTests) -> tuple[CaseLife, CaseLife]:
    """A loan, and a second one after it on what is left of the same receipt."""
    first = CaseLife.begin(Node(ledger)).play()
    second = CaseLife(first.life, first.speakers, loan="L-2", receipt=first.receipt, document=first.document)
    second.take_pledge()
    second.disburse()
    second.repay(1_000_000, second.facts[0].on)
    second.deliver("coil-2")
    return first, second


def source_of(life: CaseLife, ledger: LedgerInTests) -> BundleSource:
    """The loan's source with only those statements that the ledger calls for, and what they rest on."""
    everything = life.source()
    span = (everything.first_block, everything.last_block)
    wanted, documents = movements_and_documents(ledger.rpc, everything.contracts, span, life.pledge)
    files = {statement_id(life.said(file.index).statement): file for file in everything.statements}
    for each in list(wanted):
        body = parse_body(life.said(files[each].index).statement.kind, files[each].body)
        wanted += [bytes.fromhex(text[2:]) for text in body.fields["rests_on"]]
    assert set(documents) == {life.receipt}
    return life.source(without=frozenset(file.index for id_, file in files.items() if id_ not in wanted))


def test_two_loans_on_one_receipt_after_each_other_both_verify(
    loans: tuple[CaseLife, CaseLife], ledger: LedgerInTests
) -> None:
    reports = [verify(write(build(source_of(life, ledger), ledger.rpc)), ledger.rpc) for life in loans]
    assert all(report.verified for report in reports), [report.verdict() for report in reports]
    said = [next(each.detail for each in report.findings if each.name == "life") for report in reports]
    assert said[0].startswith("The pledge is closed")
    assert said[1].startswith("The pledge is effective")
    assert all("2 orders, 0 kg left" in each for each in said)
    money = next(each.detail for each in reports[1].findings if each.name == "money")
    assert "owed: 90000.00 CNY" in money


def test_a_loan_does_not_verify_with_the_others_openings(
    loans: tuple[CaseLife, CaseLife], ledger: LedgerInTests
) -> None:
    first, second = loans
    first_terms, first.terms = first.terms, second.terms
    try:
        report = verify(write(build(source_of(first, ledger), ledger.rpc)))
    finally:
        first.terms = first_terms
    assert [each.error for each in report.findings if each.error] == ["loans.opening_differs"]

"""What a bank with an older book asks its rail: everything but to pay."""

from pathlib import Path

import pytest

from backend.db import reading, transaction
from backend.payments import actions as payments
from backend.payments.rules import IntentState, OutcomeUnknown
from backend.payments.sandbox import SandboxRail
from backend.payments.worker import PaymentWorker
from tests.backend.loans.bank import LOAN, Bank


def state(bank: Bank, name: str) -> IntentState:
    with reading(bank.engine) as session:
        return payments.payment(session, name).state


@pytest.fixture
def intended(pledged: Bank) -> str:
    """A payout that is intended and that the rail has never seen."""
    with transaction(pledged.engine) as session:
        paid = payments.disburse(session, pledged.desk, LOAN, by="sun", at=pledged.at)
    return paid.instruction.end_to_end_id


def test_finding_out_never_instructs(pledged: Bank, intended: str) -> None:
    assert pledged.worker().find_out(pledged.at).finished == []
    assert state(pledged, intended) is IntentState.INTENDED
    with transaction(pledged.engine) as session:
        payments.mark_sent(session, intended, at=pledged.at)
    assert pledged.worker().find_out(pledged.at).finished == []
    assert state(pledged, intended) is IntentState.SENT
    assert pledged.rail.lines(0) == []


def test_what_was_paid_without_the_book_is_settled_once(pledged: Bank, intended: str) -> None:
    with reading(pledged.engine) as session:
        pledged.rail.pay(payments.payment(session, intended).instruction)
    found = pledged.worker().find_out(pledged.at)
    assert [each.state for each in found.finished] == [IntentState.SETTLED]
    assert [each.state.value for each in found.lines] == ["matched"]
    again = pledged.worker().find_out(pledged.at)
    assert (again.finished, again.lines) == ([], [])
    with reading(pledged.engine) as session:
        taken = payments.lines_taken_after(session, pledged.rail.name, 0)
    assert [each.line for each in taken] == pledged.rail.lines(0)


def test_a_settlement_that_the_book_refuses_is_named_and_nothing_is_booked(
    pledged: Bank, intended: str
) -> None:
    with reading(pledged.engine) as session:
        pledged.rail.pay(payments.payment(session, intended).instruction)
    at = pledged.at
    pledged.wait(-1)  # by the bank's date the money leaves tomorrow
    assert pledged.worker().find_out(pledged.at).held.keys() == {intended}
    assert state(pledged, intended) is IntentState.INTENDED
    assert pledged.worker().find_out(at).finished != []


def test_a_rail_that_does_not_answer_is_no_verdict(pledged: Bank, intended: str, tmp_path: Path) -> None:
    away = SandboxRail(tmp_path / "away.sqlite", lambda: pledged.at.today)
    away._file = tmp_path / "nowhere" / "rail.sqlite"
    with pytest.raises(OutcomeUnknown):
        PaymentWorker(pledged.engine, away, pledged.desk).find_out(pledged.at)
    assert state(pledged, intended) is IntentState.INTENDED

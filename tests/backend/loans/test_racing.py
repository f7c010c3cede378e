"""What people and processes do to one loan at the same moment comes out as if they had taken turns."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, func, select

from backend.db import carry_out, reading
from backend.errors import TallystickError
from backend.loans.actions import applying, booking
from backend.loans.actions import reading as loans
from backend.loans.tables.loan import LoanReceiptRow
from backend.payments import actions as payments
from backend.payments.rules import IntentKind
from backend.payments.tables import PaymentIntentRow, StatementLineRow
from tests.backend.loans.bank import FIVE_MILLION, LOAN, Bank, application

RACERS = 4


def race(bank: Bank, units: Sequence[Callable[[Session], Any]]) -> Counter[str]:
    """Let every unit of work start at once; how often each outcome came, "done" or the refusal's code."""
    start = threading.Barrier(len(units))
    outcomes: list[str] = []

    def run(unit: Callable[[Session], Any]) -> None:
        start.wait(30)
        try:
            carry_out(bank.engine, unit)
            outcomes.append("done")
        except TallystickError as refusal:
            outcomes.append(refusal.code)
        except Exception as error:  # noqa: BLE001 - whatever else came out is what the test must show
            outcomes.append(repr(error))

    threads = [threading.Thread(target=run, args=(unit,)) for unit in units]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return Counter(outcomes)


@pytest.mark.parametrize("lap", range(5))
def test_of_applications_that_race_for_a_receipt_one_gets_it_and_the_others_are_told(
    bank: Bank, lap: int
) -> None:
    def apply(number: int) -> Callable[[Session], Any]:
        wanted = application(FIVE_MILLION, f"L-2026-{lap}{number:03}")
        return lambda session: applying.submit(session, wanted, at=bank.at)

    outcomes = race(bank, [apply(number) for number in range(RACERS)])
    assert outcomes == {"done": 1, "loans.receipt_taken": RACERS - 1}
    with reading(bank.engine) as session:
        assert session.exec(select(func.count()).select_from(LoanReceiptRow)).one() == 1


def test_of_disbursements_that_race_one_payment_is_intended(pledged: Bank) -> None:
    def disburse(session: Session) -> None:
        payments.disburse(session, pledged.desk, LOAN, by="sun", at=pledged.at)

    assert race(pledged, [disburse] * RACERS) == {"done": RACERS}
    with reading(pledged.engine) as session:
        (kind,) = session.exec(select(PaymentIntentRow.kind)).all()
    assert kind == IntentKind.DISBURSEMENT


def test_payment_workers_that_race_book_each_line_once_and_the_book_balances(drawn: Bank) -> None:
    for _ in range(3):
        drawn.rail.receive(payer="Wuxi Trading", amount=FIVE_MILLION, reference=LOAN)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            drawn.step()
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with reading(drawn.engine) as session:
        states = session.exec(select(StatementLineRow.state).order_by(StatementLineRow.number)).all()
        owed = loans.standing(session, LOAN, at=drawn.at).balances
    assert list(states) == ["matched", "booked", "booked", "booked"]
    assert (owed.principal, owed.credit) == (0, 2 * FIVE_MILLION.amount_minor)


def test_people_and_sweeps_that_meet_on_one_loan_all_get_their_turn(drawn: Bank) -> None:
    def accrue(session: Session) -> None:
        booking.accrue_day(session, at=drawn.at)

    drawn.wait(1)
    assert race(drawn, [accrue] * RACERS) == {"done": RACERS}
    with reading(drawn.engine) as session:
        once = session.execute(text("SELECT count(*) FROM journal_entry")).scalar_one()
    carry_out(drawn.engine, accrue)
    with reading(drawn.engine) as session:
        assert session.execute(text("SELECT count(*) FROM journal_entry")).scalar_one() == once

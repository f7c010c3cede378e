"""Money leaves once, whatever happens on the way, and what comes in is booked once or parked."""

import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from backend.db import reading, transaction
from backend.identity.rules import RoleMissing, SamePerson
from backend.loans.actions import pledging
from backend.loans.actions import reading as loans
from backend.loans.rules.life import LoanState
from backend.payments import actions as payments
from backend.payments import rules as p
from backend.payments.rules import Direction, Instruction, IntentState, Outcome, OutcomeState, StatementLine
from backend.payments.sandbox import SandboxRail
from backend.payments.tables import PaymentIntentRow
from backend.payments.worker import PaymentWorker, Round
from backend.units import AmountOutOfRange, Money
from tests.backend.loans.bank import FIVE_MILLION, LOAN, PAYEE, START, Bank, state

DISBURSEMENT = f"D-{LOAN}-1"


@dataclass
class BadLine:
    """A line to the real rail on which answers, or whole calls, get lost as often as a test says."""

    rail: SandboxRail
    lose_call: int = 0
    lose_answer: int = 0
    deaf: int = 0
    calls: int = 0
    name: str = "sandbox"

    def pay(self, instruction: Instruction) -> None:
        self.calls += 1
        if self.lose_call:
            self.lose_call -= 1
            raise p.OutcomeUnknown(rail=self.name)
        self.rail.pay(instruction)
        if self.lose_answer:
            self.lose_answer -= 1
            raise p.OutcomeUnknown(rail=self.name)

    def outcome(self, end_to_end_id: str) -> Outcome | None:
        if self.deaf:
            self.deaf -= 1
            raise p.OutcomeUnknown(rail=self.name)
        return self.rail.outcome(end_to_end_id)

    def lines(self, after: int) -> list[StatementLine]:
        return self.rail.lines(after)


def intend(bank: Bank) -> p.PaymentIntent:
    with transaction(bank.engine) as session:
        return payments.disburse(session, bank.desk, LOAN, by="sun", at=bank.at)


def step(bank: Bank, rail: BadLine) -> Round:
    return PaymentWorker(bank.engine, rail, bank.desk).step(bank.at)


def paid_out(bank: Bank) -> list[Money]:
    return [line.amount for line in bank.rail.lines(0) if line.direction is Direction.OUT]


def test_a_second_disbursement_of_a_loan_pays_once(pledged: Bank) -> None:
    assert intend(pledged) == intend(pledged)
    pledged.step()
    assert intend(pledged).state is IntentState.SETTLED
    pledged.step()
    assert paid_out(pledged) == [FIVE_MILLION]
    assert state(pledged) is LoanState.DISBURSED


def test_the_database_itself_refuses_a_second_disbursement(pledged: Bank) -> None:
    intend(pledged)
    with reading(pledged.engine) as session:
        first = session.get_one(PaymentIntentRow, DISBURSEMENT).model_dump()
    with pytest.raises(IntegrityError, match=r"(?i)unique"), transaction(pledged.engine) as session:
        session.add(PaymentIntentRow(**{**first, "end_to_end_id": "D-other"}))


def test_an_unknown_outcome_is_asked_for_and_never_repeated(pledged: Bank) -> None:
    rail = BadLine(pledged.rail, lose_answer=1, deaf=2)
    intend(pledged)
    for _ in range(3):
        assert step(pledged, rail).unknown == [DISBURSEMENT]
        assert intend(pledged).state is IntentState.SENT
        assert state(pledged) is LoanState.PLEDGED
    assert [each.state for each in step(pledged, rail).finished] == [IntentState.SETTLED]
    assert (rail.calls, paid_out(pledged)) == (1, [FIVE_MILLION])


def test_a_payment_that_the_rail_has_certainly_never_seen_is_sent_again(pledged: Bank) -> None:
    rail = BadLine(pledged.rail, lose_call=2)
    intend(pledged)
    assert [step(pledged, rail).unknown for _ in range(2)] == [[DISBURSEMENT], [DISBURSEMENT]]
    assert len(step(pledged, rail).finished) == 1
    assert (rail.calls, paid_out(pledged)) == (3, [FIVE_MILLION])


def test_a_freeze_after_the_intent_holds_the_payment_back(pledged: Bank) -> None:
    intend(pledged)
    with transaction(pledged.engine) as session:
        pledging.freeze(session, LOAN, reason="unauthorised_exit", facts={}, by="alerts", at=pledged.at)
    assert pledged.step().held == {DISBURSEMENT: "loans.drawdown_frozen"}
    assert paid_out(pledged) == []
    with transaction(pledged.engine) as session:
        pledging.unfreeze(
            session, LOAN, reason="unauthorised_exit", first="zhou", second="feng", at=pledged.at
        )
    pledged.step()
    assert paid_out(pledged) == [FIVE_MILLION]


def test_a_rejected_payment_leaves_the_loan_pledged_and_allows_a_new_attempt(pledged: Bank) -> None:
    pledged.rail.close_account(PAYEE.account, "AC04")
    intend(pledged)
    rejected = pledged.step().finished[0]
    assert (rejected.state, rejected.reason) == (IntentState.REJECTED, "AC04")
    assert state(pledged) is LoanState.PLEDGED
    assert intend(pledged).instruction.end_to_end_id == f"D-{LOAN}-2"


def test_only_a_payment_officer_pays_out(pledged: Bank) -> None:
    with pytest.raises(RoleMissing), transaction(pledged.engine) as session:
        payments.disburse(session, pledged.desk, LOAN, by="wu", at=pledged.at)


def test_each_disbursement_has_its_statement_line(drawn: Bank) -> None:
    with reading(drawn.engine) as session:
        assert payments.newest_line(session, "sandbox") == 1
        assert payments.unmatched_lines(session) == []
        assert payments.payment(session, DISBURSEMENT).settled_on == START


def test_a_statement_line_is_booked_once_however_often_it_is_read(drawn: Bank) -> None:
    drawn.pay_in(1_000)
    line = drawn.rail.lines(1)[0]
    with transaction(drawn.engine) as session:
        again = payments.take_line(session, drawn.desk, "sandbox", line, at=drawn.at)
        assert (again.state, again.booked) == (p.LineState.BOOKED, None)
        assert len([fact for fact in loans.facts(session, LOAN) if fact.kind.value == "payment"]) == 1
    for other in (replace(line, amount=Money(1, "CNY")), replace(line, reference="x")):
        with pytest.raises(p.LineDiffers), transaction(drawn.engine) as session:
            payments.take_line(session, drawn.desk, "sandbox", other, at=drawn.at)


def test_several_payments_a_day_and_an_overpayment_are_all_kept(drawn: Bank) -> None:
    for amount in (100_000_000, 400_000_000, 700):
        drawn.pay_in(amount)
    with reading(drawn.engine) as session:
        found = loans.standing(session, LOAN, at=drawn.at)
    assert (found.state, found.balances.outstanding, found.balances.credit) == (LoanState.REPAID, 0, 700)


def test_an_overpayment_is_refunded_by_two_people_and_never_twice(drawn: Bank) -> None:
    drawn.pay_in(500_000_700)

    def refund(amount: int, people: tuple[str, str] = ("sun", "qian")) -> p.PaymentIntent:
        with transaction(drawn.engine) as session:
            return payments.refund(
                session, LOAN, amount=Money(amount, "CNY"), to=PAYEE, people=people, at=drawn.at
            )

    with pytest.raises(SamePerson):
        refund(1, ("sun", "sun"))
    with pytest.raises(AmountOutOfRange):
        refund(0)
    refund(500)
    with pytest.raises(p.CreditTooSmall):
        refund(201)
    assert [each.instruction.end_to_end_id for each in drawn.step().finished] == [f"R-{LOAN}-1"]
    refund(200)
    drawn.step()
    with pytest.raises(p.CreditTooSmall):
        refund(1)
    with reading(drawn.engine) as session:
        assert loans.standing(session, LOAN, at=drawn.at).balances.credit == 0


def test_money_for_nobody_waits_for_a_person_to_say_whose_it_is(drawn: Bank) -> None:
    taken = drawn.pay_in(1_000, reference="invoice 77").lines[0]
    assert taken.state is p.LineState.UNMATCHED

    def assign(loan_id: str = LOAN, number: int = taken.line.number, by: str = "sun") -> p.LineState:
        with transaction(drawn.engine) as session:
            return payments.assign_line(
                session, drawn.desk, rail="sandbox", number=number, loan_id=loan_id, by=by, at=drawn.at
            ).state

    with pytest.raises(RoleMissing):
        assign(by="wu")
    with pytest.raises(p.PaymentUnknown):
        assign(number=99)
    assert assign() is p.LineState.BOOKED
    with pytest.raises(p.LineTaken):
        assign()


def test_money_for_a_loan_that_cannot_take_it_is_parked_and_not_lost(pledged: Bank) -> None:
    taken = pledged.pay_in(1_000).lines[0]
    assert taken.state is p.LineState.UNMATCHED
    with reading(pledged.engine) as session:
        assert [line.amount for _, line in payments.unmatched_lines(session)] == [Money(1_000, "CNY")]
        assert loans.facts(session, LOAN) == []


def test_an_unknown_payment_is_named(bank: Bank) -> None:
    with reading(bank.engine) as session, pytest.raises(p.PaymentUnknown):
        payments.payment(session, "D-nothing")


def test_the_rail_pays_an_id_once_and_refuses_other_content_under_it(tmp_path: Path) -> None:
    rail = SandboxRail(tmp_path / "rail.sqlite", lambda: START)
    order = Instruction("E1", PAYEE, Money(5, "CNY"))
    assert rail.outcome("E1") is None
    rail.pay(order)
    rail.pay(order)
    assert rail.outcome("E1") == Outcome(OutcomeState.SETTLED, START, None)
    assert len(rail.lines(0)) == 1
    for other in (replace(order, amount=Money(6, "CNY")), replace(order, payee=replace(PAYEE, account="x"))):
        with pytest.raises(p.EndToEndIdReused):
            rail.pay(other)


def test_an_end_to_end_id_that_no_bank_would_carry_is_refused() -> None:
    for name in ("", "x" * 36):
        with pytest.raises(p.EndToEndIdInvalid):
            Instruction(name, PAYEE, Money(5, "CNY"))


def test_a_rail_that_cannot_be_reached_gives_no_verdict(tmp_path: Path) -> None:
    rail = SandboxRail(tmp_path / "rail.sqlite", lambda: START)
    (tmp_path / "rail.sqlite").unlink()
    (tmp_path / "rail.sqlite").mkdir()
    with pytest.raises(p.OutcomeUnknown):
        rail.pay(Instruction("E1", PAYEE, Money(5, "CNY")))


KILLED = """
import os, sys
from datetime import date
from pathlib import Path
from backend.payments.sandbox import SandboxRail
from backend.payments.tables import PaymentIntentRow
from backend.payments.rules import Instruction
from backend.loans.rules.loan import Payee
from backend.units import Money
rail = SandboxRail(Path(sys.argv[1]), lambda: date(2026, 3, 2))
rail.pay(Instruction("E1", Payee("a", "b", "c"), Money(5, "CNY")))
with rail._unit() as connection:
    connection.execute("DELETE FROM payment")
    os.kill(os.getpid(), 9)
"""


def test_the_rail_keeps_what_it_committed_through_a_kill_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "rail.sqlite"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert killed.returncode == -9
    after = SandboxRail(file, lambda: date(2026, 3, 3))
    assert after.outcome("E1") == Outcome(OutcomeState.SETTLED, START, None)
    assert [line.reference for line in after.lines(0)] == ["E1"]


def test_payment_days_are_the_rails_own_value_dates(pledged: Bank) -> None:
    rail = BadLine(pledged.rail, deaf=1)
    intend(pledged)
    step(pledged, rail)
    pledged.wait(3)
    step(pledged, rail)
    with reading(pledged.engine) as session:
        assert loans.loan(session, LOAN).drawn_on == START
        assert loans.standing(session, LOAN, at=pledged.at).balances.interest == 233_333
    assert pledged.at.today == START + timedelta(days=3)


def test_what_is_only_intended_waits_while_the_ledger_is_silent_and_money_in_is_booked(pledged: Bank) -> None:
    with transaction(pledged.engine) as session:
        payments.disburse(session, pledged.desk, LOAN, by="sun", at=pledged.at)
    pledged.rail.receive(payer="Wuxi Trading", amount=Money(7, "CNY"), reference="whose is it?")
    round_ = pledged.worker().step_without_paying(pledged.at)
    assert (round_.finished, len(round_.lines)) == ([], 1)
    assert pledged.rail.outcome(DISBURSEMENT) is None
    assert [each.state for each in pledged.step().finished] == [IntentState.SETTLED]

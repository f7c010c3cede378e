"""Carries payments out: durable before it is sent, asked before it is repeated, booked in one transaction.

1. Mark the payment as sent and make that durable: from here on the rail may know of it.
2. Hand it to the rail. No answer is no verdict.
3. Ask the rail what became of it. Only a rail that is certain never to have seen it gets it again.
4. Book the verdict. A kill between any two steps leaves a payment that the next round finishes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.engine import Engine
from sqlmodel import Session

from backend.clock import Moment
from backend.db import DatabaseUnavailable, carry_out, reading
from backend.errors import TallystickError, Unavailable, WrongState
from backend.loans.actions.desk import Desk
from backend.payments import actions
from backend.payments.actions import TakenLine
from backend.payments.repaying import mark_taken, waiting_repayments
from backend.payments.rules import (
    Collecting,
    IntentState,
    Outcome,
    OutcomeUnknown,
    PaymentIntent,
    Rail,
    StatementLine,
)
from backend.units import Money

Reaction = Callable[[Session, TakenLine], None]
"""What follows, in the same transaction, from money that was booked to a loan."""


@dataclass(slots=True)
class Round:
    """What one round did. `held` names payments that may not be sent now, with the reason."""

    finished: list[PaymentIntent] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    lines: list[TakenLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PaymentWorker:
    """Moves money between the book and one rail. One runs at a time; a second would only ask more often."""

    engine: Engine
    rail: Rail
    desk: Desk
    reactions: Sequence[Reaction] = ()

    def step(self, at: Moment) -> Round:
        """Carry out what is intended, find out what is unknown, and take new statement lines.

        Raises:
            DatabaseUnavailable: the database does not answer; the next round finishes what this one began.
        """
        return self._round(self._unfinished(), at)

    def step_without_paying(self, at: Moment) -> Round:
        """The same while the ledger is silent: what was sent is asked after, but nothing intended is sent.

        Raises:
            DatabaseUnavailable: as `step`.
        """
        return self._round([each for each in self._unfinished() if each.state is IntentState.SENT], at)

    def find_out(self, at: Moment) -> Round:
        """Ask what became of every unfinished payment and take new statement lines; instruct nothing, ever.

        For a bank whose book is older than what it has done: what it only intended may have been paid.

        Raises:
            OutcomeUnknown: the rail does not answer; what it has told already is booked.
            DatabaseUnavailable: as `step`.
        """
        done = Round()
        for intent in self._unfinished():
            name = intent.instruction.end_to_end_id
            outcome = self.rail.outcome(name)
            if outcome is None:
                continue  # the rail is certain never to have seen it
            try:
                settled = carry_out(self.engine, partial(self._learn, name=name, outcome=outcome, at=at))
            except DatabaseUnavailable:
                raise
            except TallystickError as refusal:
                done.held[name] = refusal.code
                continue
            if settled.state in (IntentState.SETTLED, IntentState.REJECTED):
                done.finished.append(settled)
        for line in self._fresh_lines():
            done.lines.append(carry_out(self.engine, partial(self._take_line, line=line, at=at)))
        return done

    def _learn(self, session: Session, *, name: str, outcome: Outcome, at: Moment) -> PaymentIntent:
        actions.mark_known(session, name, at=at)
        return actions.settle(session, self.desk, name, outcome, at=at)

    def _unfinished(self) -> list[PaymentIntent]:
        with reading(self.engine) as session:
            return actions.unfinished(session)

    def _round(self, waiting: Sequence[PaymentIntent], at: Moment) -> Round:
        done = Round()
        for intent in waiting:
            self._carry_out(intent, at, done)
        self._collect(done)
        self._take_lines(at, done)
        return done

    def _collect(self, done: Round) -> None:
        """Have the rail take what borrowers asked to pay; its key makes a repetition the same payment."""
        rail = self.rail
        if not isinstance(rail, Collecting):
            return
        with reading(self.engine) as session:
            waiting = waiting_repayments(session, self.rail.name)
        for row in waiting:
            amount = Money(row.amount_minor, row.currency)
            try:
                number = rail.receive(payer=row.payer, amount=amount, reference=row.loan_id, key=row.key)
            except OutcomeUnknown:
                done.unknown.append(row.key)
                continue
            except WrongState as refusal:
                done.held[row.key] = refusal.code
                continue
            carry_out(self.engine, partial(mark_taken, key=row.key, number=number))

    def _carry_out(self, intent: PaymentIntent, at: Moment, done: Round) -> None:
        name = intent.instruction.end_to_end_id
        try:
            if intent.state is IntentState.INTENDED:
                carry_out(self.engine, lambda session: actions.mark_sent(session, name, at=at))
                outcome = self._pay(intent)
            else:
                outcome = self.rail.outcome(name)
                if outcome is None:
                    outcome = self._pay(intent)
        except OutcomeUnknown:
            done.unknown.append(name)
            return
        except DatabaseUnavailable:
            raise
        except (WrongState, Unavailable) as refusal:
            done.held[name] = refusal.code
            return
        if outcome is None:
            done.unknown.append(name)
            return
        settle = partial(actions.settle, desk=self.desk, end_to_end_id=name, outcome=outcome, at=at)
        settled = carry_out(self.engine, settle)
        if settled.state in (IntentState.SETTLED, IntentState.REJECTED):
            done.finished.append(settled)

    def _pay(self, intent: PaymentIntent) -> Outcome | None:
        self.rail.pay(intent.instruction)
        return self.rail.outcome(intent.instruction.end_to_end_id)

    def _take_lines(self, at: Moment, done: Round) -> None:
        try:
            fresh = self._fresh_lines()
        except OutcomeUnknown:
            return
        for line in fresh:
            done.lines.append(carry_out(self.engine, partial(self._take_line, line=line, at=at)))

    def _fresh_lines(self) -> list[StatementLine]:
        with reading(self.engine) as session:
            newest = actions.newest_line(session, self.rail.name)
        return self.rail.lines(newest)

    def _take_line(self, session: Session, *, line: StatementLine, at: Moment) -> TakenLine:
        taken = actions.take_line(session, self.desk, self.rail.name, line, at=at)
        if taken.booked is not None:
            for react in self.reactions:
                react(session, taken)
        return taken

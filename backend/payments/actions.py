"""Write payments as intents, take statement lines, and book what they say."""

from dataclasses import asdict, dataclass

from sqlmodel import Session

from backend.clock import Moment
from backend.errors import Invalid, WrongState
from backend.identity.actions import person_in_role, two_people_in_role
from backend.identity.rules import Role
from backend.loans.actions import booking, pledging, reading
from backend.loans.actions.acts import owed_on
from backend.loans.actions.booking import Booked
from backend.loans.actions.desk import Desk
from backend.loans.rules.loan import LoanUnknown, Payee
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.parties.words import name
from backend.payments.rules import (
    CreditTooSmall,
    Direction,
    Instruction,
    IntentKind,
    IntentState,
    LineDiffers,
    LineState,
    LineTaken,
    Outcome,
    OutcomeState,
    PaymentIntent,
    PaymentUnknown,
    StatementLine,
    disbursement_id,
    refund_id,
)
from backend.payments.tables import (
    PaymentIntentRow,
    StatementLineRow,
    intent_of,
    intents_of,
    last_line,
    lines_above,
    lines_in,
    open_intents,
    to_line,
)
from backend.pledges import actions as pledges
from backend.units import Money, require_positive, total


@dataclass(frozen=True, slots=True)
class TakenLine:
    """A statement line, what it was found to be, and how it was booked if it was."""

    line: StatementLine
    state: LineState
    loan_id: str | None
    booked: Booked | None


def disburse(session: Session, desk: Desk, loan_id: str, *, by: str, at: Moment) -> PaymentIntent:
    """Have the whole principal paid to the loan's payee, once for the life of the loan.

    A second call finds the first one's intent and changes nothing. The pledge's confirmed state is read in
    the transaction that writes the intent.

    Raises:
        PledgeIncomplete: the pledge is not effective on confirmed blocks.
        DrawdownFrozen: a freeze stands.
        ClaimsBelowBar: or `BeyondInitialLine`, `MaturityTooLate`, `PriceStale`: today does not allow it.
        RoleMissing: `by` is no payment officer.
    """
    earlier = intents_of(session, loan_id, IntentKind.DISBURSEMENT)
    standing = [intent for intent in earlier if intent.state is not IntentState.REJECTED]
    if standing:
        return standing[0]
    loan = pledging.open_drawdown(session, desk, loan_id, by=by, at=at)
    instruction = Instruction(disbursement_id(loan_id, len(earlier) + 1), loan.payee, loan.principal)
    return _intend(session, instruction, IntentKind.DISBURSEMENT, loan_id, at)


def refund(
    session: Session, loan_id: str, *, amount: Money, to: Payee, people: tuple[str, str], at: Moment
) -> PaymentIntent:
    """Have some of the borrower's credit paid back: two payment officers have agreed.

    Raises:
        SamePerson: both names lead to one person.
        CreditTooSmall: the credit, less refunds under way, is smaller.
    """
    two_people_in_role(session, *people, Role.PAYMENT_OFFICER)
    require_positive(amount)
    earlier = intents_of(session, loan_id, IntentKind.REFUND)
    under_way = [each.instruction.amount for each in earlier if each.state in _UNFINISHED]
    credit = Money(owed_on(session, reading.loan(session, loan_id), at).credit, amount.currency)
    free = credit - total(under_way, amount.currency)
    if amount > free:
        raise CreditTooSmall(amount_minor=amount.amount_minor, free_minor=free.amount_minor)
    instruction = Instruction(refund_id(loan_id, len(earlier) + 1), to, amount)
    return _intend(session, instruction, IntentKind.REFUND, loan_id, at)


def unfinished(session: Session) -> list[PaymentIntent]:
    """Payments whose outcome is not known yet, oldest first."""
    return open_intents(session)


def payment(session: Session, end_to_end_id: str) -> PaymentIntent:
    """The payment of that name.

    Raises:
        PaymentUnknown: there is none.
    """
    return intent_of(session, end_to_end_id)


def mark_sent(session: Session, end_to_end_id: str, *, at: Moment) -> PaymentIntent:
    """From here on the rail may know of the payment, so it is asked before anything is repeated.

    Raises:
        DrawdownFrozen: something froze the loan since the intent was written; the payment stays intended.
        PledgeIncomplete: the pledge is not effective any more.
    """
    intent = intent_of(session, end_to_end_id)
    if intent.kind is IntentKind.DISBURSEMENT and intent.state is IntentState.INTENDED:
        pledging.require_not_frozen(session, intent.loan_id)
        pledge_id = reading.loan(session, intent.loan_id).pledge_id
        if pledge_id is not None:
            pledges.require_effective(session, pledge_id)
    row = session.get_one(PaymentIntentRow, end_to_end_id)
    if row.state == IntentState.INTENDED:
        row.state, row.sent_at = IntentState.SENT.value, at.now
        session.flush()
    return intent_of(session, end_to_end_id)


def mark_known(session: Session, end_to_end_id: str, *, at: Moment) -> None:
    """The rail has the payment, whatever the book says of sending it: it is asked after from here on."""
    row = session.get_one(PaymentIntentRow, end_to_end_id)
    if row.state == IntentState.INTENDED:
        row.state, row.sent_at = IntentState.SENT.value, at.now
        session.flush()


def settle(
    session: Session, desk: Desk, end_to_end_id: str, outcome: Outcome, *, at: Moment
) -> PaymentIntent:
    """Book what the rail says became of a payment; a pending one changes nothing, a finished one neither."""
    row = session.get_one(PaymentIntentRow, end_to_end_id)
    if IntentState(row.state) not in _UNFINISHED or outcome.state is OutcomeState.PENDING:
        return intent_of(session, end_to_end_id)
    row.reason = outcome.reason
    if outcome.state is OutcomeState.REJECTED:
        row.state = IntentState.REJECTED.value
        session.flush()
        _announce(session, NoticeKind.PAYMENT_REJECTED, row, at)
        return intent_of(session, end_to_end_id)
    if outcome.on is None:
        raise PaymentUnknown(end_to_end_id=end_to_end_id, reason="settled without a value date")
    row.state, row.settled_on = IntentState.SETTLED.value, outcome.on
    session.flush()
    _announce(session, NoticeKind.PAYMENT_SETTLED, row, at)
    amount = Money(row.amount_minor, row.currency)
    if row.kind == IntentKind.DISBURSEMENT:
        booking.record_disbursed(
            session, desk, row.loan_id, payment=end_to_end_id, amount=amount, on=outcome.on, at=at
        )
    else:
        booking.record_refund(
            session, desk, row.loan_id, payment=end_to_end_id, amount=amount, on=outcome.on, at=at
        )
    return intent_of(session, end_to_end_id)


def _announce(session: Session, kind: NoticeKind, row: PaymentIntentRow, at: Moment) -> None:
    announce(
        session,
        kind,
        organisation=name(reading.loan(session, row.loan_id).borrower),
        subject=f"payment/{row.end_to_end_id}",
        facts={
            "loan": row.loan_id,
            "payment_kind": row.kind,
            "amount_minor": row.amount_minor,
            "currency": row.currency,
        },
        at=at.now,
    )


def newest_line(session: Session, rail: str) -> int:
    """The number of the last statement line taken from a rail; 0 before the first."""
    return last_line(session, rail)


def lines_taken_after(session: Session, rail: str, number: int) -> list[TakenLine]:
    """Lines of a rail that were taken with numbers above that one, in order, as they stand now."""
    return [
        TakenLine(to_line(row), LineState(row.state), row.loan_id, None)
        for row in lines_above(session, rail, number)
    ]


def take_line(session: Session, desk: Desk, rail: str, line: StatementLine, *, at: Moment) -> TakenLine:
    """Take one line of a rail's statement, once, and book money in to the loan that the payer named.

    Money out is matched with the payment it belongs to. What fits nothing stays unmatched for a person.

    Raises:
        LineDiffers: another line was taken under this number.
    """
    earlier = session.get(StatementLineRow, (rail, line.number))
    if earlier is not None:
        if to_line(earlier) != line:
            raise LineDiffers(rail=rail, number=line.number)
        return TakenLine(line, LineState(earlier.state), earlier.loan_id, None)
    row = _line_row(rail, line, at)
    session.add(row)
    session.flush()
    if line.direction is Direction.OUT:
        if session.get(PaymentIntentRow, line.reference) is not None:
            row.state = LineState.MATCHED.value
            session.flush()
        return TakenLine(line, LineState(row.state), None, None)
    try:
        loan = reading.loan(session, line.reference.strip())
    except LoanUnknown:
        return TakenLine(line, LineState.UNMATCHED, None, None)
    return _book_line(session, desk, row, loan.id, at)


def assign_line(
    session: Session, desk: Desk, *, rail: str, number: int, loan_id: str, by: str, at: Moment
) -> TakenLine:
    """A payment officer says which loan an unmatched line is for, and it is booked.

    Raises:
        PaymentUnknown: there is no such line.
        LineTaken: it is booked or matched already.
    """
    person_in_role(session, by, Role.PAYMENT_OFFICER)
    row = session.get(StatementLineRow, (rail, number))
    if row is None:
        raise PaymentUnknown(rail=rail, number=number)
    if row.state != LineState.UNMATCHED or row.direction != Direction.IN:
        raise LineTaken(rail=rail, number=number, state=row.state)
    return _book_line(session, desk, row, loan_id, at)


def unmatched_lines(session: Session) -> list[tuple[str, StatementLine]]:
    """Lines that nobody knows the purpose of, with their rail."""
    return [(row.rail, to_line(row)) for row in lines_in(session, LineState.UNMATCHED.value)]


_UNFINISHED = frozenset({IntentState.INTENDED, IntentState.SENT})


def _book_line(session: Session, desk: Desk, row: StatementLineRow, loan_id: str, at: Moment) -> TakenLine:
    """Book a line to a loan; where the loan cannot take it, the money stays unmatched and is not lost."""
    line = to_line(row)
    try:
        with session.begin_nested():
            booked = booking.book_payment(
                session,
                desk,
                loan_id,
                payment=f"{row.rail}-{line.number}",
                amount=line.amount,
                on=line.on,
                at=at,
            )
    except (WrongState, Invalid):
        return TakenLine(line, LineState.UNMATCHED, None, None)
    row.state, row.loan_id = LineState.BOOKED.value, loan_id
    session.flush()
    return TakenLine(line, LineState.BOOKED, loan_id, booked)


def _intend(
    session: Session, instruction: Instruction, kind: IntentKind, loan_id: str, at: Moment
) -> PaymentIntent:
    session.add(
        PaymentIntentRow(
            end_to_end_id=instruction.end_to_end_id,
            kind=kind.value,
            loan_id=loan_id,
            payee=asdict(instruction.payee),
            amount_minor=instruction.amount.amount_minor,
            currency=instruction.amount.currency,
            state=IntentState.INTENDED.value,
            intended_at=at.now,
        )
    )
    session.flush()
    return intent_of(session, instruction.end_to_end_id)


def _line_row(rail: str, line: StatementLine, at: Moment) -> StatementLineRow:
    return StatementLineRow(
        rail=rail,
        number=line.number,
        direction=line.direction.value,
        amount_minor=line.amount.amount_minor,
        currency=line.amount.currency,
        value_on=line.on,
        reference=line.reference,
        counterparty=line.counterparty,
        state=LineState.UNMATCHED.value,
        taken_at=at.now,
    )

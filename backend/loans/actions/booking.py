"""The loan's money: facts are added, and the journal follows from them in the same transaction."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from backend.clock import Moment
from backend.errors import Invalid
from backend.identity.actions import person_in_role, two_people_in_role
from backend.identity.rules import Role
from backend.loans.actions.acts import BOOK, RAIL, bank_actor, current_state, owed_on, take, terms_of
from backend.loans.actions.desk import Desk
from backend.loans.actions.telling import tell
from backend.loans.actions.worth import worth_at
from backend.loans.rules.allocation import Allocation, Bucket
from backend.loans.rules.book import Balances, balances_on, book
from backend.loans.rules.days import NationalCalendar, roll_forward
from backend.loans.rules.facts import BeforeDisbursement, Fact, FactKind, Terms, fact_to_json
from backend.loans.rules.journal import entries_to_add
from backend.loans.rules.life import Act, Actor, Holds, LoanState
from backend.loans.rules.loan import Loan
from backend.loans.rules.product import FeeBase
from backend.loans.tables.book import add_entries, add_fact, facts_of, journal_of
from backend.loans.tables.loan import last_value, loan_ids_in, loan_of, loan_row
from backend.units import CurrencyMismatch, Money

BEARING = frozenset({LoanState.DISBURSED, LoanState.ENFORCING})


class FactFromTheFuture(Invalid):
    """A payment cannot count from a day that has not come."""

    code = "loans.fact_from_the_future"


class NotThePrincipal(Invalid):
    """The sum paid out is not the contract's principal; nothing is deducted up front (Civil Code 670)."""

    code = "loans.not_the_principal"


@dataclass(frozen=True, slots=True)
class Booked:
    """A payment as it was booked, what the loan owes now, and the state that this led to."""

    allocation: Allocation
    balances: Balances
    loan: Loan


def record_disbursed(
    session: Session, desk: Desk, loan_id: str, *, payment: str, amount: Money, on: date, at: Moment
) -> Loan:
    """Book the principal that the rail has paid out, and fix the day on which it is due.

    Interest runs from `on`. The maturity rolls to the next day on which the bank works.

    Raises:
        NotThePrincipal: another sum was paid out than the contract's.
        FactFromTheFuture: `on` has not come.
    """
    loan = loan_of(session, loan_id)
    if amount != loan.principal:
        raise NotThePrincipal(paid_minor=amount.amount_minor, principal_minor=loan.principal.amount_minor)
    matures_on = on + timedelta(days=loan.tenor_days)
    due_on = roll_forward(matures_on, NationalCalendar(loan.product.business_calendar))
    row = loan_row(session, loan_id)
    facts = {"payment": payment, "on": on.isoformat(), "due_on": due_on.isoformat()}
    take(session, loan_id, Act.RECORD_DISBURSED, RAIL, met={Holds.SETTLED}, facts=facts, at=at)
    row.drawn_on, row.due_on = on, due_on
    session.flush()
    drawn = Fact(id=payment, on=on, kind=FactKind.DRAW, amount_minor=amount.amount_minor)
    loan = loan_of(session, loan_id)
    if loan.product.supervision_fee_base is FeeBase.MARKET_VALUE:
        _state_value(session, desk, loan, last_value(session, loan_id), on=on, at=at)
    _add(session, loan, drawn, at)
    tell(session, desk, loan, "Disbursed", {"fact": fact_to_json(drawn), "due_on": due_on.isoformat()}, at)
    return loan


def book_payment(
    session: Session,
    desk: Desk,
    loan_id: str,
    *,
    payment: str,
    amount: Money,
    on: date,
    at: Moment,
    principal_first: bool = False,
) -> Booked:
    """Book money that came in, on its value date; what exceeds the debt is parked as the borrower's credit.

    A date before other facts is no trouble: what follows is reversed and replayed in this transaction.

    Args:
        session: the unit of work.
        desk: the bank at work.
        loan_id: the loan it is for.
        payment: unique name of the payment; the database refuses it a second time.
        amount: in the loan's currency.
        on: value date, not later than today.
        at: business time.
        principal_first: the payer's instruction to prepay principal before interest.

    Raises:
        FactFromTheFuture: the value date has not come.
        BeforeDisbursement: it lies before anything was paid out.
        CurrencyMismatch: it is money of another currency.
    """
    loan = loan_of(session, loan_id)
    if amount.currency != loan.principal.currency:
        raise CurrencyMismatch(one=amount.currency, other=loan.principal.currency)
    fact = Fact(
        id=payment,
        on=on,
        kind=FactKind.PAYMENT,
        amount_minor=amount.amount_minor,
        to=Bucket.PRINCIPAL if principal_first else None,
    )
    facts = {"payment": payment, "amount_minor": amount.amount_minor, "on": on.isoformat()}
    take(session, loan_id, Act.REPAY, RAIL, met={Holds.CLEARED}, facts=facts, at=at)
    _add(session, loan, fact, at)
    allocation = book(_terms(loan), facts_of(session, loan_id)).payments[payment]
    tell(session, desk, loan, "Repaid", {"fact": fact_to_json(fact), "met": allocation.to_json()}, at)
    return Booked(allocation, owed_on(session, loan, at), _settle(session, loan_id, at))


def reverse_payment(session: Session, desk: Desk, loan_id: str, *, payment: str, at: Moment) -> Loan:
    """Undo a payment that was not good, from its own date on; the loan lives again if it owes again.

    Raises:
        NothingToReverse: no such payment stands.
    """
    loan = loan_of(session, loan_id)
    facts = {"payment": payment}
    take(session, loan_id, Act.REVERSE_PAYMENT, RAIL, met=set(), facts=facts, at=at)
    undo = Fact(id=f"reverse:{payment}", on=at.today, kind=FactKind.REVERSE, of=payment)
    _add(session, loan, undo, at)
    tell(session, desk, loan, "PaymentReversed", {"fact": fact_to_json(undo)}, at)
    return _settle(session, loan_id, at)


def record_refund(
    session: Session, desk: Desk, loan_id: str, *, payment: str, amount: Money, on: date, at: Moment
) -> None:
    """Book that the borrower's credit, or a part of it, was paid back.

    Raises:
        MoreThanOwed: the credit is less.
    """
    fact = Fact(id=payment, on=on, kind=FactKind.REFUND, amount_minor=amount.amount_minor)
    loan = loan_of(session, loan_id)
    _add(session, loan, fact, at)
    tell(session, desk, loan, "Refunded", {"fact": fact_to_json(fact)}, at)


def record_cost(
    session: Session, desk: Desk, loan_id: str, *, cost: str, amount: Money, by: str, at: Moment
) -> None:
    """Book a cost of enforcing the loan, which the borrower owes from today."""
    fact = Fact(id=cost, on=at.today, kind=FactKind.COST, amount_minor=amount.amount_minor)
    _charge(session, desk, loan_id, Act.RECORD_COST, fact, by=by, at=at)


def record_misuse(
    session: Session, desk: Desk, loan_id: str, *, case: str, amount: Money, by: str, at: Moment
) -> None:
    """Record that so much of the proceeds was misused: from today that part bears the misuse rate."""
    fact = Fact(id=case, on=at.today, kind=FactKind.MISUSE, amount_minor=amount.amount_minor)
    _charge(session, desk, loan_id, Act.RECORD_MISUSE, fact, by=by, at=at)


def restate_value(session: Session, desk: Desk, loan_id: str, *, at: Moment) -> None:
    """From today the supervision fee is a share of what the goods are worth today.

    Raises:
        PriceStale: or `PriceMissing`, `PriceHeld`: no value can be stated; the fee goes on as it was.
    """
    loan = loan_of(session, loan_id)
    worth = worth_at(session, desk, loan, at, line_bps=loan.product.target_ltv_bps)
    _state_value(session, desk, loan, worth.valuation.market_value.amount_minor, on=at.today, at=at)


def write_off(session: Session, desk: Desk, loan_id: str, *, first: str, second: str, at: Moment) -> Loan:
    """Two approvers give up everything that is owed, accrued to today.

    Raises:
        SamePerson: both names lead to one person.
        ActNotPossible: the loan is neither overdue nor being enforced.
    """
    people = two_people_in_role(session, first, second, Role.APPROVER)
    loan = loan_of(session, loan_id)
    owed = owed_on(session, loan, at).outstanding
    facts: dict[str, Any] = {"people": [person.id for person in people], "amount_minor": owed}
    actor = bank_actor(people[0])
    written = take(session, loan_id, Act.WRITE_OFF, actor, met={Holds.TWO_PEOPLE}, facts=facts, at=at)
    fact = Fact(id=f"write-off:{at.today}", on=at.today, kind=FactKind.WRITE_OFF, amount_minor=owed)
    _add(session, written, fact, at)
    tell(session, desk, written, "WrittenOff", {"fact": fact_to_json(fact)}, at)
    return written


def accrue(session: Session, loan_id: str, *, to: date, at: Moment) -> bool:
    """Book what has accrued up to `to`, which does not count; whether that was not booked before."""
    loan = loan_of(session, loan_id)
    if to > at.today:
        raise FactFromTheFuture(on=to, today=at.today)
    known = facts_of(session, loan_id)
    fact = Fact(id=f"accrue:{to}", on=to, kind=FactKind.ACCRUE)
    if any(each.id == fact.id for each in known):
        return False
    _add(session, loan, fact, at)
    return True


def accrue_day(session: Session, *, at: Moment) -> list[str]:
    """Book what each loan that bears interest has accrued up to today; those for which it was new."""
    bearing = loan_ids_in(session, set(BEARING))
    return [loan_id for loan_id in bearing if accrue(session, loan_id, to=at.today, at=at)]


def payoff_on(session: Session, loan_id: str, on: date) -> Balances:
    """To the minor unit what would end the loan on a day, with every fact known now.

    Raises:
        BeforeDisbursement: nothing was paid out yet.
    """
    loan = loan_of(session, loan_id)
    return balances_on(_terms(loan), facts_of(session, loan_id), on)


def _state_value(session: Session, desk: Desk, loan: Loan, value_minor: int, *, on: date, at: Moment) -> None:
    number = len(facts_of(session, loan.id)) + 1
    fact = Fact(id=f"value:{number}", on=on, kind=FactKind.MARKET_VALUE, amount_minor=value_minor)
    _add(session, loan, fact, at)
    tell(session, desk, loan, "ValueStated", {"fact": fact_to_json(fact)}, at)


def _charge(session: Session, desk: Desk, loan_id: str, act: Act, fact: Fact, *, by: str, at: Moment) -> None:
    actor = bank_actor(person_in_role(session, by, Role.CREDIT_OFFICER))
    facts = {"name": fact.id, "amount_minor": fact.amount_minor}
    loan = take(session, loan_id, act, actor, met=set(), facts=facts, at=at)
    _add(session, loan, fact, at)
    happened = "CostCharged" if act is Act.RECORD_COST else "MisuseRecorded"
    tell(session, desk, loan, happened, {"fact": fact_to_json(fact)}, at)


def _add(session: Session, loan: Loan, fact: Fact, at: Moment) -> None:
    """Add a fact and write the entries by which the journal then follows from all of them."""
    if fact.on > at.today:
        raise FactFromTheFuture(on=fact.on, today=at.today)
    known = facts_of(session, loan.id)
    wanted = book(_terms(loan), [*known, fact]).postings
    add_fact(session, loan.id, fact, number=len(known) + 1, recorded_at=at.now)
    entries, _ = journal_of(session, loan.id)
    currency = loan.principal.currency
    add_entries(
        session,
        entries_to_add(entries, wanted, loan_id=loan.id, currency=currency, booked_at=at.now),
    )


def _settle(session: Session, loan_id: str, at: Moment) -> Loan:
    """Let the loan be repaid when nothing is owed, and live again when something is."""
    loan = loan_of(session, loan_id)
    owed = owed_on(session, loan, at).outstanding
    state = current_state(session, loan, at)
    step: tuple[Act, Actor, Holds] | None = None
    if owed == 0 and state in BEARING | {LoanState.OVERDUE}:
        step = (Act.RECORD_REPAID, BOOK, Holds.NOTHING_OWED)
    elif owed > 0 and state is LoanState.REPAID:
        step = (Act.REOPEN, BOOK, Holds.OWED_AGAIN)
    if step is None:
        return loan
    act, actor, holds = step
    return take(session, loan_id, act, actor, met={holds}, facts={"outstanding_minor": owed}, at=at)


def _terms(loan: Loan) -> Terms:
    terms = terms_of(loan)
    if terms is None:
        raise BeforeDisbursement(loan_id=loan.id)
    return terms

"""How an act moves a loan: by the table of its life, with the facts that decided it kept beside it."""

from typing import Any, Final

from sqlmodel import Session

from backend.clock import Moment
from backend.identity.rules import Person
from backend.loans.rules.book import Balances, balances_on
from backend.loans.rules.facts import Terms
from backend.loans.rules.life import Act, Actor, Holds, LoanState, Who, require_act, state_on
from backend.loans.rules.loan import Loan
from backend.loans.tables.book import facts_of
from backend.loans.tables.loan import LoanActRow, loan_of, loan_row, next_act_number
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.parties.words import name

RAIL: Final = Actor("rail", frozenset({Who.RAIL}))
LEDGER: Final = Actor("ledger", frozenset({Who.LEDGER}))
BOOK: Final = Actor("book", frozenset({Who.BOOK}))
_CAPACITIES: Final = {who.value: who for who in Who}


def bank_actor(person: Person) -> Actor:
    """A person of the bank with the capacities that their roles give."""
    return Actor(person.id, frozenset(_CAPACITIES[role] for role in person.roles if role in _CAPACITIES))


def borrower_actor(borrower: bytes) -> Actor:
    """The borrower's party."""
    return Actor("0x" + borrower.hex(), frozenset({Who.BORROWER}))


def terms_of(loan: Loan) -> Terms | None:
    """What the loan's book is computed under, once it is disbursed."""
    return None if loan.due_on is None else Terms(loan.product, loan.due_on)


def owed_on(session: Session, loan: Loan, at: Moment) -> Balances:
    """What the loan owes on the moment's date, with every fact known so far; nothing before disbursement."""
    terms = terms_of(loan)
    if terms is None:
        return Balances(0, 0, 0, 0, 0, 0)
    return balances_on(terms, facts_of(session, loan.id), at.today)


def current_state(session: Session, loan: Loan, at: Moment) -> LoanState:
    """The loan's state on the moment's date, overdue included."""
    outstanding = owed_on(session, loan, at).outstanding
    return state_on(loan.state, loan.due_on, at.today, outstanding_minor=outstanding)


def take(
    session: Session,
    loan_id: str,
    act: Act,
    actor: Actor,
    *,
    met: set[Holds],
    facts: dict[str, Any],
    at: Moment,
) -> Loan:
    """Move the loan as the table says, and keep who did it with which facts.

    Raises:
        ActNotPossible: the loan's state has no such act.
        ActNotAllowed: the actor has no capacity for it.
        RequirementMissing: the table asks for more than `met`.
    """
    loan = loan_of(session, loan_id)
    row = require_act(current_state(session, loan, at), act, actor, met)
    session.add(
        LoanActRow(
            loan_id=loan_id,
            number=next_act_number(session, loan_id),
            act=act.value,
            before=row.state.value,
            after=row.next.value,
            by=actor.name,
            facts=facts,
            at=at.now,
        )
    )
    loan_row(session, loan_id).state = row.next.value
    session.flush()
    announce(
        session,
        NoticeKind.LOAN_STATE_CHANGED,
        organisation=name(loan.borrower),
        subject=f"loan/{loan_id}",
        facts={"loan": loan_id, "act": act.value, "before": row.state.value, "after": row.next.value},
        at=at.now,
    )
    return loan_of(session, loan_id)

"""What is known of a loan, in our words, for those who show, report or prove it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from backend.clock import Moment
from backend.loans.actions.acts import owed_on, terms_of
from backend.loans.rules.book import Account, Balances
from backend.loans.rules.facts import Fact
from backend.loans.rules.journal import Entry, require_unbroken
from backend.loans.rules.life import LoanState, state_on
from backend.loans.rules.loan import Loan
from backend.loans.rules.standing import RiskClass, class_of, class_with_contagion, days_past_due
from backend.loans.tables import book as books
from backend.loans.tables import loan as loans


@dataclass(frozen=True, slots=True)
class Standing:
    """A loan on a day: its state with overdue seen, what it owes, and its class with contagion."""

    loan: Loan
    state: LoanState
    balances: Balances
    days_past_due: int
    risk_class: RiskClass
    freezes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a commitment on the ledger opens to: number 0 the loan's terms, then its events in order."""

    number: int
    kind: str
    opening: bytes
    commitment: bytes


def loan(session: Session, loan_id: str) -> Loan:
    """The loan as it is stored.

    Raises:
        LoanUnknown: there is none.
    """
    return loans.loan_of(session, loan_id)


def standing(session: Session, loan_id: str, *, at: Moment) -> Standing:
    """The loan as it stands on the moment's date.

    Raises:
        LoanUnknown: there is none.
    """
    found = loans.loan_of(session, loan_id)
    balances, past_due, own = _by_itself(session, found, at)
    drawn = [
        _by_itself(session, loans.loan_of(session, each), at)
        for each in loans.loan_ids_drawn_by(session, found.borrower)
    ]
    claims = [(each.outstanding, risk) for each, _, risk in drawn]
    return Standing(
        found,
        state_on(found.state, found.due_on, at.today, outstanding_minor=balances.outstanding),
        balances,
        past_due,
        class_with_contagion(own, claims),
        tuple(row.reason for row in loans.standing_freezes(session, loan_id)),
    )


def live_loans(session: Session) -> list[str]:
    """Numbers of the loans that owe or may owe."""
    return loans.loan_ids_in(session, {LoanState.DISBURSED, LoanState.ENFORCING})


def loans_on(session: Session, receipt: int) -> list[str]:
    """Numbers of the loans that rest on a receipt now: one at most."""
    return loans.loan_ids_on(session, receipt)


def receipts_under(session: Session, loan_id: str) -> list[int]:
    """The receipts that the loan still rests on."""
    return [row.receipt for row in loans.standing_receipts(session, loan_id)]


def facts(session: Session, loan_id: str) -> Sequence[Fact]:
    """The facts about the loan's money in the order they became known."""
    return books.facts_of(session, loan_id)


def journal(session: Session, loan_id: str) -> Sequence[Entry]:
    """The loan's journal, its chain re-derived.

    Raises:
        JournalBroken: an entry is missing or was altered.
    """
    entries, hashes = books.journal_of(session, loan_id)
    require_unbroken(entries, hashes)
    return entries


def openings(session: Session, loan_id: str) -> list[Opening]:
    """What every commitment of the loan opens to, for a proof bundle."""
    return [
        Opening(row.number, row.kind, row.opening, row.commitment)
        for row in books.openings_of(session, loan_id)
    ]


def acts(session: Session, loan_id: str) -> list[dict[str, object]]:
    """What was done to the loan, by whom and with which facts, in order."""
    return [
        {
            "number": row.number,
            "act": row.act,
            "before": row.before,
            "after": row.after,
            "by": row.by,
            "at": row.at.isoformat(),
            "facts": row.facts,
        }
        for row in loans.acts_of(session, loan_id)
    ]


def trial_balance(session: Session, loan_id: str | None = None) -> dict[tuple[Account, str], int]:
    """Debits less credits by account and currency, of one loan or of all; they sum to 0."""
    return books.trial_balance(session, loan_id)


def _by_itself(session: Session, found: Loan, at: Moment) -> tuple[Balances, int, RiskClass]:
    balances = owed_on(session, found, at)
    terms = terms_of(found)
    late = (
        0 if terms is None else days_past_due(terms.due_on, at.today, outstanding_minor=balances.outstanding)
    )
    return balances, late, class_of(late)

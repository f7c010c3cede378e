"""What is known of a loan, in our words, for those who show, report or prove it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session

from backend.clock import Moment
from backend.loans.actions.acts import owed_on, terms_of
from backend.loans.rules.allocation import Bucket
from backend.loans.rules.book import RECEIVABLE, Account, Balances, balances_on, book
from backend.loans.rules.facts import Fact, FactKind, Terms
from backend.loans.rules.journal import NO_ENTRY, Entry, require_unbroken
from backend.loans.rules.life import LoanState, is_past_due, state_on
from backend.loans.rules.loan import Loan
from backend.loans.rules.standing import RiskClass, class_of, class_with_contagion, days_past_due
from backend.loans.tables import book as books
from backend.loans.tables import loan as loans
from backend.loans.tables.loan import ApprovalRow, FreezeRow, LoanActRow, LoanRow

LIVE: Final = frozenset({LoanState.DISBURSED, LoanState.ENFORCING})
"""Stored states in which a loan owes or may owe."""


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


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a loan's debt comes from: drawn, added by kind, met with money, written off, and owed now."""

    drawn: int
    added: Mapping[Bucket, int]
    paid: int
    written_off: int
    owed: Balances


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


def listed(
    session: Session, borrower: bytes | None, after: str, limit: int, *, at: Moment
) -> list[tuple[LoanRow, LoanState]]:
    """A page of loans, of one borrower or of all, each with its state on the moment's date.

    A loan's book is asked only where it decides: so few statements serve a page of any length.
    """
    rows = loans.loans_after(session, borrower, after, limit)
    late = [row.id for row in rows if is_past_due(LoanState(row.state), row.due_on, at.today)]
    products, facts = loans.products_under(session, late), books.facts_of_each(session, late)

    def state(row: LoanRow) -> LoanState:
        if row.id not in products or row.due_on is None:
            return LoanState(row.state)
        owed = balances_on(Terms(products[row.id], row.due_on), facts[row.id], at.today).outstanding
        return state_on(LoanState(row.state), row.due_on, at.today, outstanding_minor=owed)

    return [(row, state(row)) for row in rows]


def live_loans(session: Session) -> list[str]:
    """Numbers of the loans that owe or may owe."""
    return loans.loan_ids_in(session, LIVE)


def live_currencies(session: Session) -> dict[str, str]:
    """The currency of each loan that owes or may owe, by number."""
    return loans.currencies_in(session, LIVE)


def loans_on(session: Session, receipt: int) -> list[str]:
    """Numbers of the loans that rest on a receipt now: one at most."""
    return loans.loan_ids_on(session, receipt)


def receipts_under(session: Session, loan_id: str) -> list[int]:
    """The receipts that the loan still rests on."""
    return [row.receipt for row in loans.standing_receipts(session, loan_id)]


def facts(session: Session, loan_id: str) -> Sequence[Fact]:
    """The facts about the loan's money in the order they became known."""
    return books.facts_of(session, loan_id)


def recorded_facts(session: Session, loan_id: str) -> Sequence[tuple[datetime, Fact]]:
    """The same, each with when it became known."""
    return books.recorded_facts(session, loan_id)


def flow(session: Session, found: Loan, at: Moment) -> Flow:
    """What was added to a loan's debt and what was taken off it up to the moment's date."""
    terms = terms_of(found)
    owed = owed_on(session, found, at)
    if terms is None:
        return Flow(0, {}, 0, 0, owed)
    known = [fact for fact in books.facts_of(session, found.id) if fact.on <= at.today]
    today = Fact(id="today", on=at.today, kind=FactKind.ACCRUE)
    postings = book(terms, [*known, today]).postings
    added: dict[Bucket, int] = {bucket: 0 for bucket in Bucket if bucket is not Bucket.PRINCIPAL}
    taken = {Account.CASH: 0, Account.PROVISION: 0}
    for each in postings:
        for bucket in added:
            if each.debit is RECEIVABLE[bucket]:
                added[bucket] += each.amount_minor
        if each.debit in taken and each.credit in RECEIVABLE.values():
            taken[each.debit] += each.amount_minor
    drawn = sum(fact.amount_minor for fact in known if fact.kind is FactKind.DRAW)
    return Flow(drawn, added, taken[Account.CASH], taken[Account.PROVISION], owed)


def acts(session: Session, loan_id: str) -> Sequence[LoanActRow]:
    """Everything that was done to a loan, in order."""
    return loans.acts_of(session, loan_id)


def approvals(session: Session, loan_id: str) -> Sequence[ApprovalRow]:
    """Who has approved a loan, in the order they did."""
    return loans.approvals_of(session, loan_id)


def freezes(session: Session, loan_id: str) -> Sequence[FreezeRow]:
    """What lets nothing be drawn on a loan now, each with the facts that led to it."""
    return loans.standing_freezes(session, loan_id)


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


def facts_after(session: Session, loan_id: str, after: int, limit: int) -> Sequence[tuple[int, Fact]]:
    """A page of those facts, each with its number."""
    return books.facts_after(session, loan_id, after, limit)


def journal_after(session: Session, loan_id: str, after: int, limit: int) -> Sequence[Entry]:
    """A page of the loan's journal, its chain re-derived from the entry before the page on.

    Raises:
        JournalBroken: an entry is missing or was altered.
    """
    before = max(after - 1, 0)  # the entry before the page comes along: its hash is what the first one names
    ahead = after - before
    entries, hashes = books.entries_after(session, loan_id, before, limit + ahead)
    if not entries:
        return []
    named = NO_ENTRY if before == 0 else entries[0].previous
    require_unbroken(entries, hashes, after=(before, named))
    return entries[ahead:]


def acts_after(session: Session, loan_id: str, after: int, limit: int) -> Sequence[LoanActRow]:
    """A page of what was done to the loan, by whom and with which facts, in order."""
    return loans.acts_after(session, loan_id, after, limit)


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

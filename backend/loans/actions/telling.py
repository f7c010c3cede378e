"""What the ledger is told of a loan: commitments only, each with its opening kept."""

from typing import Any, Final

from sqlmodel import Session, func, select

from backend.clock import Moment
from backend.loans.actions.desk import Desk
from backend.loans.rules.commitments import SALT_BYTES, TERMS, commitment_of, make_opening
from backend.loans.rules.loan import Loan, terms_content
from backend.loans.tables.book import OpeningRow
from backend.pledges import actions as pledges

EVENT: Final = "loan.event"


def commit_to_terms(session: Session, desk: Desk, loan: Loan, at: Moment) -> bytes:
    """The commitment of the loan's terms; its opening is kept as number 0."""
    return _keep(session, desk, loan, TERMS, terms_content(loan, desk.bank), at)


def tell(session: Session, desk: Desk, loan: Loan, happened: str, facts: dict[str, Any], at: Moment) -> None:
    """Have the ledger chain one more opaque event of a loan that is pledged.

    Args:
        session: the unit of work.
        desk: the bank at work.
        loan: with its pledge; without one the ledger knows no loan to tell of.
        happened: a past participle such as `Disbursed`, only in the opening.
        facts: strings, small integers, lists and objects.
        at: business time.
    """
    if loan.pledge_id is None:
        return
    number = _next_number(session, loan.id)
    content = {"loan": loan.id, "number": number, "happened": happened, "on": at.today.isoformat(), **facts}
    commitment = _keep(session, desk, loan, EVENT, content, at)
    pledges.record_loan_event(session, loan.pledge_id, commitment, signer=desk.bank)


def _keep(session: Session, desk: Desk, loan: Loan, kind: str, content: dict[str, Any], at: Moment) -> bytes:
    opening = make_opening(kind, content, desk.random(SALT_BYTES))
    commitment = commitment_of(opening)
    session.add(
        OpeningRow(
            loan_id=loan.id,
            number=_next_number(session, loan.id),
            kind=kind,
            opening=opening,
            commitment=commitment,
            made_at=at.now,
        )
    )
    session.flush()
    return commitment


def _next_number(session: Session, loan_id: str) -> int:
    return session.exec(select(func.count()).where(OpeningRow.loan_id == loan_id)).one()

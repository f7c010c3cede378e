"""Which loans concern a caller: the borrower's own; the bank and its auditors see all."""

from typing import Annotated, Final

from fastapi import Path
from sqlmodel import Session

from backend.identity.permissions import Caller
from backend.loans.actions import reading
from backend.loans.rules.loan import Loan, LoanUnknown
from backend.parties.scope import party_of, sees_all

LOAN_ID: Final = r"^[A-Za-z0-9-]{3,28}$"
LoanInPath = Annotated[str, Path(pattern=LOAN_ID, examples=["L-0001"])]


def loan_seen(session: Session, caller: Caller, loan_id: str) -> Loan:
    """The loan, if it concerns the caller.

    Raises:
        LoanUnknown: there is none, or it is another borrower's.
    """
    found = reading.loan(session, loan_id)
    if not sees_all(caller):
        require_borrower(caller, found)
    return found


def own_loan(session: Session, caller: Caller, loan_id: str) -> Loan:
    """The loan, if the caller is its borrower.

    Raises:
        LoanUnknown: there is none, or it is another borrower's.
    """
    found = reading.loan(session, loan_id)
    require_borrower(caller, found)
    return found


def require_borrower(caller: Caller, loan: Loan) -> None:
    """Refuse whoever is not the borrower, as if there were no such loan.

    Raises:
        LoanUnknown: the borrower is another.
    """
    if loan.borrower != party_of(caller):
        raise LoanUnknown(loan_id=loan.id)

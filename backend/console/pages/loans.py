"""The list of loans, a page at a time by their numbers."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from backend.console.visiting import Visit, seen_by
from backend.db import from_hex
from backend.identity.permissions import Permission
from backend.loans.reading_routes import After, list_loans
from backend.loans.shapes import LoanShort
from backend.margin.actions.surveying import Surveyed, stand_of
from backend.parties import actions as parties

router = APIRouter(include_in_schema=False)
A_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A loan with how its cover stands, and the borrower's name where the register has one."""

    loan: LoanShort
    cover: Surveyed
    borrower: str | None


@router.get("/loans")
def loans(visit: Annotated[Visit, Depends(seen_by(Permission.LOANS_READ))], after: After = "") -> Response:
    """Loans by number, those that the reader may see."""
    found = list_loans(visit.look, visit.times, visit.caller, after, A_PAGE)
    covers = visit.look(lambda session: stand_of(session, [each.id for each in found.items]))
    borrowers = {from_hex(each.borrower) for each in found.items}
    names = visit.look(lambda session: parties.names_of(session, borrowers))
    rows = [
        Row(loan, cover, names.get(from_hex(loan.borrower)))
        for loan, cover in zip(found.items, covers, strict=True)
    ]
    return visit.page(
        "loans.html", may_apply=visit.may(Permission.LOANS_APPLY), rows=rows, next=found.next, after=after
    )

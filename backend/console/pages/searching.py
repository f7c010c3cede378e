"""Search by number or hash: a page is found by its name, and nothing is guessed."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from backend.alerts.routes import get_alert
from backend.console.visiting import Visit, see_other, seen_by
from backend.errors import Forbidden, NotFound
from backend.evidence.routes import get_statement
from backend.identity.permissions import Permission
from backend.loans.access import LOAN_ID
from backend.loans.reading_routes import get_loan
from backend.receipts.routes import get_receipt
from backend.web.forms import WORD

router = APIRouter(include_in_schema=False)
NUMBER: Final = r"[1-9][0-9]{0,8}"


@dataclass(frozen=True, slots=True)
class Hit:
    """A page that was found: `kind` is a code of the context `found`."""

    kind: str
    name: str
    path: str


Finder = Callable[[Visit, str], Iterator[Hit]]


def find_loan(visit: Visit, text: str) -> Iterator[Hit]:
    """The loan of that number."""
    if visit.may(Permission.LOANS_READ) and re.fullmatch(LOAN_ID, text):
        loan = get_loan(visit.look, visit.times, visit.caller, text)
        yield Hit("loan", loan.id, f"/loans/{loan.id}")


def find_statement(visit: Visit, text: str) -> Iterator[Hit]:
    """The statement of that hash."""
    if visit.may(Permission.EVIDENCE_READ) and re.fullmatch(WORD, text):
        statement = get_statement(visit.look, visit.caller, text)
        yield Hit("statement", statement.id, f"/audit/statements/{statement.id}")


def find_receipt(visit: Visit, text: str) -> Iterator[Hit]:
    """The receipt of that number."""
    if visit.may(Permission.RECEIPTS_READ) and re.fullmatch(NUMBER, text):
        receipt = get_receipt(visit.look, visit.times, visit.caller, int(text))
        yield Hit("receipt", str(receipt.id), f"/receipts/{receipt.id}")


def find_alert(visit: Visit, text: str) -> Iterator[Hit]:
    """The alert of that number."""
    if visit.may(Permission.ALERTS_READ) and re.fullmatch(NUMBER, text):
        alert = get_alert(visit.look, visit.caller, int(text))
        yield Hit("alert", str(alert.id), f"/alerts/{alert.id}")


FINDERS: Final[tuple[Finder, ...]] = (find_loan, find_statement, find_receipt, find_alert)
"""Each says what goes by a text, or nothing; one that finds nothing may refuse as its capability does."""


@router.get("/search")
def search(
    visit: Annotated[Visit, Depends(seen_by())], q: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """To the page itself where one is found, else to a list."""
    text = q.strip()
    hits = [*_found(visit, text)] if text else []
    if len(hits) == 1:
        return see_other(hits[0].path)
    return visit.page("search.html", text=text, hits=hits)


def _found(visit: Visit, text: str) -> Iterator[Hit]:
    for finder in FINDERS:
        try:
            yield from finder(visit, text)
        except (NotFound, Forbidden):
            continue

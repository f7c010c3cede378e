"""What happened, newest last page first; opening the page counts as having seen all of it."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from backend.console import session as cookies
from backend.console.visiting import Visit, seen_by
from backend.identity.permissions import Permission
from backend.notices import actions
from backend.notices.routes import list_notices
from backend.web.pages import AfterNumber

router = APIRouter(include_in_schema=False)
A_PAGE: Final = 50


@router.get("/notices")
def notices(
    visit: Annotated[Visit, Depends(seen_by(Permission.EVENTS_READ))], after: AfterNumber | None = None
) -> Response:
    """Notices that concern the reader; without a place to begin, the newest."""
    newest = visit.look(actions.newest)
    start = max(0, newest - A_PAGE) if after is None else after
    found = list_notices(visit.look, visit.caller, start, A_PAGE)
    answer = visit.page("notices.html", found=found, start=start)
    cookies.keep_choice(visit.request, answer, cookies.SEEN, str(newest))
    return answer


def link_of(subject: str) -> str:
    """The page about a notice's subject, as in `loan/L-1`; empty where there is none."""
    kind, _, name = subject.partition("/")
    return f"{PLACES[kind]}/{name}" if kind in PLACES and name.replace("-", "").isalnum() else ""


PLACES: Final[dict[str, str]] = {"loan": "/loans"}
"""Kind of subject → the path below which it has a page."""

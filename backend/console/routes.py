"""The console's routers put together, with what goes with every page: static files and events."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from backend.console.pages import (
    alerts,
    approvals,
    audit,
    dashboard,
    demonstrating,
    documents,
    loans,
    media,
    notices,
    receipts,
    searching,
    signing,
    statements,
)
from backend.console.pages.lending import acts, applying, overview, parts, paying
from backend.console.rendering import FOREVER, PageUnknown, assets
from backend.console.visiting import Visit, seen_by
from backend.identity.permissions import Permission
from backend.notices.routes import stream_events
from backend.notices.streaming import Tide
from backend.web.pages import AfterNumber

SIGNING_IN: Final = ("/sign-in", "/sign-in/demo", "/sign-out", "/password")
"""Forms that are taken in a bank that only reads as well."""
router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A file whose address changes with its content, so that browsers may keep it for good."""
    found = assets().get(name)
    if found is None:
        raise PageUnknown(name=name)
    return Response(found.content, headers={"Cache-Control": FOREVER}, media_type=found.media_type)


@router.get("/events", response_class=EventSourceResponse)
async def events(
    visit: Annotated[Visit, Depends(seen_by(Permission.EVENTS_READ))],
    after: AfterNumber = 0,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,18}$")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The API's stream of events for who is signed in here; the cookie stands in for the header."""
    tide = visit.ports.of(Tide)
    stream = stream_events(visit.caller, tide, visit.credential, visit.times, after, last_event_id)
    async for event in stream:
        yield event


ROUTERS: Final[Sequence[APIRouter]] = (
    router,
    signing.router,
    demonstrating.router,
    dashboard.router,
    loans.router,
    alerts.router,
    applying.router,
    acts.router,
    parts.router,
    paying.router,
    overview.router,
    media.router,
    documents.router,
    approvals.router,
    statements.router,
    audit.router,
    notices.router,
    receipts.router,
    searching.router,
)

"""Alerts over the API: what somebody at the bank must look at, and the word of who has looked."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from backend.alerts.actions import close_alert
from backend.alerts.rules import AlertClosed, AlertKind, AlertUnknown
from backend.alerts.tables import AlertRow, alert_row, alerts_after
from backend.db import stored_number
from backend.identity.permissions import Caller, Permission, PersonNeeded, require_person
from backend.parties.scope import sees_all, sees_site, sites_of
from backend.parties.words import name
from backend.web.caller import may
from backend.web.forms import NumberInPath
from backend.web.pages import AfterNumber, Limit, Page, page
from backend.web.problems import plain, refusals
from backend.web.work import LookDep, OnceDep, TimesDep

router = APIRouter(prefix="/v1", tags=["alerts"])
Reader = Annotated[Caller, Depends(may(Permission.ALERTS_READ))]


class Standing(StrEnum):
    """Which alerts are asked for."""

    OPEN = "open"
    CLOSED = "closed"


class Alert(BaseModel):
    """An alert; while it is open, nothing may be drawn on goods that it froze."""

    id: int
    kind: AlertKind
    site: str
    statement: str | None = Field(description="The statement that opened it.")
    facts: dict[str, Any]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closing: str | None = Field(description="What it was, in the words of who closed it.")


class Closing(BaseModel):
    """What it was."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1_000, pattern=r"^[^\x00]*$")
    ] = Field(examples=["The guard let a coil out for the crane's test; it is back in bay A."])


@router.get("/alerts")
def list_alerts(
    look: LookDep,
    caller: Reader,
    state: Standing | None = None,
    after: AfterNumber = 0,
    limit: Limit = 50,
) -> Page[Alert]:
    """Alerts, oldest first: open ones, closed ones, or all where `state` is not given."""
    is_open = None if state is None else state is Standing.OPEN

    def question(session: Session) -> Page[Alert]:
        sites = None if sees_all(caller) else sites_of(session, caller)
        found = alerts_after(session, after, limit + 1, is_open=is_open, sites=sites)
        return page(found, limit, shown=_shown, key=lambda row: stored_number(row.id))

    return look(question)


@router.get("/alerts/{alert}", responses=refusals(AlertUnknown))
def get_alert(look: LookDep, caller: Reader, alert: NumberInPath) -> Alert:
    """One alert."""
    return look(lambda session: _shown(_seen(session, caller, alert)))


@router.post(
    "/alerts/{alert}/close",
    response_model=Alert,
    responses=refusals(AlertUnknown, AlertClosed, PersonNeeded),
)
def close(
    alert: NumberInPath,
    body: Closing,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.ALERTS_CLOSE))],
) -> Response:
    """Say what an alert was, as the person who looked; what it froze is lifted by an act of its own."""
    person = require_person(caller)

    def effect(session: Session) -> Alert:
        _seen(session, caller, alert)
        close_alert(session, alert, by=person, closing=body.reason, now=times.wall.now())
        return _shown(alert_row(session, alert))

    return once(effect)


def _seen(session: Session, caller: Caller, alert_id: int) -> AlertRow:
    row = alert_row(session, alert_id)
    if not sees_site(session, caller, row.site):
        raise AlertUnknown(alert=alert_id)
    return row


def _shown(row: AlertRow) -> Alert:
    return Alert(
        id=stored_number(row.id),
        kind=AlertKind(row.kind),
        site=name(row.site),
        statement=None if row.statement is None else "0x" + row.statement.hex(),
        facts=plain(row.facts),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        closing=row.closing,
    )

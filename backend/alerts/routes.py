"""Alerts over the API: what somebody at the bank must look at, and the word of who has looked."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from backend.alerts.actions import close_alert, decide
from backend.alerts.reviewing import review
from backend.alerts.rules import (
    AlertClosed,
    AlertKind,
    AlertState,
    AlertUnknown,
    AnotherPersonNeeded,
    Decided,
    Decision,
    ExitState,
    owner_of,
    state_of,
)
from backend.alerts.tables import (
    AlertRow,
    alert_row,
    alerts_after,
    alerts_in_state,
    decisions_on,
    exits_waiting,
)
from backend.db import stored_number
from backend.identity.permissions import Caller, Permission, PersonNeeded, require_person
from backend.parties.rules import SiteUnknown
from backend.parties.scope import sees_all, sees_site, sites_of
from backend.parties.words import name
from backend.receipts.shapes import ReleaseOrder, order_shown
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
    FIRING = "firing"
    NO_DATA = "no_data"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class DecisionShown(BaseModel):
    """What a person decided about an alert."""

    decision: Decision
    reason: str
    by: str
    at: datetime


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
    state: AlertState
    owner: str | None = Field(description="Who looks after it; null before anybody does, and once escalated.")
    decisions: list[DecisionShown] = Field(description="In the order they were made.")


class Waiting(BaseModel):
    """An exit in the hours of an order, until it is known which piece it was; later it is an alert."""

    crossing: str
    site: str
    gate: str
    since: datetime
    due_at: datetime


class TouchedShown(BaseModel):
    """A receipt that the alert is about or has frozen, and the loans that rest on it."""

    receipt: int
    loans: list[str]
    is_sure: bool = Field(
        description="Whether the piece that left is its own; else it lies at the same site."
    )


class ReviewShown(BaseModel):
    """What is known beside the alert's own facts."""

    exit_state: ExitState | None = Field(description="Null where the alert is about no exit.")
    orders: list[ReleaseOrder] = Field(description="Under which the gate might be passed when it crossed.")
    departure: str | None = Field(description="The statement that says which piece left.")
    piece: str | None
    mass_kg: int | None
    touched: list[TouchedShown]
    freezes: bool


Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1_000, pattern=r"^[^\x00]*$")
]


class Closing(BaseModel):
    """What it was."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(examples=["The guard let a coil out for the crane's test; it is back in bay A."])


class Deciding(BaseModel):
    """What is decided about an alert, and why."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision = Field(examples=[Decision.RECOUNT_ASKED])
    reason: Reason = Field(examples=["The camera was dazzled; let bay A be counted by hand."])


@router.get("/alerts")
def list_alerts(
    look: LookDep,
    caller: Reader,
    state: Standing | None = None,
    after: AfterNumber = 0,
    limit: Limit = 50,
) -> Page[Alert]:
    """Alerts, oldest first: in one state, all that are open, or all where `state` is not given."""

    def question(session: Session) -> Page[Alert]:
        sites = None if sees_all(caller) else sites_of(session, caller)
        if state is None or state is Standing.OPEN:
            is_open = None if state is None else True
            found = alerts_after(session, after, limit + 1, is_open=is_open, sites=sites)
        else:
            found = alerts_in_state(session, AlertState(state.value), after, limit + 1, sites=sites)
        decided = decisions_on(session, [stored_number(row.id) for row in found])

        def shown(row: AlertRow) -> Alert:
            return _shown(row, decided[stored_number(row.id)])

        return page(found, limit, shown=shown, key=lambda row: stored_number(row.id))

    return look(question)


@router.get("/alerts/{alert}", responses=refusals(AlertUnknown))
def get_alert(look: LookDep, caller: Reader, alert: NumberInPath) -> Alert:
    """One alert."""
    return look(lambda session: _now(session, _seen(session, caller, alert)))


@router.get("/alerts/{alert}/review", responses=refusals(AlertUnknown))
def get_review(look: LookDep, caller: Reader, alert: NumberInPath) -> ReviewShown:
    """What was expected, what was counted, and which receipts and loans it touches."""

    def question(session: Session) -> ReviewShown:
        found = review(session, _seen(session, caller, alert))
        return ReviewShown(
            exit_state=found.exit_state,
            orders=[order_shown(each) for each in found.orders],
            departure=found.departure,
            piece=found.piece,
            mass_kg=found.mass_kg,
            touched=[
                TouchedShown(receipt=each.receipt, loans=list(each.loans), is_sure=each.is_sure)
                for each in found.touched
            ],
            freezes=found.freezes,
        )

    return look(question)


@router.get("/exits/waiting")
def list_waiting_exits(look: LookDep, caller: Reader, limit: Limit = 50) -> list[Waiting]:
    """Exits that wait for what says which piece left, the first to become an alert first."""

    def question(session: Session) -> list[Waiting]:
        sites = None if sees_all(caller) else sites_of(session, caller)
        return [
            Waiting(
                crossing="0x" + each.crossing.hex(),
                site=name(each.site),
                gate=each.gate,
                since=each.taken_at,
                due_at=each.due_at,
            )
            for each in exits_waiting(session, limit, sites=sites)
        ]

    return look(question)


@router.post(
    "/alerts/{alert}/decide",
    response_model=Alert,
    responses=refusals(AlertUnknown, AlertClosed, AnotherPersonNeeded, PersonNeeded, SiteUnknown),
)
def decide_alert(
    alert: NumberInPath,
    body: Deciding,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.ALERTS_CLOSE))],
) -> Response:
    """Decide about an alert as the person who looked; what it froze is lifted by an act of its own."""
    person = require_person(caller)

    def effect(session: Session) -> Alert:
        row = _seen(session, caller, alert)
        decide(session, alert, body.decision, by=person, reason=body.reason, now=times.wall.now())
        return _now(session, row)

    return once(effect)


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
        return _now(session, alert_row(session, alert))

    return once(effect)


def _seen(session: Session, caller: Caller, alert_id: int) -> AlertRow:
    row = alert_row(session, alert_id)
    if not sees_site(session, caller, row.site):
        raise AlertUnknown(alert=alert_id)
    return row


def _now(session: Session, row: AlertRow) -> Alert:
    number = stored_number(row.id)
    return _shown(row, decisions_on(session, [number])[number])


def _shown(row: AlertRow, decided: Sequence[Decided]) -> Alert:
    kind = AlertKind(row.kind)
    return Alert(
        id=stored_number(row.id),
        kind=kind,
        site=name(row.site),
        statement=None if row.statement is None else "0x" + row.statement.hex(),
        facts=plain(row.facts),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        closing=row.closing,
        state=state_of(kind, decided, is_closed=row.closed_at is not None),
        owner=owner_of(decided),
        decisions=[
            DecisionShown(decision=each.decision, reason=each.reason, by=each.by, at=each.at)
            for each in decided
        ],
    )

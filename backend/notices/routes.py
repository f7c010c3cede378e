"""What happened, over the API: by the page or as it happens, and the webhooks that are called with it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from backend.db import DatabaseUnavailable, reading, stored_number
from backend.errors import Forbidden, Unauthenticated
from backend.identity.credentials import caller_of
from backend.identity.permissions import Caller, OrganisationKind, Permission, require_permission
from backend.notices import actions
from backend.notices.rules import (
    DeliveryState,
    EndpointDisabled,
    EndpointUnknown,
    Notice,
    NoticeDeliveryUnknown,
    NoticeKind,
    StillPending,
    UrlPolicy,
    UrlRefused,
)
from backend.notices.sealing import SecretBox
from backend.notices.streaming import Tide
from backend.notices.tables import (
    EndpointRow,
    NoticeDeliveryRow,
    deliveries_after,
    endpoint_row,
    endpoints_after,
    notices_after,
)
from backend.web.caller import bearer, may
from backend.web.forms import NumberInPath
from backend.web.pages import AfterName, AfterNumber, Limit, Page, page
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.work import LookDep, OnceDep, TimesDep, ToldOnce

router = APIRouter(prefix="/v1", tags=["notices"])
Reader = Annotated[Caller, Depends(may(Permission.EVENTS_READ))]
Administrator = Annotated[Caller, Depends(may(Permission.WEBHOOKS_ADMINISTER))]
EndpointInPath = Annotated[str, Path(pattern=r"^(wh_|mail-)[0-9a-f]{24}$")]


class NoticeShown(BaseModel):
    """Something that happened."""

    id: int
    kind: NoticeKind
    subject: str = Field(examples=["alert/12"])
    facts: dict[str, Any]
    at: datetime


class WebhookWanted(BaseModel):
    """A URL to be called, and for which kinds of notices; for all of them when none is named."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=8, max_length=500, pattern=r"^[!-~]*$", examples=["https://erp.example/tallystick"]
    )
    kinds: list[NoticeKind] = Field(default_factory=list, max_length=32, examples=[["alert_opened"]])


class Webhook(BaseModel):
    """Where notices are called to; a `mailto:` one comes from the installation's settings."""

    id: str
    url: str
    kinds: list[NoticeKind]
    active: bool
    enrolled_at: datetime


class WebhookEnrolled(Webhook, ToldOnce):
    """A new webhook with the secret that its calls are signed with; the secret is told once."""

    UNKEPT = "secret"

    secret: str | None = Field(
        description="Null where it was told before: whoever lost it enrols another webhook.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class NoticeDelivery(BaseModel):
    """How far one notice is on its way to one webhook."""

    id: int
    notice: int
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    last_at: datetime | None
    last_status: str | None


def sees_all(caller: Caller) -> bool:
    """Whether the caller looks at what happens to everybody: the bank and its auditors."""
    return caller.kind in (OrganisationKind.BANK, OrganisationKind.AUDITOR)


@router.get("/notices")
def list_notices(
    look: LookDep, caller: Reader, after: AfterNumber = 0, limit: Limit = 50
) -> Page[NoticeShown]:
    """Notices that concern the caller's organisation, oldest first; the bank sees all."""
    scope = _scope(caller)
    found = look(lambda session: notices_after(session, after, limit + 1, organisation=scope))
    return page(found, limit, shown=_shown, key=lambda each: each.id)


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(
    caller: Reader,
    tide: Annotated[Tide, Depends(port(Tide))],
    credential: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    times: TimesDep,
    after: AfterNumber = 0,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,18}$")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The same notices as server-sent events, as they happen.

    Begins behind `Last-Event-ID`, else behind `after`; the event's id is the notice's. Ends with the process:
    a client connects again and misses nothing. Ends within seconds, too, when the credential is taken back.
    """

    def may_still() -> bool:
        try:
            with reading(tide.engine) as session:
                now = caller_of(session, credential.credentials, times.wall.now())
            require_permission(now, Permission.EVENTS_READ)
        except (Unauthenticated, Forbidden, DatabaseUnavailable):
            return False  # also where it cannot be asked: a client connects again
        return _scope(now) == _scope(caller)

    start = after if last_event_id is None else int(last_event_id)
    yield ServerSentEvent(comment="open", retry=1000)
    async for notice in tide.follow(start, _scope(caller), may_still):
        shown = _shown(notice).model_dump(mode="json")
        yield ServerSentEvent(data=shown, event=notice.kind.value, id=str(notice.id))


@router.post("/webhooks", status_code=201, response_model=WebhookEnrolled, responses=refusals(UrlRefused))
def enrol_webhook(
    body: WebhookWanted,
    once: OnceDep,
    times: TimesDep,
    caller: Administrator,
    box: Annotated[SecretBox, Depends(port(SecretBox))],
    policy: Annotated[UrlPolicy, Depends(port(UrlPolicy))],
) -> Response:
    """Have notices that concern the caller's organisation called to a URL, signed as Standard Webhooks.

    The secret that they are signed with is told in this answer only.
    """

    def effect(session: Session) -> WebhookEnrolled:
        made = actions.enrol_endpoint(
            session,
            caller.organisation,
            body.url,
            body.kinds,
            sees_all=sees_all(caller),
            seal=box.seal,
            policy=policy,
            now=times.wall.now(),
        )
        return WebhookEnrolled(**_webhook(made).model_dump(), secret=box.shown(made.sealed_secret, made.id))

    return once(effect, status=201)


@router.get("/webhooks")
def list_webhooks(
    look: LookDep, caller: Administrator, after: AfterName = "", limit: Limit = 50
) -> Page[Webhook]:
    """The caller's organisation's webhooks, disabled ones too."""
    found = look(lambda session: endpoints_after(session, caller.organisation, after, limit + 1))
    return page(found, limit, shown=_webhook, key=lambda each: each.id)


@router.delete("/webhooks/{webhook}", response_model=Webhook, responses=refusals(EndpointUnknown))
def disable_webhook(webhook: EndpointInPath, once: OnceDep, caller: Administrator) -> Response:
    """Call a webhook no more; what was still to be delivered is cancelled, its deliveries stay to be read."""
    return once(lambda session: _webhook(actions.disable_endpoint(session, webhook, caller.organisation)))


@router.get("/webhooks/{webhook}/deliveries", responses=refusals(EndpointUnknown))
def list_deliveries(
    webhook: EndpointInPath, look: LookDep, caller: Administrator, after: AfterNumber = 0, limit: Limit = 50
) -> Page[NoticeDelivery]:
    """How far each notice is on its way to a webhook, oldest first."""

    def question(session: Session) -> list[NoticeDeliveryRow]:
        endpoint_row(session, webhook, caller.organisation)
        return deliveries_after(session, webhook, after, limit + 1)

    return page(look(question), limit, shown=_delivery, key=lambda each: stored_number(each.id))


@router.post(
    "/webhooks/{webhook}/deliveries/{delivery}/replay",
    status_code=202,
    response_model=NoticeDelivery,
    responses=refusals(EndpointUnknown, NoticeDeliveryUnknown, EndpointDisabled, StillPending),
)
def replay_delivery(
    webhook: EndpointInPath, delivery: NumberInPath, once: OnceDep, caller: Administrator
) -> Response:
    """Make an ended delivery once more, under the same webhook-id."""
    return once(
        lambda session: _delivery(actions.replay(session, webhook, delivery, caller.organisation)), status=202
    )


def _scope(caller: Caller) -> str | None:
    return None if sees_all(caller) else caller.organisation


def _shown(notice: Notice) -> NoticeShown:
    return NoticeShown(
        id=notice.id, kind=notice.kind, subject=notice.subject, facts=notice.facts, at=notice.at
    )


def _webhook(row: EndpointRow) -> Webhook:
    return Webhook(
        id=row.id,
        url=row.url,
        kinds=[NoticeKind(each) for each in row.kinds],
        active=row.active,
        enrolled_at=row.enrolled_at,
    )


def _delivery(row: NoticeDeliveryRow) -> NoticeDelivery:
    return NoticeDelivery(
        id=stored_number(row.id),
        notice=row.notice,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_at=row.next_at,
        last_at=row.last_at,
        last_status=row.last_status,
    )

"""Pledges over the API: each step by the party whose step it is; it is true once the ledger confirms it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission, PersonNeeded, require_person
from backend.identity.rules import Role, RoleMissing, SamePerson
from backend.parties.scope import party_of, sees_all
from backend.parties.two_persons import SigningDesk
from backend.pledges import actions as pledges
from backend.pledges.rules import (
    NothingPledged,
    Pledge,
    PledgeState,
    PledgeStateIs,
    PledgeUnknown,
    ReceiptAlreadyPledged,
    TermsDiffer,
)
from backend.pledges.tables import pledge_ids_after
from backend.receipts import actions as receipts
from backend.receipts.rules import HoursInvalid, ReceiptDelivered, ReceiptUnknown
from backend.web.acts import Intended, intended
from backend.web.amounts import WAITS, Form
from backend.web.caller import may
from backend.web.forms import LARGEST, Instant, Name, NumberInPath, Word, word
from backend.web.pages import AfterNumber, Limit, Page, page
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep
from backend.web.work import Awaiting, LookDep, OnceDep, TimesDep
from iot_bridge.evidence.statement import name32

router = APIRouter(prefix="/v1", tags=["pledges"])
SigningDep = Annotated[SigningDesk, Depends(port(SigningDesk))]
Reader = Annotated[Caller, Depends(may(Permission.PLEDGES_READ))]
Pledgor = Annotated[Caller, Depends(may(Permission.PLEDGES_ENDORSE))]
Pledgee = Annotated[Caller, Depends(may(Permission.PLEDGES_ACCEPT))]
STEP = (PledgeUnknown, PledgeStateIs, TermsDiffer, PersonNeeded)


class EndorsementForm(Form):
    """What the pledgor endorses; `terms` is the commitment of a loan's terms."""

    receipts: list[Annotated[int, Field(strict=True, ge=1, le=LARGEST)]] = Field(
        min_length=1, max_length=100, examples=[[1]]
    )
    pledgee: Name = Field(examples=["org-0a1b2c3d4e5f6071"])
    terms: Word
    expires_at: Instant = Field(description="The pledge lapses then unless it has been accepted.")


class TermsForm(Form):
    """The terms under which the step is taken; they must be those endorsed."""

    terms: Word


class FilingForm(TermsForm):
    """What was filed with the public registry: commitments of the filing's reference and of the search."""

    filing: Word
    filed_at: Instant
    search: Word


class PledgeShown(BaseModel):
    """A pledge as confirmed events have it."""

    id: int
    state: PledgeState
    pledgor: str
    pledgee: str
    terms: str
    receipts: list[int]
    released: list[int]
    expires_at: datetime
    endorsed_at: datetime
    attorned_at: datetime | None
    registered_at: datetime | None
    effective_at: datetime | None
    withdrawn_at: datetime | None
    lapsed_at: datetime | None
    closed_at: datetime | None


@router.post(
    "/pledges",
    status_code=202,
    response_model=Intended,
    responses=refusals(
        NothingPledged, ReceiptUnknown, ReceiptDelivered, ReceiptAlreadyPledged, HoursInvalid, PersonNeeded
    ),
)
def endorse_pledge(body: EndorsementForm, once: OnceDep, times: TimesDep, caller: Pledgor) -> Response:
    """Endorse receipts of the caller's organisation to a pledgee."""

    def effect(session: Session) -> Intended:
        require_person(caller)
        now = times.wall.now()
        if body.expires_at <= now:
            raise HoursInvalid(expires_at=body.expires_at.isoformat(), now=now.isoformat())
        for each in body.receipts:
            if receipts.receipt(session, each).holder != party_of(caller):
                raise ReceiptUnknown(receipt=each)
        key = pledges.endorse(
            session,
            tuple(body.receipts),
            pledgee=name32(body.pledgee),
            terms=word(body.terms),
            expires_at=body.expires_at,
            signer=caller.organisation,
        )
        return intended(session, key)

    return once(effect, status=202)


@router.get("/pledges")
def list_pledges(
    look: LookDep, times: TimesDep, caller: Reader, after: AfterNumber = 0, limit: Limit = 50
) -> Page[PledgeShown]:
    """Pledges that the caller's organisation gave, took or keeps the goods of; the bank sees all."""

    def question(session: Session) -> Page[PledgeShown]:
        of = None if sees_all(caller) else (party_of(caller), receipts.operated_by(party_of(caller)))
        found = pledge_ids_after(session, after, limit + 1, of=of)
        now = times.wall.now()
        return page(
            found,
            limit,
            shown=lambda each: _shown(pledges.pledge(session, each), now),
            key=lambda each: each,
        )

    return look(question)


@router.get("/pledges/{pledge}", responses=refusals(PledgeUnknown))
def get_pledge(look: LookDep, times: TimesDep, caller: Reader, pledge: NumberInPath) -> PledgeShown:
    """One pledge as confirmed events have it."""

    def question(session: Session) -> PledgeShown:
        found = pledges.pledge(session, pledge)
        own = party_of(caller) in (found.pledgor, found.pledgee)
        if not own and not sees_all(caller):
            _require_keeper(session, caller, found)
        return _shown(found, times.wall.now())

    return look(question)


@router.post("/pledges/{pledge}/attorn", status_code=202, response_model=Intended, responses=refusals(*STEP))
def attorn_pledge(
    pledge: NumberInPath,
    body: TermsForm,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.PLEDGES_ATTORN))],
) -> Response:
    """The operator that keeps the goods acknowledges that it holds them for the pledgee from now on."""

    def effect(session: Session) -> Intended:
        require_person(caller)
        _require_keeper(session, caller, pledges.pledge(session, pledge))
        terms, now = word(body.terms), times.wall.now()
        key = pledges.attorn(session, pledge, terms=terms, signer=caller.organisation, now=now)
        return intended(session, key)

    return once(effect, status=202)


@router.post(
    "/pledges/{pledge}/register",
    status_code=202,
    response_model=Intended,
    responses=refusals(*STEP, HoursInvalid),
)
def register_pledge(
    pledge: NumberInPath, body: FilingForm, once: OnceDep, times: TimesDep, caller: Pledgee
) -> Response:
    """The pledgee has filed the pledge with the public registry and searched it."""

    def effect(session: Session) -> Intended:
        require_person(caller)
        _require_pledgee(session, caller, pledge)
        now = times.wall.now()
        if body.filed_at > now:
            raise HoursInvalid(filed_at=body.filed_at.isoformat(), now=now.isoformat())
        filing = pledges.Filing(reference=word(body.filing), filed_at=body.filed_at, search=word(body.search))
        terms, signer = word(body.terms), caller.organisation
        return intended(
            session, pledges.register(session, pledge, filing, terms=terms, signer=signer, now=now)
        )

    return once(effect, status=202)


@router.post(
    "/pledges/{pledge}/accept",
    response_model=Intended,
    responses=WAITS | refusals(*STEP, RoleMissing, SamePerson, OtherContentWaits),
)
def accept_pledge(
    pledge: NumberInPath,
    body: TermsForm,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    signing: SigningDep,
    caller: Pledgee,
) -> Response:
    """Accept the pledge, with which control moves; two collateral officers sign."""

    def effect(session: Session) -> Intended | Awaiting:
        _require_pledgee(session, caller, pledge)
        subject, role = f"pledge:{pledge}", Role.COLLATERAL_OFFICER
        people = two.both(session, act="pledges.accept", subject=subject, role=role, content=body)
        if isinstance(people, Awaiting):
            return people
        key = pledges.accept(
            session,
            pledge,
            terms=word(body.terms),
            officers=people,
            desk=signing,
            signer=caller.organisation,
            now=times.wall.now(),
        )
        return intended(session, key)

    return once(effect)


@router.post(
    "/pledges/{pledge}/withdraw",
    status_code=202,
    response_model=Intended,
    responses=refusals(PledgeUnknown, PledgeStateIs, PersonNeeded),
)
def withdraw_pledge(pledge: NumberInPath, once: OnceDep, times: TimesDep, caller: Pledgor) -> Response:
    """The pledgor takes its pledge back before control has moved."""

    def effect(session: Session) -> Intended:
        require_person(caller)
        if pledges.pledge(session, pledge).pledgor != party_of(caller):
            raise PledgeUnknown(pledge=pledge)
        key = pledges.withdraw(session, pledge, signer=caller.organisation, now=times.wall.now())
        return intended(session, key)

    return once(effect, status=202)


def _require_keeper(session: Session, caller: Caller, found: Pledge) -> None:
    """Refuse whoever does not keep the goods of every receipt, as if there were no such pledge."""
    named = (*found.receipts, *found.released)
    if any(receipts.receipt(session, each).operator != party_of(caller) for each in named):
        raise PledgeUnknown(pledge=found.id)


def _require_pledgee(session: Session, caller: Caller, pledge: int) -> None:
    if pledges.pledge(session, pledge).pledgee != party_of(caller):
        raise PledgeUnknown(pledge=pledge)


def _shown(found: Pledge, now: datetime) -> PledgeShown:
    return PledgeShown(
        id=found.id,
        state=found.state(now),
        pledgor="0x" + found.pledgor.hex(),
        pledgee="0x" + found.pledgee.hex(),
        terms="0x" + found.terms.hex(),
        receipts=list(found.receipts),
        released=list(found.released),
        expires_at=found.expires_at,
        endorsed_at=found.endorsed_at,
        attorned_at=found.attorned_at,
        registered_at=found.registered_at,
        effective_at=found.effective_at,
        withdrawn_at=found.withdrawn_at,
        lapsed_at=found.lapsed_at,
        closed_at=found.closed_at,
    )

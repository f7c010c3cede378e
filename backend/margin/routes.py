"""A loan's cover over the API: reviews, notice and enforcement; quotes for goods to leave, and leave."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission, PersonNeeded, require_person
from backend.identity.rules import Role, RoleMissing, SamePerson
from backend.loans.access import LoanInPath, loan_seen
from backend.loans.actions.desk import Desk
from backend.loans.rules.life import ActNotPossible, RequirementMissing
from backend.loans.rules.loan import CollateralUnknown, LoanUnknown
from backend.margin.actions import calling, releasing
from backend.margin.actions.calling import NotReviewed
from backend.margin.actions.releasing import (
    AlreadyOrdered,
    Leave,
    NothingLeaves,
    OperatorUnpaid,
    QuoteExpired,
)
from backend.margin.rules.call import EnforcementShut, EnforcementTooEarly, NoCallOpen
from backend.margin.rules.release import MoreThanPledged, ReleaseNotCovered
from backend.margin.shapes import (
    EnforcementForm,
    LeaveForm,
    Margin,
    OperatorPaidForm,
    QuoteForm,
    ReleaseQuote,
    Reviewed,
    call_shown,
    decision_shown,
    quote_shown,
    review_shown,
)
from backend.margin.tables import QuoteUnknown, ReleaseQuoteRow, decisions_after, ordered_of, quote_row
from backend.receipts.rules import HoursInvalid, MassOutOfRange, ReceiptDelivered
from backend.valuation.rules.prices import PriceHeld, PriceMissing, PriceStale
from backend.web.amounts import WAITS
from backend.web.caller import may
from backend.web.pages import AfterNumber, Limit, page
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep
from backend.web.work import Awaiting, LookDep, OnceDep, TimesDep

router = APIRouter(prefix="/v1", tags=["margin"])
QUOTE_HOLDS: Final = timedelta(hours=4)
"""For how long a quote holds, in business time."""
DeskDep = Annotated[Desk, Depends(port(Desk))]
Reader = Annotated[Caller, Depends(may(Permission.LOANS_READ))]
Watcher = Annotated[Caller, Depends(may(Permission.MARGIN_WATCH))]
QuoteInPath = Annotated[str, Path(pattern=r"^Q-[A-Za-z0-9-]{3,28}-[0-9]{1,8}$", examples=["Q-L-0001-1"])]
UNPRICED = (PriceStale, PriceMissing, PriceHeld)
TWO = (RoleMissing, SamePerson, OtherContentWaits)


@router.get("/loans/{loan_id}/margin", responses=refusals(LoanUnknown))
def get_margin(
    look: LookDep, caller: Reader, loan_id: LoanInPath, after: AfterNumber = 0, limit: Limit = 50
) -> Margin:
    """How the loan's cover stands, its open call with both cures, and every decision with its facts."""

    def question(session: Session) -> Margin:
        loan_seen(session, caller, loan_id)
        return _margin(session, loan_id, after, limit)

    return look(question)


@router.post(
    "/loans/{loan_id}/review",
    response_model=Reviewed,
    responses=refusals(LoanUnknown, NotReviewed, CollateralUnknown),
)
def review_loan(
    loan_id: LoanInPath, once: OnceDep, times: TimesDep, desk: DeskDep, caller: Watcher
) -> Response:
    """Test the loan's cover with the facts of this moment; opens a call, keeps it, or closes it as cured."""

    def effect(session: Session) -> Reviewed:
        loan_seen(session, caller, loan_id)
        return review_shown(calling.review(session, desk, loan_id, at=times.moment()))

    return once(effect)


@router.post(
    "/loans/{loan_id}/notice",
    response_model=Margin,
    responses=refusals(LoanUnknown, NoCallOpen, RoleMissing, PersonNeeded),
)
def give_notice(loan_id: LoanInPath, once: OnceDep, times: TimesDep, caller: Watcher) -> Response:
    """Tell the borrower that the bank means to enforce the open call."""

    def effect(session: Session) -> Margin:
        loan_seen(session, caller, loan_id)
        calling.give_notice(session, loan_id, by=require_person(caller), at=times.moment())
        return _margin(session, loan_id, 0, 50)

    return once(effect)


@router.post(
    "/loans/{loan_id}/enforcement",
    response_model=Margin,
    responses=WAITS
    | refusals(
        LoanUnknown, NoCallOpen, EnforcementTooEarly, EnforcementShut, RequirementMissing, ActNotPossible,
        *UNPRICED, *TWO,
    ),
)  # fmt: skip
def open_enforcement(
    loan_id: LoanInPath,
    body: EnforcementForm,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    desk: DeskDep,
    caller: Annotated[Caller, Depends(may(Permission.MARGIN_ENFORCE))],
) -> Response:
    """Enforce an uncured call; two credit officers ask, and the arbiter or the pledgor agrees."""

    def effect(session: Session) -> Margin | Awaiting:
        loan_seen(session, caller, loan_id)
        subject, role = f"loan:{loan_id}", Role.CREDIT_OFFICER
        people = two.both(session, act="margin.enforce", subject=subject, role=role, content=body)
        if isinstance(people, Awaiting):
            return people
        calling.open_enforcement(
            session, desk, loan_id, people=people, agreement=body.agreement(), at=times.moment()
        )
        return _margin(session, loan_id, 0, 50)

    return once(effect)


@router.post(
    "/loans/{loan_id}/release-quotes",
    status_code=201,
    response_model=ReleaseQuote,
    responses=refusals(LoanUnknown, NothingLeaves, CollateralUnknown, MoreThanPledged, *UNPRICED),
)
def quote_release(
    loan_id: LoanInPath,
    body: QuoteForm,
    once: OnceDep,
    times: TimesDep,
    desk: DeskDep,
    caller: Annotated[Caller, Depends(may(Permission.RELEASES_REQUEST))],
) -> Response:
    """State what the bank and the operator must receive before these goods may leave."""

    def effect(session: Session) -> ReleaseQuote:
        loan_seen(session, caller, loan_id)
        quote = releasing.quote_release(
            session, desk, loan_id, leaving=body.masses(), valid_for=QUOTE_HOLDS, at=times.moment()
        )
        return _quote(session, quote.id)

    return once(effect, status=201)


@router.get("/release-quotes/{quote}", responses=refusals(QuoteUnknown))
def get_release_quote(look: LookDep, caller: Reader, quote: QuoteInPath) -> ReleaseQuote:
    """One quote, and what was ordered to leave under it."""

    def question(session: Session) -> ReleaseQuote:
        _seen(session, caller, quote)
        return _quote(session, quote)

    return look(question)


@router.post(
    "/release-quotes/{quote}/operator-paid",
    response_model=ReleaseQuote,
    responses=refusals(QuoteUnknown, RoleMissing, PersonNeeded),
)
def record_operator_paid(
    quote: QuoteInPath,
    body: OperatorPaidForm,
    once: OnceDep,
    caller: Annotated[Caller, Depends(may(Permission.PAYMENTS_ORDER))],
) -> Response:
    """A payment officer has seen the operator's own receipt for its lien on what leaves."""

    def effect(session: Session) -> ReleaseQuote:
        _seen(session, caller, quote)
        releasing.record_operator_paid(session, quote, reference=body.reference, by=require_person(caller))
        return _quote(session, quote)

    return once(effect)


@router.post(
    "/release-quotes/{quote}/order",
    response_model=ReleaseQuote,
    responses=WAITS
    | refusals(
        QuoteUnknown, QuoteExpired, NothingLeaves, AlreadyOrdered, OperatorUnpaid, ReleaseNotCovered,
        MoreThanPledged, CollateralUnknown, HoursInvalid, MassOutOfRange, ReceiptDelivered, *UNPRICED, *TWO,
    ),
)  # fmt: skip
def order_release(
    quote: QuoteInPath,
    body: LeaveForm,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    desk: DeskDep,
    caller: Annotated[Caller, Depends(may(Permission.RELEASES_ORDER))],
) -> Response:
    """Order the goods of one receipt in the quote out of the gate; two collateral officers sign."""

    def effect(session: Session) -> ReleaseQuote | Awaiting:
        _seen(session, caller, quote)
        subject, role = f"quote:{quote}:{body.receipt}", Role.COLLATERAL_OFFICER
        people = two.both(session, act="releases.order", subject=subject, role=role, content=body)
        if isinstance(people, Awaiting):
            return people
        leave = Leave(
            receipt=body.receipt,
            gate=body.gate,
            opens_at=body.opens_at,
            closes_at=body.closes_at,
            people=people,
        )
        releasing.order_release(session, desk, quote, leave=leave, at=times.moment())
        return _quote(session, quote)

    return once(effect)


def _margin(session: Session, loan_id: str, after: int, limit: int) -> Margin:
    call = calling.call(session, loan_id)
    found = decisions_after(session, loan_id, after, limit + 1)
    return Margin(
        state=calling.margin_state(session, loan_id),
        call=None if call is None else call_shown(call),
        decisions=page(found, limit, shown=decision_shown, key=lambda row: row.number),
    )


def _seen(session: Session, caller: Caller, quote: str) -> ReleaseQuoteRow:
    """The quote, if its loan concerns the caller; otherwise as if there were none."""
    row = quote_row(session, quote)
    try:
        loan_seen(session, caller, row.loan_id)
    except LoanUnknown as unknown:
        raise QuoteUnknown(quote_id=quote) from unknown
    return row


def _quote(session: Session, quote: str) -> ReleaseQuote:
    return quote_shown(quote_row(session, quote), ordered_of(session, quote))

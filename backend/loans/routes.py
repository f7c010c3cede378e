"""Loans over the API, from the application to the close; a borrower finds its own, the bank all."""

import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlmodel import Session

from backend.clock import Moment
from backend.documents.actions import require_kept
from backend.documents.rules import KeptUnknown
from backend.identity.permissions import Caller, Permission, PersonNeeded, require_person
from backend.identity.rules import Role, RoleMissing, SamePerson
from backend.loans.access import LoanInPath, loan_seen, own_loan
from backend.loans.actions import applying, ending, pledging, reading
from backend.loans.actions.desk import Desk
from backend.loans.actions.pledging import NotFrozen
from backend.loans.rules.approval import (
    AlreadyApproved,
    BeyondInitialLine,
    MakerIsChecker,
    MaturityTooLate,
    NoPlaceForRole,
)
from backend.loans.rules.life import ActNotAllowed, ActNotPossible
from backend.loans.rules.loan import (
    ApplicationIncomplete,
    ClaimsBelowBar,
    CollateralUnknown,
    LoanExists,
    LoanUnknown,
    PledgeDiffers,
    ProductUnknown,
    ReceiptTaken,
    SearchNotClean,
    TermsNotThese,
)
from backend.loans.shapes import (
    ApplicationForm,
    DeclineForm,
    LoanFull,
    ReceiptForm,
    SignForm,
    UnfreezeForm,
    ValueForm,
    loan_shown,
)
from backend.loans.tables.loan import LoanDocumentRow, documents_of
from backend.parties.scope import party_of
from backend.receipts import actions as receipts
from backend.receipts.rules import ReceiptUnknown
from backend.units import CurrencyMismatch
from backend.valuation.rules.prices import PriceHeld, PriceMissing, PriceStale
from backend.web.amounts import WAITS
from backend.web.caller import may
from backend.web.forms import word
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep
from backend.web.work import Awaiting, OnceDep, TimesDep

router = APIRouter(prefix="/v1", tags=["loans"])
DeskDep = Annotated[Desk, Depends(port(Desk))]
Valuer = Annotated[Caller, Depends(may(Permission.LOANS_VALUE))]
UNPRICED = (PriceStale, PriceMissing, PriceHeld)
UNFIT = (ClaimsBelowBar, CollateralUnknown, *UNPRICED)
OFFICER = (LoanUnknown, ActNotPossible, ActNotAllowed, RoleMissing, PersonNeeded)


@router.post(
    "/loans",
    status_code=201,
    response_model=LoanFull,
    responses=refusals(
        ApplicationIncomplete,
        ProductUnknown,
        LoanExists,
        ReceiptTaken,
        ReceiptUnknown,
        CurrencyMismatch,
        KeptUnknown,
    ),
)
def apply_for_loan(
    body: ApplicationForm,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.LOANS_APPLY))],
) -> Response:
    """Apply for a loan on receipts that the caller's organisation holds, which are reserved for it."""
    loan_id = body.loan_id or f"L-{secrets.token_hex(6)}"

    def effect(session: Session) -> LoanFull:
        borrower = party_of(caller)
        for each in body.receipts:
            _require_held(session, each, borrower)
        applying.submit(session, body.application(loan_id, borrower), at=times.moment())
        for sha256 in sorted(set(body.documents)):
            require_kept(session, sha256, caller.organisation)
            session.add(LoanDocumentRow(loan_id=loan_id, sha256=sha256))
        session.flush()
        return full(session, loan_id, times.moment())

    return once(effect, status=201)


@router.post(
    "/loans/{loan_id}/value",
    response_model=LoanFull,
    responses=refusals(*OFFICER, *UNFIT, SearchNotClean),
)
def value_loan(
    loan_id: LoanInPath, body: ValueForm, once: OnceDep, times: TimesDep, desk: DeskDep, caller: Valuer
) -> Response:
    """Propose the loan: claims hold, the search is clean, a fresh price gives the worth; makes the maker."""
    return once(
        _act(
            loan_id,
            times.moment,
            lambda session, at: applying.value(
                session, desk, loan_id, by=require_person(caller), search=body.search(), at=at
            ),
        )
    )


@router.post(
    "/loans/{loan_id}/approve",
    response_model=LoanFull,
    responses=refusals(
        *OFFICER,
        *UNFIT,
        MakerIsChecker,
        AlreadyApproved,
        NoPlaceForRole,
        BeyondInitialLine,
        MaturityTooLate,
    ),
)
def approve_loan(
    loan_id: LoanInPath,
    once: OnceDep,
    times: TimesDep,
    desk: DeskDep,
    caller: Annotated[Caller, Depends(may(Permission.LOANS_APPROVE))],
) -> Response:
    """Add the caller's approval; the last that the tier asks for approves the loan and fixes its terms."""
    return once(
        _act(
            loan_id,
            times.moment,
            lambda session, at: applying.approve(session, desk, loan_id, by=require_person(caller), at=at),
        )
    )


@router.post("/loans/{loan_id}/decline", response_model=LoanFull, responses=refusals(*OFFICER))
def decline_loan(
    loan_id: LoanInPath, body: DeclineForm, once: OnceDep, times: TimesDep, caller: Valuer
) -> Response:
    """End an application that the bank does not want; its receipts are free again."""
    return once(
        _act(
            loan_id,
            times.moment,
            lambda session, at: applying.decline(
                session, loan_id, by=require_person(caller), reason=body.reason, at=at
            ),
        )
    )


@router.post(
    "/loans/{loan_id}/withdraw", response_model=LoanFull, responses=refusals(LoanUnknown, ActNotPossible)
)
def withdraw_loan(
    loan_id: LoanInPath,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.LOANS_APPLY))],
) -> Response:
    """End an application that its borrower no longer wants; its receipts are free again."""

    def act(session: Session, at: Moment) -> object:
        own_loan(session, caller, loan_id)
        return applying.withdraw(session, loan_id, at=at)

    return once(_act(loan_id, times.moment, act))


@router.post(
    "/loans/{loan_id}/sign",
    response_model=LoanFull,
    responses=refusals(LoanUnknown, ActNotPossible, TermsNotThese, PersonNeeded),
)
def sign_loan(
    loan_id: LoanInPath,
    body: SignForm,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.LOANS_SIGN))],
) -> Response:
    """The borrower agrees to exactly the terms behind this commitment, which `GET` of the loan opens."""

    def act(session: Session, at: Moment) -> object:
        require_person(caller)
        own_loan(session, caller, loan_id)
        return applying.sign(session, loan_id, terms=word(body.terms), at=at)

    return once(_act(loan_id, times.moment, act))


@router.post(
    "/loans/{loan_id}/unfreeze",
    response_model=LoanFull,
    responses=WAITS | refusals(LoanUnknown, NotFrozen, RoleMissing, SamePerson, OtherContentWaits),
)
def unfreeze_loan(
    loan_id: LoanInPath,
    body: UnfreezeForm,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.LOANS_FREEZE))],
) -> Response:
    """Lift one reason for a freeze; two collateral officers have looked at it."""

    def effect(session: Session) -> LoanFull | Awaiting:
        loan_seen(session, caller, loan_id)
        role = Role.COLLATERAL_OFFICER
        people = two.both(session, act="loans.unfreeze", subject=f"loan:{loan_id}", role=role, content=body)
        if isinstance(people, Awaiting):
            return people
        first, second = people
        at = times.moment()
        pledging.unfreeze(session, loan_id, reason=body.reason, first=first, second=second, at=at)
        return full(session, loan_id, at)

    return once(effect)


@router.post(
    "/loans/{loan_id}/release-receipt",
    response_model=LoanFull,
    responses=WAITS
    | refusals(
        LoanUnknown,
        ActNotPossible,
        CollateralUnknown,
        PledgeDiffers,
        RoleMissing,
        SamePerson,
        OtherContentWaits,
    ),
)
def release_receipt(
    loan_id: LoanInPath,
    body: ReceiptForm,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    desk: DeskDep,
    caller: Annotated[Caller, Depends(may(Permission.RELEASES_ORDER))],
) -> Response:
    """Give a receipt of a repaid loan back; two collateral officers sign, and the ledger is asked."""

    def effect(session: Session) -> LoanFull | Awaiting:
        loan_seen(session, caller, loan_id)
        subject, role = f"loan:{loan_id}:{body.receipt}", Role.COLLATERAL_OFFICER
        people = two.both(session, act="loans.release", subject=subject, role=role, content=body)
        if isinstance(people, Awaiting):
            return people
        at = times.moment()
        ending.release(session, desk, loan_id, receipt=body.receipt, people=people, at=at)
        return full(session, loan_id, at)

    return once(effect)


@router.post("/loans/{loan_id}/close", response_model=LoanFull, responses=refusals(*OFFICER, PledgeDiffers))
def close_loan(
    loan_id: LoanInPath,
    once: OnceDep,
    times: TimesDep,
    desk: DeskDep,
    caller: Annotated[Caller, Depends(may(Permission.LOANS_CLOSE))],
) -> Response:
    """Have the ledger end a loan of which every receipt is released."""
    return once(
        _act(
            loan_id,
            times.moment,
            lambda session, at: ending.close(session, desk, loan_id, by=require_person(caller), at=at),
        )
    )


def full(session: Session, loan_id: str, at: Moment) -> LoanFull:
    """The loan as it stands at that moment, as answers show it."""
    return loan_shown(
        reading.standing(session, loan_id, at=at),
        reading.receipts_under(session, loan_id),
        documents_of(session, loan_id),
        reading.openings(session, loan_id),
    )


def _act(
    loan_id: str, moment: Callable[[], Moment], act: Callable[[Session, Moment], object]
) -> Callable[[Session], LoanFull]:
    """A unit of work that takes the act and shows the loan as it then stands."""

    def effect(session: Session) -> LoanFull:
        at = moment()
        act(session, at)
        return full(session, loan_id, at)

    return effect


def _require_held(session: Session, receipt: int, borrower: bytes) -> None:
    """Refuse a receipt of another holder as if there were none."""
    if receipts.receipt(session, receipt).holder != borrower:
        raise ReceiptUnknown(receipt=receipt)

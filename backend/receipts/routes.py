"""Receipts over the API: ask for, issue and deliver them, and read those that concern the caller."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlmodel import Session

from backend.chain import actions as chain
from backend.evidence.claims import STANDARD
from backend.evidence.rules import MovementMissing, NotYetWitnessed
from backend.evidence.support import Question, eligibility_of
from backend.identity.permissions import Caller, Permission
from backend.parties import actions as parties
from backend.parties.rules import SiteUnknown
from backend.parties.scope import party_of, sees_all, sees_site, sites_of
from backend.receipts import actions as receipts
from backend.receipts.document import (
    DocumentDiffers,
    FieldMalformed,
    FieldsMissing,
    FieldUnknown,
    ProfileUnknown,
    canonical,
)
from backend.receipts.rules import (
    DocumentUnknown,
    MassDiffers,
    MassOutOfRange,
    OrderExceeded,
    OrderUnknown,
    PieceAlreadyCovered,
    PieceForeign,
    PiecesRepeated,
    Receipt,
    ReceiptUnknown,
    RequestNotOpen,
    RequestUnknown,
)
from backend.receipts.shapes import (
    DeliveryWanted,
    ReceiptFull,
    ReceiptRequest,
    ReceiptShort,
    ReceiptWanted,
    ReleaseOrder,
    full,
    hexed,
    order_shown,
    request_shown,
    short,
)
from backend.receipts.tables import all_orders_of, receipts_after
from backend.web.acts import Intended, intended
from backend.web.caller import may
from backend.web.forms import NumberInPath, word
from backend.web.pages import AfterNumber, Limit, Page, page
from backend.web.problems import refusals
from backend.web.work import LookDep, OnceDep, TimesDep
from iot_bridge.evidence.statement import name32

router = APIRouter(prefix="/v1", tags=["receipts"])
MOST_ORDERS = 200
Reader = Annotated[Caller, Depends(may(Permission.RECEIPTS_READ))]


@router.post(
    "/receipt-requests",
    status_code=202,
    response_model=Intended,
    responses=refusals(
        PiecesRepeated, PieceAlreadyCovered, FieldsMissing, FieldUnknown, FieldMalformed, ProfileUnknown,
        DocumentDiffers, SiteUnknown,
    ),
)  # fmt: skip
def request_receipt(
    body: ReceiptWanted,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.RECEIPTS_REQUEST))],
) -> Response:
    """Ask for a receipt over goods that the caller's organisation deposits."""
    signer = caller.organisation

    def effect(session: Session) -> Intended:
        terms, now = body.terms(), times.wall.now()
        parties.site(session, name32(terms.site))
        found = receipts.request_issue(
            session, terms, body.document, profile=body.profile, signer=signer, now=now
        )
        return intended(session, chain.fresh_key(session, f"request-issue:{hexed(found)}"))

    return once(effect, status=202)


@router.get("/receipt-requests/{request}", responses=refusals(RequestUnknown))
def get_receipt_request(look: LookDep, caller: Reader, request: NumberInPath) -> ReceiptRequest:
    """A confirmed request: the depositor's, or one for a site of the caller's."""

    def question(session: Session) -> ReceiptRequest:
        found = receipts.request(session, request)
        if found.depositor != party_of(caller) and not sees_site(session, caller, found.site):
            raise RequestUnknown(request=request)
        return request_shown(found)

    return look(question)


@router.post(
    "/receipt-requests/{request}/issue",
    status_code=202,
    response_model=Intended,
    responses=refusals(
        RequestUnknown, RequestNotOpen, PieceAlreadyCovered, MovementMissing, NotYetWitnessed, MassDiffers
    ),
)
def issue_receipt(
    request: NumberInPath,
    once: OnceDep,
    caller: Annotated[Caller, Depends(may(Permission.RECEIPTS_ISSUE))],
) -> Response:
    """Issue what was asked for; the operator of the site does, on witnessed arrivals of every piece."""

    def effect(session: Session) -> Intended:
        found = receipts.request(session, request)
        if parties.site(session, found.site).operator != party_of(caller):
            raise RequestUnknown(request=request)
        return intended(session, receipts.issue(session, request, signer=caller.organisation))

    return once(effect, status=202)


@router.get("/receipts")
def list_receipts(
    look: LookDep, caller: Reader, after: AfterNumber = 0, limit: Limit = 50
) -> Page[ReceiptShort]:
    """Receipts that the caller's organisation holds or keeps the goods of; the bank and auditors see all."""

    def question(session: Session) -> Page[ReceiptShort]:
        scope = None if sees_all(caller) else (party_of(caller), sites_of(session, caller))
        found = receipts_after(session, scope, after, limit + 1)
        return page(found, limit, shown=short, key=lambda row: row.id)

    return look(question)


@router.get("/receipts/{receipt}", responses=refusals(ReceiptUnknown))
def get_receipt(look: LookDep, times: TimesDep, caller: Reader, receipt: NumberInPath) -> ReceiptFull:
    """One receipt: its pieces, its orders, and how well evidence bears out its claims at this instant."""

    def question(session: Session) -> ReceiptFull:
        found = _seen(session, caller, receipt)
        asked = Question(found.site, found.fingerprints, frozenset({found.operator, found.holder}))
        standing = eligibility_of(session, asked, terms=STANDARD, now=times.wall.now())
        return full(found, standing, all_orders_of(session, receipt, MOST_ORDERS))

    return look(question)


@router.get(
    "/receipts/{receipt}/document",
    response_class=Response,
    responses=refusals(ReceiptUnknown, DocumentUnknown)
    | {200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def get_receipt_document(look: LookDep, caller: Reader, receipt: NumberInPath) -> Response:
    """The receipt's statutory document in the very bytes whose SHA-256 the ledger holds."""

    def question(session: Session) -> bytes:
        return canonical(receipts.document(session, _seen(session, caller, receipt).document))

    return Response(look(question), media_type="application/json")


@router.get("/release-orders/{order}", responses=refusals(OrderUnknown))
def get_release_order(look: LookDep, caller: Reader, order: NumberInPath) -> ReleaseOrder:
    """One release order for goods of a receipt that the caller may see."""

    def question(session: Session) -> ReleaseOrder:
        found = receipts.order(session, order)
        if not _sees(session, caller, receipts.receipt(session, found.receipt_id)):
            raise OrderUnknown(order=order)
        return order_shown(found)

    return look(question)


@router.post(
    "/release-orders/{order}/deliver",
    status_code=202,
    response_model=Intended,
    responses=refusals(
        OrderUnknown, PiecesRepeated, PieceForeign, MovementMissing, NotYetWitnessed, OrderExceeded,
        MassOutOfRange,
    ),
)  # fmt: skip
def deliver(
    order: NumberInPath,
    body: DeliveryWanted,
    once: OnceDep,
    caller: Annotated[Caller, Depends(may(Permission.RECEIPTS_DELIVER))],
) -> Response:
    """Record that pieces have left under an order; the receipt's operator does, by witnessed departures."""
    pieces = tuple(word(each) for each in body.fingerprints)

    def effect(session: Session) -> Intended:
        found = receipts.order(session, order)
        if receipts.receipt(session, found.receipt_id).operator != party_of(caller):
            raise OrderUnknown(order=order)
        return intended(session, receipts.deliver(session, order, pieces, signer=caller.organisation))

    return once(effect, status=202)


def _seen(session: Session, caller: Caller, receipt_id: int) -> Receipt:
    found = receipts.receipt(session, receipt_id)
    if not _sees(session, caller, found):
        raise ReceiptUnknown(receipt=receipt_id)
    return found


def _sees(session: Session, caller: Caller, receipt: Receipt) -> bool:
    mine = party_of(caller) in (receipt.holder, receipt.operator)
    return mine or sees_site(session, caller, receipt.site)

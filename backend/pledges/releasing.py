"""Leave for goods of a receipt that nobody has in pledge: its holder gives it over the API."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission
from backend.parties import actions as parties
from backend.parties.rules import PartyUnknown
from backend.parties.scope import party_of
from backend.pledges import actions as pledges
from backend.pledges.rules import ReceiptAlreadyPledged
from backend.receipts import actions as receipts
from backend.receipts.rules import HoursInvalid, MassOutOfRange, ReceiptDelivered, ReceiptUnknown
from backend.receipts.shapes import ReleaseWanted
from backend.web.acts import Intended, intended
from backend.web.caller import may
from backend.web.forms import NumberInPath
from backend.web.problems import refusals
from backend.web.work import OnceDep, TimesDep
from iot_bridge.evidence.statement import name32

router = APIRouter(prefix="/v1", tags=["receipts"])


@router.post(
    "/receipts/{receipt}/release-orders",
    status_code=202,
    response_model=Intended,
    responses=refusals(
        ReceiptUnknown, ReceiptDelivered, ReceiptAlreadyPledged, PartyUnknown, MassOutOfRange, HoursInvalid
    ),
)
def order_release(
    receipt: NumberInPath,
    body: ReleaseWanted,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.RELEASES_REQUEST))],
) -> Response:
    """Let a mass of a receipt leave by one gate; its holder may while it is not pledged."""

    def effect(session: Session) -> Intended:
        if receipts.receipt(session, receipt).holder != party_of(caller):
            raise ReceiptUnknown(receipt=receipt)
        pledge = pledges.pledge_of_receipt(session, receipt)
        if pledge is not None:
            raise ReceiptAlreadyPledged(receipt=receipt, pledge=pledge)
        parties.party(session, name32(body.to))
        wish = receipts.ReleaseWish(
            receipt_id=receipt,
            mass_kg=body.mass_kg,
            gate=body.gate,
            opens_at=body.opens_at,
            closes_at=body.closes_at,
            to=name32(body.to),
        )
        key = receipts.order_release_by_holder(
            session, wish, signer=caller.organisation, now=times.wall.now()
        )
        return intended(session, key)

    return once(effect, status=202)

"""Ask for, issue, order out and deliver receipts: each act an intent for the ledger.

An act is true when its event is confirmed; between the two it is owed.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from backend.chain import actions as chain
from backend.db import to_hex
from backend.evidence.support import MOVEMENT_IN, MOVEMENT_OUT, evidence_for, movement_of
from backend.identity.actions import two_people_in_role
from backend.identity.rules import Role
from backend.parties.two_persons import RELEASE_ORDER, SigningDesk
from backend.receipts.document import (
    Document,
    LedgerTerms,
    canonical,
    document_hash,
    require_complete,
    require_same_terms,
)
from backend.receipts.rules import (
    DocumentUnknown,
    IssueTerms,
    Order,
    PieceAlreadyCovered,
    PieceForeign,
    Receipt,
    ReceiptDelivered,
    ReceiptState,
    Request,
    RequestNotOpen,
    RequestState,
    content_hash,
    require_hours,
    require_mass,
    require_mass_agrees,
    require_pieces,
    require_within_order,
)
from backend.receipts.tables import (
    DocumentRow,
    delivery_blocks,
    ids_operated_by,
    live_receipt_ids,
    live_receipt_of,
    open_orders_at,
    open_orders_of,
    order_facts,
    pieces_of,
    receipt_facts,
    request_facts,
    request_id_of_document,
)
from iot_bridge.evidence.statement import name32

CONTRACT: Final = "ReceiptRegistry"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseWish:
    """What is to leave: a mass of a receipt, by one gate, in some hours of wall-clock time.

    A gate goes by the name of the device that watches it, unless the bank's settings give it one.
    """

    receipt_id: int
    mass_kg: int
    gate: str
    opens_at: datetime
    closes_at: datetime
    to: bytes


def keep_document(session: Session, document: Document, profile: str, now: datetime) -> bytes:
    """Keep a complete statutory document; its hash.

    Raises:
        FieldsMissing: or `FieldUnknown`, `FieldMalformed`, `ProfileUnknown`: it is not complete.
    """
    require_complete(document, profile)
    found = document_hash(document)
    if session.get(DocumentRow, found) is None:
        row = DocumentRow(hash=found, profile=profile, canonical=canonical(document), kept_at=now)
        session.add(row)
        session.flush()
    return found


def request_issue(
    session: Session, terms: IssueTerms, document: Document, *, profile: str, signer: str, now: datetime
) -> bytes:
    """Intend a depositor's request for a receipt; the hash by which it will be found.

    Raises:
        PiecesRepeated: no piece, or one twice.
        MassOutOfRange: no mass.
        PieceAlreadyCovered: a live receipt covers one of the pieces.
        FieldsMissing: or another refusal of the document.
        DocumentDiffers: the document says other goods than the terms.
    """
    require_pieces(terms.fingerprints)
    require_mass(terms.mass_kg)
    _require_uncovered(session, terms.fingerprints)
    require_same_terms(document, _ledger_terms(terms))
    found = keep_document(session, document, profile, now)
    _intend(
        session,
        key=f"request-issue:{to_hex(found)}",
        signer=signer,
        function="requestIssue",
        args={
            "terms": {
                "site": name32(terms.site),
                "bay": name32(terms.bay),
                "commodity": name32(terms.commodity),
                "grade": name32(terms.grade),
                "massKg": terms.mass_kg,
                "fingerprints": list(terms.fingerprints),
                "document": found,
                "representations": terms.representations,
            }
        },
    )
    return found


def issue(session: Session, request_id: int, *, signer: str) -> str:
    """Intend the operator's issue of what was asked for, on witnessed arrivals of every piece; the act's key.

    Raises:
        RequestUnknown: no confirmed event shows the request.
        RequestNotOpen: it was answered or withdrawn.
        PieceAlreadyCovered: a live receipt covers one of the pieces; nothing is issued for the others either.
        MovementMissing: a piece was not seen coming in.
        NotYetWitnessed: an arrival is not under a witnessed head yet.
        MassDiffers: the arrivals weigh other than was asked for.
    """
    request = request_facts(session, request_id)
    if request.state is not RequestState.OPEN:
        raise RequestNotOpen(request=request_id, state=request.state.value)
    _require_uncovered(session, request.fingerprints)
    arrivals = [movement_of(session, request.site, MOVEMENT_IN, each) for each in request.fingerprints]
    require_mass_agrees(request.mass_kg, sum(each.quantity for each in arrivals))
    evidence = [evidence_for(session, each.id) for each in arrivals]
    return _intend(
        session,
        key=f"issue:{request_id}:{evidence[0]['headSize']}",
        signer=signer,
        function="issue",
        args={"requestId": request_id, "document": request.document, "movements": evidence},
    )


def order_release(
    session: Session,
    wish: ReleaseWish,
    *,
    officers: tuple[str, str],
    desk: SigningDesk,
    signer: str,
    now: datetime,
) -> None:
    """Intend the pledgee's leave for goods of a pledged receipt to pass a gate, signed by two of its people.

    `now` is wall-clock, as gate hours are.

    Raises:
        SamePerson: or `RoleMissing`, `OrganisationDiffers`: they are not two collateral officers of one bank.
        ReceiptUnknown: no confirmed event shows the receipt.
        ReceiptDelivered: its goods have left.
        MassOutOfRange: more than the receipt has and open orders leave of it.
        HoursInvalid: the hours are none, or over.
    """
    people = two_people_in_role(session, *officers, Role.COLLATERAL_OFFICER)
    terms = _release_terms(session, wish, now)
    signed = desk.signed_by_two(RELEASE_ORDER, terms, contract=CONTRACT, people=people, now=now)
    _intend(
        session,
        key=_order_key(wish),
        signer=signer,
        function="orderRelease",
        args={"terms": terms, "signed": signed},
    )


def order_release_by_holder(session: Session, wish: ReleaseWish, *, signer: str, now: datetime) -> str:
    """Intend the holder's leave for goods of a receipt that is not pledged; the act's key.

    Raises as `order_release`.
    """
    return _intend(
        session,
        key=_order_key(wish),
        signer=signer,
        function="orderReleaseByHolder",
        args={"terms": _release_terms(session, wish, now)},
    )


def deliver(session: Session, order_id: int, fingerprints: tuple[bytes, ...], *, signer: str) -> str:
    """Intend the operator's record that pieces have left under an order, by witnessed departures; its key.

    Raises:
        OrderUnknown: no confirmed event shows the order.
        PieceForeign: a piece is not under the order's receipt.
        MovementMissing: a piece was not seen leaving.
        NotYetWitnessed: a departure is not under a witnessed head yet.
        OrderExceeded: they weigh more than the order leaves, beyond what scales may differ.
    """
    require_pieces(fingerprints)
    order = order_facts(session, order_id)
    receipt = receipt_facts(session, order.receipt_id)
    foreign = [each for each in fingerprints if each not in receipt.fingerprints]
    if foreign:
        raise PieceForeign(receipt=receipt.id, piece=to_hex(foreign[0]))
    departures = [movement_of(session, receipt.site, MOVEMENT_OUT, each) for each in fingerprints]
    mass_kg = _deliverable_kg(order, receipt, sum(each.quantity for each in departures))
    evidence = [evidence_for(session, each.id) for each in departures]
    return _intend(
        session,
        key=f"deliver:{order_id}:{to_hex(departures[0].id)}:{evidence[0]['headSize']}",
        signer=signer,
        function="deliver",
        args={"orderId": order_id, "massKg": mass_kg, "movements": evidence},
    )


def receipt(session: Session, receipt_id: int) -> Receipt:
    """The receipt as confirmed events have it.

    Raises:
        ReceiptUnknown: none shows it.
    """
    return receipt_facts(session, receipt_id)


def delivered_in(session: Session, receipt_id: int) -> list[int]:
    """Blocks in which goods of the receipt were delivered, in order."""
    return delivery_blocks(session, receipt_id)


def request(session: Session, request_id: int) -> Request:
    """The request as confirmed events have it.

    Raises:
        RequestUnknown: none shows it.
    """
    return request_facts(session, request_id)


def request_of_document(session: Session, found: bytes) -> int | None:
    """The confirmed request with this document, if there is one yet."""
    return request_id_of_document(session, found)


def order(session: Session, order_id: int) -> Order:
    """The release order as confirmed events have it.

    Raises:
        OrderUnknown: none shows it.
    """
    return order_facts(session, order_id)


def orders_of(session: Session, receipt_id: int, after: datetime) -> list[Order]:
    """Confirmed orders for goods of this receipt with mass left whose hours end after that instant."""
    return open_orders_of(session, receipt_id, after)


def document(session: Session, found: bytes) -> Document:
    """The statutory document with this hash.

    Raises:
        DocumentUnknown: it is not kept here.
    """
    row = session.get(DocumentRow, found)
    if row is None:
        raise DocumentUnknown(document=to_hex(found))
    return dict(json.loads(row.canonical))


def orders_open_at(session: Session, site: bytes, gate: str, at: datetime) -> list[Order]:
    """Confirmed orders under which that gate may be passed at that instant, oldest first."""
    return open_orders_at(session, site, gate, at)


def live_receipts_at(session: Session, site: bytes) -> list[int]:
    """Receipts whose goods are at this site, oldest first."""
    return live_receipt_ids(session, site)


def operated_by(operator: bytes) -> Any:
    """The query for the receipts whose goods this operator keeps, to stand inside another."""
    return ids_operated_by(operator)


def pieces_ever(session: Session, receipt_id: int) -> list[bytes]:
    """Every piece that a receipt was issued over, those that have left included."""
    return pieces_of(session, receipt_id)


def receipt_covering(session: Session, fingerprint: bytes) -> int | None:
    """The live receipt that covers this piece, if one does."""
    return live_receipt_of(session, fingerprint)


def _require_uncovered(session: Session, fingerprints: tuple[bytes, ...]) -> None:
    for each in fingerprints:
        live = live_receipt_of(session, each)
        if live is not None:
            raise PieceAlreadyCovered(piece=to_hex(each), receipt=live)


def _ledger_terms(terms: IssueTerms) -> LedgerTerms:
    return LedgerTerms(
        site=terms.site,
        bay=terms.bay,
        commodity=terms.commodity,
        grade=terms.grade,
        mass_kg=terms.mass_kg,
        pieces=len(terms.fingerprints),
    )


def _release_terms(session: Session, wish: ReleaseWish, now: datetime) -> dict[str, Any]:
    found = receipt_facts(session, wish.receipt_id)
    if found.state is ReceiptState.DELIVERED:
        raise ReceiptDelivered(receipt=found.id)
    ordered_kg = sum(each.left_kg for each in open_orders_of(session, found.id, now))
    require_mass(wish.mass_kg, found.remaining_kg - ordered_kg)
    require_hours(wish.opens_at, wish.closes_at, now)
    return {
        "receipt": found.id,
        "massKg": wish.mass_kg,
        "gate": name32(wish.gate),
        "opensAt": int(wish.opens_at.timestamp()),
        "closesAt": int(wish.closes_at.timestamp()),
        "to": wish.to,
        "content": content_hash(found),
    }


def _order_key(wish: ReleaseWish) -> str:
    hours = f"{int(wish.opens_at.timestamp())}:{int(wish.closes_at.timestamp())}"
    return f"order-release:{wish.receipt_id}:{wish.mass_kg}:{wish.gate}:{hours}"


def _deliverable_kg(order: Order, receipt: Receipt, weighed_kg: int) -> int:
    """What the delivery states: the weighed mass, or all that is left where scales put it a little above."""
    left_kg = min(order.left_kg, receipt.remaining_kg)
    if weighed_kg <= left_kg:
        return weighed_kg
    require_within_order(order, left_kg, weighed_kg)
    return left_kg


def _intend(session: Session, *, key: str, signer: str, function: str, args: dict[str, Any]) -> str:
    fresh = chain.fresh_key(session, key)
    chain.intend(session, key=fresh, signer=signer, contract=CONTRACT, function=function, args=args)
    return fresh

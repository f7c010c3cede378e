"""From the receipt registry's confirmed events to rows; nothing else writes them: a replay rebuilds them."""

from typing import Any, Final

from sqlmodel import Session

from backend.chain.projecting import Projection, events_of
from backend.chain.rules import LedgerEvent
from backend.db import to_hex
from backend.parties.words import bounded, instant, name
from backend.receipts.rules import ReceiptState, RequestState
from backend.receipts.tables import DeliveryRow, OrderRow, PieceRow, ReceiptRow, RequestRow, live_pieces

CONTRACT: Final = "ReceiptRegistry"


def _requested(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    session.add(
        RequestRow(
            id=facts["requestId"],
            depositor=facts["depositor"],
            site=facts["site"],
            document=facts["document"],
            representations=facts["representations"],
            fingerprints=[to_hex(each) for each in facts["fingerprints"]],
            state=RequestState.OPEN,
            requested_at=event.block_time,
            **_goods(facts),
        )
    )


def _cancelled(session: Session, event: LedgerEvent) -> None:
    session.get_one(RequestRow, event.args["requestId"]).state = RequestState.CANCELLED


def _issued(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    session.get_one(RequestRow, facts["requestId"]).state = RequestState.ISSUED
    session.add(
        ReceiptRow(
            id=facts["receiptId"],
            request_id=facts["requestId"],
            holder=facts["holder"],
            operator=facts["operator"],
            site=facts["site"],
            remaining_kg=facts["massKg"],
            document=facts["document"],
            state=ReceiptState.ISSUED,
            issued_at=event.block_time,
            **_goods(facts),
        )
    )
    session.flush()
    session.add_all(
        PieceRow(receipt_id=facts["receiptId"], fingerprint=each, position=position)
        for position, each in enumerate(facts["fingerprints"])
    )


def _ordered(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    session.add(
        OrderRow(
            id=facts["orderId"],
            receipt_id=facts["receiptId"],
            mass_kg=facts["massKg"],
            delivered_kg=0,
            gate=name(facts["gate"]),
            opens_at=instant(facts["opensAt"]),
            closes_at=instant(facts["closesAt"]),
            to=facts["to"],
            by=facts["by"],
            ordered_at=event.block_time,
        )
    )


def _delivered(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    receipt = session.get_one(ReceiptRow, facts["receiptId"])
    receipt.remaining_kg = facts["remainingKg"]
    session.get_one(OrderRow, facts["orderId"]).delivered_kg += facts["massKg"]
    for fingerprint in facts["fingerprints"]:
        _let_out(session, receipt.id, fingerprint, event)
    if not live_pieces(session, receipt.id):
        receipt.state = ReceiptState.DELIVERED
    session.add(
        DeliveryRow(
            block_number=event.block_number,
            log_index=event.log_index,
            receipt_id=receipt.id,
            order_id=facts["orderId"],
            mass_kg=facts["massKg"],
            fingerprints=[to_hex(each) for each in facts["fingerprints"]],
            remaining_kg=facts["remainingKg"],
            delivered_at=event.block_time,
        )
    )


def _let_out(session: Session, receipt_id: int, fingerprint: bytes, event: LedgerEvent) -> None:
    """Take a piece off as the ledger does: the last of those left takes its place."""
    piece = session.get_one(PieceRow, (receipt_id, fingerprint))
    last = live_pieces(session, receipt_id)[-1]
    last.position, piece.delivered_at = piece.position, event.block_time
    session.flush()


def _goods(facts: dict[str, Any]) -> dict[str, Any]:
    """What and how much, as every row of goods has it."""
    return {
        "bay": name(facts["bay"]),
        "commodity": name(facts["commodity"]),
        "grade": name(facts["grade"]),
        "mass_kg": bounded(facts["massKg"]),
    }


project: Final = Projection(
    events_of(
        CONTRACT,
        {
            "IssueRequested": _requested,
            "RequestCancelled": _cancelled,
            "ReceiptIssued": _issued,
            "ReleaseOrdered": _ordered,
            "GoodsDelivered": _delivered,
        },
    )
)
"""Brings requests, receipts, pieces, orders and deliveries up to an event."""

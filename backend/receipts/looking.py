"""What a person looks at about receipts: those of a site by bay, and what became of one and when."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from backend.db import from_hex
from backend.receipts.rules import ReceiptState
from backend.receipts.tables import DeliveryRow, OrderRow, PieceRow, ReceiptRow, RequestRow


@dataclass(frozen=True, slots=True)
class Kept:
    """A live receipt as the warehouse sees it: what lies in which bay, in how many pieces."""

    id: int
    bay: str
    commodity: str
    grade: str
    remaining_kg: int
    pieces: int
    holder: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """Pieces that left under an order."""

    order_id: int
    mass_kg: int
    pieces: tuple[bytes, ...]
    remaining_kg: int
    at: datetime


def kept_at(session: Session, site: bytes, after: int, limit: int) -> list[Kept]:
    """Live receipts of a site behind that number, oldest first."""
    pieces = (
        select(func.count())
        .select_from(PieceRow)
        .where(PieceRow.receipt_id == ReceiptRow.id, col(PieceRow.delivered_at).is_(None))
        .correlate(ReceiptRow)
        .scalar_subquery()
    )
    found = (
        select(ReceiptRow, pieces)
        .where(ReceiptRow.site == site, ReceiptRow.state == ReceiptState.ISSUED, col(ReceiptRow.id) > after)
        .order_by(col(ReceiptRow.id))
        .limit(limit)
    )
    return [
        Kept(row.id, row.bay, row.commodity, row.grade, row.remaining_kg, count, row.holder)
        for row, count in session.exec(found).all()
    ]


def requested_at(session: Session, request_id: int) -> datetime:
    """When a receipt was asked for."""
    return session.get_one(RequestRow, request_id).requested_at


def ordered_at(session: Session, receipt_id: int, limit: int) -> dict[int, datetime]:
    """When each of the newest release orders for a receipt's goods was given."""
    found = select(OrderRow.id, OrderRow.ordered_at).where(OrderRow.receipt_id == receipt_id)
    return dict(session.exec(found.order_by(col(OrderRow.id).desc()).limit(limit)).all())


def deliveries_of(session: Session, receipt_id: int, limit: int) -> list[Delivery]:
    """The newest deliveries of a receipt's goods, in their order."""
    found = (
        select(DeliveryRow)
        .where(DeliveryRow.receipt_id == receipt_id)
        .order_by(col(DeliveryRow.block_number).desc(), col(DeliveryRow.log_index).desc())
        .limit(limit)
    )
    rows = list(session.exec(found).all())[::-1]
    return [
        Delivery(
            row.order_id,
            row.mass_kg,
            tuple(from_hex(each) for each in row.fingerprints),
            row.remaining_kg,
            row.delivered_at,
        )
        for row in rows
    ]

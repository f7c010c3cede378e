"""Projections of the receipt registry's confirmed events, and the documents behind the hashes."""

from datetime import datetime

from sqlalchemy import JSON, Index, LargeBinary, text
from sqlmodel import Field, Session, SQLModel, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.db import BigInt, HexId, UtcDateTime
from backend.receipts.rules import (
    Order,
    OrderUnknown,
    Receipt,
    ReceiptState,
    ReceiptUnknown,
    Request,
    RequestState,
    RequestUnknown,
)


class DocumentRow(SQLModel, table=True):
    """A statutory document in its canonical bytes, under the hash that the ledger holds."""

    __tablename__ = "receipt_document"

    hash: bytes = Field(primary_key=True, sa_type=HexId)
    profile: str = Field(max_length=16)
    canonical: bytes = Field(sa_type=LargeBinary)
    kept_at: datetime = Field(sa_type=UtcDateTime)


class RequestRow(SQLModel, table=True):
    """A depositor's request."""

    __tablename__ = "receipt_request"

    id: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    depositor: bytes = Field(sa_type=HexId)
    site: bytes = Field(sa_type=HexId)
    bay: str = Field(max_length=66)
    commodity: str = Field(max_length=66)
    grade: str = Field(max_length=66)
    mass_kg: int = Field(sa_type=BigInt)
    fingerprints: list[str] = Field(sa_type=JSON)
    document: bytes = Field(sa_type=HexId)
    representations: bytes = Field(sa_type=HexId)
    state: str = Field(max_length=16)
    requested_at: datetime = Field(sa_type=UtcDateTime)


class ReceiptRow(SQLModel, table=True):
    """A receipt; its state is what confirmed events have made of it."""

    __tablename__ = "receipt"

    id: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    request_id: int = Field(sa_type=BigInt, unique=True)
    holder: bytes = Field(sa_type=HexId, index=True)
    operator: bytes = Field(sa_type=HexId)
    site: bytes = Field(sa_type=HexId, index=True)
    bay: str = Field(max_length=66)
    commodity: str = Field(max_length=66)
    grade: str = Field(max_length=66)
    mass_kg: int = Field(sa_type=BigInt)
    remaining_kg: int = Field(sa_type=BigInt)
    document: bytes = Field(sa_type=HexId)
    state: str = Field(max_length=16)
    issued_at: datetime = Field(sa_type=UtcDateTime)


class PieceRow(SQLModel, table=True):
    """A piece under a receipt, and its place in the ledger's list of pieces that have not left.

    At most one live receipt covers a piece, and the database refuses a second.
    """

    __tablename__ = "receipt_piece"
    __table_args__ = (
        Index(
            "uq_receipt_piece_live",
            "fingerprint",
            unique=True,
            sqlite_where=text("delivered_at IS NULL"),
            postgresql_where=text("delivered_at IS NULL"),
        ),
    )

    receipt_id: int = Field(primary_key=True, sa_type=BigInt, foreign_key="receipt.id")
    fingerprint: bytes = Field(primary_key=True, sa_type=HexId)
    position: int
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OrderRow(SQLModel, table=True):
    """A release order."""

    __tablename__ = "release_order"

    id: int = Field(primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": False})
    receipt_id: int = Field(sa_type=BigInt, foreign_key="receipt.id", index=True)
    mass_kg: int = Field(sa_type=BigInt)
    delivered_kg: int = Field(sa_type=BigInt)
    gate: str = Field(max_length=66)
    opens_at: datetime = Field(sa_type=UtcDateTime)
    closes_at: datetime = Field(sa_type=UtcDateTime, index=True)
    to: bytes = Field(sa_type=HexId)
    by: bytes = Field(sa_type=HexId)
    ordered_at: datetime = Field(sa_type=UtcDateTime)


class DeliveryRow(SQLModel, table=True):
    """A delivery under an order."""

    __tablename__ = "delivery"

    block_number: int = Field(primary_key=True, sa_type=BigInt)
    log_index: int = Field(primary_key=True)
    receipt_id: int = Field(sa_type=BigInt, foreign_key="receipt.id", index=True)
    order_id: int = Field(sa_type=BigInt, foreign_key="release_order.id")
    mass_kg: int = Field(sa_type=BigInt)
    fingerprints: list[str] = Field(sa_type=JSON)
    remaining_kg: int = Field(sa_type=BigInt)
    delivered_at: datetime = Field(sa_type=UtcDateTime)


def request_facts(session: Session, request_id: int) -> Request:
    """The request as confirmed.

    Raises:
        RequestUnknown: no confirmed event shows it.
    """
    row = session.get(RequestRow, request_id)
    if row is None:
        raise RequestUnknown(request=request_id)
    return Request(
        id=row.id,
        depositor=row.depositor,
        site=row.site,
        bay=row.bay,
        commodity=row.commodity,
        grade=row.grade,
        mass_kg=row.mass_kg,
        fingerprints=tuple(bytes.fromhex(each[2:]) for each in row.fingerprints),
        document=row.document,
        state=RequestState(row.state),
    )


def request_id_of_document(session: Session, document: bytes) -> int | None:
    """The newest request with this document."""
    found = select(RequestRow.id).where(RequestRow.document == document)
    return session.exec(found.order_by(col(RequestRow.id).desc())).first()


def receipt_facts(session: Session, receipt_id: int) -> Receipt:
    """The receipt as confirmed; its pieces are those not delivered yet, in the ledger's order.

    Raises:
        ReceiptUnknown: no confirmed event shows it.
    """
    row = session.get(ReceiptRow, receipt_id)
    if row is None:
        raise ReceiptUnknown(receipt=receipt_id)
    return Receipt(
        id=row.id,
        request_id=row.request_id,
        holder=row.holder,
        operator=row.operator,
        site=row.site,
        bay=row.bay,
        commodity=row.commodity,
        grade=row.grade,
        mass_kg=row.mass_kg,
        remaining_kg=row.remaining_kg,
        document=row.document,
        state=ReceiptState(row.state),
        fingerprints=tuple(each.fingerprint for each in live_pieces(session, receipt_id)),
        issued_at=row.issued_at,
    )


def order_facts(session: Session, order_id: int) -> Order:
    """The release order as confirmed.

    Raises:
        OrderUnknown: no confirmed event shows it.
    """
    row = session.get(OrderRow, order_id)
    if row is None:
        raise OrderUnknown(order=order_id)
    return _order(row)


def open_orders_at(session: Session, site: bytes, gate: str, at: datetime) -> list[Order]:
    """Confirmed orders under which that gate of that site may be passed at that instant, oldest first."""
    found = (
        select(OrderRow)
        .join(ReceiptRow, col(ReceiptRow.id) == OrderRow.receipt_id)
        .where(ReceiptRow.site == site, OrderRow.gate == gate, col(OrderRow.closes_at) >= at)
        .order_by(col(OrderRow.id))
    )
    return [order for order in map(_order, session.exec(found).all()) if order.is_open(at)]


def open_orders_of(session: Session, receipt_id: int, at: datetime) -> list[Order]:
    """Confirmed orders that may still let goods of this receipt out after that instant, oldest first."""
    found = select(OrderRow).where(OrderRow.receipt_id == receipt_id, col(OrderRow.closes_at) >= at)
    orders = map(_order, session.exec(found.order_by(col(OrderRow.id))).all())
    return [order for order in orders if order.left_kg > 0]


def receipts_after(
    session: Session, scope: tuple[bytes, frozenset[bytes]] | None, after: int, limit: int
) -> list[ReceiptRow]:
    """Receipts behind that number, oldest first.

    Args:
        session: the unit of work.
        scope: a party that holds them or whose sites keep them, and those sites; None for all.
        after: the last number not wanted any more.
        limit: how many at most.
    """
    found = select(ReceiptRow).where(col(ReceiptRow.id) > after)
    if scope is not None:
        party, sites = scope
        mine = (ReceiptRow.holder == party, ReceiptRow.operator == party)
        found = found.where(or_(*mine, col(ReceiptRow.site).in_(sites)))
    return list(session.exec(found.order_by(col(ReceiptRow.id)).limit(limit)).all())


def all_orders_of(session: Session, receipt_id: int, limit: int) -> list[Order]:
    """The newest confirmed orders for goods of this receipt, whatever is left of them."""
    found = select(OrderRow).where(OrderRow.receipt_id == receipt_id)
    return [_order(row) for row in session.exec(found.order_by(col(OrderRow.id).desc()).limit(limit)).all()]


def delivery_blocks(session: Session, receipt_id: int) -> list[int]:
    """Blocks in which goods of this receipt were delivered, in order."""
    found = select(DeliveryRow.block_number).where(DeliveryRow.receipt_id == receipt_id).distinct()
    return list(session.exec(found.order_by(col(DeliveryRow.block_number))).all())


def live_pieces(session: Session, receipt_id: int) -> list[PieceRow]:
    """Rows of the pieces that have not left, in the ledger's order."""
    found = select(PieceRow).where(PieceRow.receipt_id == receipt_id, col(PieceRow.delivered_at).is_(None))
    return list(session.exec(found.order_by(col(PieceRow.position))).all())


def pieces_of(session: Session, receipt_id: int) -> list[bytes]:
    """Every piece that a receipt was issued over, those that have left included."""
    found = select(PieceRow.fingerprint).where(PieceRow.receipt_id == receipt_id)
    return list(session.exec(found.order_by(col(PieceRow.position))).all())


def live_receipt_of(session: Session, fingerprint: bytes) -> int | None:
    """The live receipt that covers this piece."""
    found = select(PieceRow.receipt_id).where(
        PieceRow.fingerprint == fingerprint, col(PieceRow.delivered_at).is_(None)
    )
    return session.exec(found).first()


def live_receipt_ids(session: Session, site: bytes) -> list[int]:
    """Receipts of this site whose goods have not all been delivered, oldest first."""
    found = select(ReceiptRow.id).where(ReceiptRow.site == site, ReceiptRow.state == ReceiptState.ISSUED)
    return list(session.exec(found.order_by(col(ReceiptRow.id))).all())


def _order(row: OrderRow) -> Order:
    return Order(
        id=row.id,
        receipt_id=row.receipt_id,
        mass_kg=row.mass_kg,
        delivered_kg=row.delivered_kg,
        gate=row.gate,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        to=row.to,
        by=row.by,
    )


def ids_operated_by(operator: bytes) -> SelectOfScalar[int]:
    """The query for the receipts of one operator."""
    return select(ReceiptRow.id).where(ReceiptRow.operator == operator)

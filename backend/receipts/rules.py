"""The states of requests, receipts and release orders, and what must hold before an act is intended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from eth_abi.abi import encode

from backend.errors import Invalid, NotFound, WrongState
from iot_bridge.evidence.signature import keccak


class RequestUnknown(NotFound):
    """No confirmed event shows this request for a receipt."""

    code = "receipts.request_unknown"


class ReceiptUnknown(NotFound):
    """No confirmed event shows this receipt as issued."""

    code = "receipts.receipt_unknown"


class OrderUnknown(NotFound):
    """No confirmed event shows this release order."""

    code = "receipts.order_unknown"


class DocumentUnknown(NotFound):
    """No document with this hash is kept here."""

    code = "receipts.document_unknown"


class RequestNotOpen(WrongState):
    """The request was answered or withdrawn before."""

    code = "receipts.request_not_open"


class ReceiptDelivered(WrongState):
    """The goods of this receipt have all been delivered; nothing more can be done with it."""

    code = "receipts.receipt_delivered"


class PieceAlreadyCovered(WrongState):
    """A live receipt covers this piece already; a second one would be a second claim on one thing."""

    code = "receipts.piece_already_covered"


class PiecesRepeated(Invalid):
    """The same piece is named twice, or no piece at all."""

    code = "receipts.pieces_repeated"


class MassOutOfRange(Invalid):
    """The mass is not a positive number of kilograms within what the receipt still covers."""

    code = "receipts.mass_out_of_range"


class HoursInvalid(Invalid):
    """A gate cannot open at these hours: they end before they begin, or have passed."""

    code = "receipts.hours_invalid"


class MassDiffers(Invalid):
    """The movements weigh more or less than stated, by more than the tolerance."""

    code = "receipts.mass_differs"


class PieceForeign(Invalid):
    """The piece is not one of those that the receipt still covers."""

    code = "receipts.piece_foreign"


class OrderExceeded(WrongState):
    """More has moved than the release order allows."""

    code = "receipts.order_exceeded"


class RequestState(StrEnum):
    """`ISSUED` and `CANCELLED` are terminal."""

    OPEN = "open"
    ISSUED = "issued"
    CANCELLED = "cancelled"


class ReceiptState(StrEnum):
    """`DELIVERED` is terminal."""

    ISSUED = "issued"
    DELIVERED = "delivered"


MASS_TOLERANCE_BPS = 30
"""How far the sum of weighings may be from the stated mass: 0.3 %, as the ledger has it."""


@dataclass(frozen=True, slots=True)
class IssueTerms:
    """What a depositor asks a receipt for. Names as the registry keeps them; fingerprints one per piece."""

    site: str
    bay: str
    commodity: str
    grade: str
    mass_kg: int
    fingerprints: tuple[bytes, ...]
    representations: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as confirmed events have it; `remaining_kg` is what has not been delivered."""

    id: int
    request_id: int
    holder: bytes
    operator: bytes
    site: bytes
    bay: str
    commodity: str
    grade: str
    mass_kg: int
    remaining_kg: int
    document: bytes
    state: ReceiptState
    fingerprints: tuple[bytes, ...]
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A request as confirmed events have it."""

    id: int
    depositor: bytes
    site: bytes
    bay: str
    commodity: str
    grade: str
    mass_kg: int
    fingerprints: tuple[bytes, ...]
    document: bytes
    state: RequestState


@dataclass(frozen=True, slots=True)
class Order:
    """A release order as confirmed events have it: opens one gate for a mass and some hours of real time."""

    id: int
    receipt_id: int
    mass_kg: int
    delivered_kg: int
    gate: str
    opens_at: datetime
    closes_at: datetime
    to: bytes
    by: bytes

    @property
    def left_kg(self) -> int:
        """What may still leave under this order."""
        return max(0, self.mass_kg - self.delivered_kg)

    def is_open(self, at: datetime) -> bool:
        """Whether the gate may be passed under this order at that instant; both ends of its hours count."""
        return self.opens_at <= at <= self.closes_at and self.left_kg > 0


def content_hash(receipt: Receipt) -> bytes:
    """What an act on this receipt names, so that nothing is swapped underneath: as the ledger computes it."""
    kinds = ["uint256", "bytes32", "bytes32", "uint256", "bytes32[]"]
    values = [receipt.id, receipt.document, receipt.holder, receipt.remaining_kg, list(receipt.fingerprints)]
    return keccak(encode(kinds, values))


def require_pieces(fingerprints: tuple[bytes, ...]) -> None:
    """Refuse none, and one named twice.

    Raises:
        PiecesRepeated: either.
    """
    if not fingerprints or len(set(fingerprints)) != len(fingerprints):
        raise PiecesRepeated(named=len(fingerprints), distinct=len(set(fingerprints)))


def require_mass(mass_kg: int, limit_kg: int | None = None) -> None:
    """Refuse a mass that is not positive, or above the limit where there is one.

    Raises:
        MassOutOfRange: either.
    """
    if mass_kg <= 0 or (limit_kg is not None and mass_kg > limit_kg):
        raise MassOutOfRange(mass_kg=mass_kg, limit_kg=limit_kg)


def require_hours(opens_at: datetime, closes_at: datetime, now: datetime) -> None:
    """Refuse hours that are none, or over.

    Raises:
        HoursInvalid: either.
    """
    if closes_at <= opens_at or closes_at <= now:
        raise HoursInvalid(opens_at=opens_at.isoformat(), closes_at=closes_at.isoformat())


def require_within_order(order: Order, left_kg: int, weighed_kg: int) -> None:
    """Refuse what weighs more than may still leave, by more than scales may differ.

    Raises:
        OrderExceeded: it does.
    """
    if (weighed_kg - left_kg) * 10_000 > left_kg * MASS_TOLERANCE_BPS:
        raise OrderExceeded(order=order.id, left_kg=left_kg, weighed_kg=weighed_kg)


def require_mass_agrees(stated_kg: int, weighed_kg: int) -> None:
    """Refuse weighings that differ from the stated mass by more than the ledger tolerates.

    Raises:
        MassDiffers: they do.
    """
    if abs(weighed_kg - stated_kg) * 10_000 > stated_kg * MASS_TOLERANCE_BPS:
        raise MassDiffers(stated_kg=stated_kg, weighed_kg=weighed_kg, tolerance_bps=MASS_TOLERANCE_BPS)

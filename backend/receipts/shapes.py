"""Requests for receipts, receipts and release orders as JSON."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, StringConstraints

from backend.evidence.claims import Claim, Eligibility
from backend.parties.words import name
from backend.receipts.document import LARGEST_EXACT, PROFILES
from backend.receipts.rules import IssueTerms, Order, Receipt, ReceiptState, Request, RequestState
from backend.receipts.tables import ReceiptRow
from backend.web.forms import Instant, Name, Word, word

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
Text = Annotated[StrictStr, Field(max_length=2_000)]
Scalar = Text | Annotated[StrictInt, Field(ge=0, le=LARGEST_EXACT)] | StrictBool
Texts = Annotated[list[Text], Field(max_length=200)]
Section = Annotated[dict[FieldName, Scalar | Texts], Field(max_length=40)]
Document = Annotated[dict[FieldName, Scalar | Texts | Section], Field(max_length=40)]
Mass = Annotated[int, Field(ge=1, le=10**12)]
Pieces = Annotated[list[Word], Field(min_length=1, max_length=500)]
PIECE = "0x" + "5e" * 32


class ReceiptWanted(BaseModel):
    """What a depositor asks a receipt for, and the document that the law demands of it."""

    model_config = ConfigDict(extra="forbid")

    site: Name = Field(examples=["wuxi-yard-1"])
    bay: Name = Field(examples=["bay.a"])
    commodity: Name = Field(examples=["steel.hrc"])
    grade: Name = Field(examples=["q235b"])
    mass_kg: Mass = Field(examples=[29_900])
    fingerprints: Pieces = Field(description="One for each piece.", examples=[[PIECE]])
    representations: Word = Field(description="Commits to what the depositor vouches for.", examples=[PIECE])
    profile: Annotated[str, Field(max_length=16)] = Field(examples=list(PROFILES))
    document: Document = Field(examples=[{"label": "warehouse receipt", "goods": {"mass_kg": 29_900}}])

    def terms(self) -> IssueTerms:
        """What the ledger is to hold."""
        return IssueTerms(
            site=self.site,
            bay=self.bay,
            commodity=self.commodity,
            grade=self.grade,
            mass_kg=self.mass_kg,
            fingerprints=tuple(word(each) for each in self.fingerprints),
            representations=word(self.representations),
        )


class ReceiptRequest(BaseModel):
    """A request as confirmed."""

    id: int
    depositor: str
    site: str
    bay: str
    commodity: str
    grade: str
    mass_kg: int
    fingerprints: list[str]
    document: str
    state: RequestState


class ReceiptShort(BaseModel):
    """A receipt as confirmed."""

    id: int
    request_id: int
    holder: str
    operator: str
    site: str
    bay: str
    commodity: str
    grade: str
    mass_kg: int
    remaining_kg: int = Field(description="What has not been delivered.")
    document: str
    state: ReceiptState
    issued_at: datetime


class ClaimHolds(BaseModel):
    """How well one claim holds now."""

    claim: Claim
    score_bps: int
    sources: int
    newest: datetime | None
    reason: str
    statements: list[str]
    against: list[str]


class Standing(BaseModel):
    """What the lot may count for in lending: the weakest of its claims."""

    eligibility_bps: int
    in_conflict: bool
    claims: list[ClaimHolds]


class ReleaseOrder(BaseModel):
    """Leave for a mass of a receipt to pass one gate in some hours."""

    id: int
    receipt_id: int
    mass_kg: int
    delivered_kg: int
    gate: str
    opens_at: datetime
    closes_at: datetime
    to: str
    by: str


class ReceiptFull(ReceiptShort):
    """A receipt, its pieces that have not left, what evidence says of them now, and its newest orders."""

    pieces: list[str]
    standing: Standing
    orders: list[ReleaseOrder]


class ReleaseWanted(BaseModel):
    """What is to leave; a gate goes by the name of the device that watches it, unless it has its own."""

    model_config = ConfigDict(extra="forbid")

    mass_kg: Mass = Field(examples=[9_800])
    gate: Name = Field(examples=["gate-cam.1"])
    opens_at: Instant = Field(examples=["2026-05-04T08:00:00+08:00"])
    closes_at: Instant = Field(examples=["2026-05-04T18:00:00+08:00"])
    to: Name = Field(description="The party that fetches the goods.", examples=["wuxi-steel"])


class DeliveryWanted(BaseModel):
    """Pieces that have left."""

    model_config = ConfigDict(extra="forbid")

    fingerprints: Pieces = Field(examples=[[PIECE]])


def hexed(value: bytes) -> str:
    """Bytes as JSON has them."""
    return "0x" + value.hex()


def request_shown(request: Request) -> ReceiptRequest:
    """A request as JSON has it."""
    return ReceiptRequest(
        id=request.id,
        depositor=name(request.depositor),
        site=name(request.site),
        bay=request.bay,
        commodity=request.commodity,
        grade=request.grade,
        mass_kg=request.mass_kg,
        fingerprints=[hexed(each) for each in request.fingerprints],
        document=hexed(request.document),
        state=request.state,
    )


def short(receipt: Receipt | ReceiptRow) -> ReceiptShort:
    """A receipt as lists have it."""
    return ReceiptShort(**_of(receipt))


def full(receipt: Receipt, eligibility: Eligibility, orders: list[Order]) -> ReceiptFull:
    """A receipt with everything known of it."""
    return ReceiptFull(
        **_of(receipt),
        pieces=[hexed(each) for each in receipt.fingerprints],
        standing=_standing(eligibility),
        orders=[order_shown(each) for each in orders],
    )


def order_shown(order: Order) -> ReleaseOrder:
    """An order as JSON has it."""
    return ReleaseOrder(
        id=order.id,
        receipt_id=order.receipt_id,
        mass_kg=order.mass_kg,
        delivered_kg=order.delivered_kg,
        gate=order.gate,
        opens_at=order.opens_at,
        closes_at=order.closes_at,
        to=name(order.to),
        by=name(order.by),
    )


def _of(receipt: Receipt | ReceiptRow) -> dict[str, Any]:
    return {
        "id": receipt.id,
        "request_id": receipt.request_id,
        "holder": name(receipt.holder),
        "operator": name(receipt.operator),
        "site": name(receipt.site),
        "bay": receipt.bay,
        "commodity": receipt.commodity,
        "grade": receipt.grade,
        "mass_kg": receipt.mass_kg,
        "remaining_kg": receipt.remaining_kg,
        "document": hexed(receipt.document),
        "state": ReceiptState(receipt.state),
        "issued_at": receipt.issued_at,
    }


def _standing(eligibility: Eligibility) -> Standing:
    claims = [
        ClaimHolds(
            claim=each.claim,
            score_bps=each.score_bps,
            sources=each.sources,
            newest=each.newest,
            reason=each.reason,
            statements=[hexed(statement) for statement in each.statements],
            against=[against.reason for against in each.against],
        )
        for each in eligibility.claims
    ]
    return Standing(eligibility_bps=eligibility.bps, in_conflict=eligibility.in_conflict, claims=claims)

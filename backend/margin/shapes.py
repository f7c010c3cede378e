"""Cover, calls and release quotes as requests carry them and answers show them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from backend.margin.actions.calling import Agreement, Review
from backend.margin.rules.call import MarginState
from backend.margin.tables import MarginCallRow, MarginDecisionRow, OrderedReleaseRow, ReleaseQuoteRow
from backend.web.amounts import Amount, Form, Reference
from backend.web.forms import LARGEST, Instant, Name
from backend.web.pages import Page

MAX_MASS_KG = 10**9
Number = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Mass = Annotated[int, Field(strict=True, ge=1, le=MAX_MASS_KG, examples=[5_000])]


class EnforcementForm(Form):
    """Who agrees to enforcement beside the lender, and where that is proved."""

    by: Literal["arbiter", "pledgor"]
    reference: Reference = Field(examples=["CIETAC-2026-0042"])

    def agreement(self) -> Agreement:
        """The agreement in our words."""
        return Agreement(self.by, self.reference)


class Leaving(Form):
    """So much of one receipt."""

    receipt: Number
    mass_kg: Mass


class QuoteForm(Form):
    """The goods that are to leave."""

    leaving: list[Leaving] = Field(min_length=1, max_length=100)

    @field_validator("leaving")
    @classmethod
    def _each_once(cls, leaving: list[Leaving]) -> list[Leaving]:
        if len({each.receipt for each in leaving}) != len(leaving):
            message = "a receipt is named twice"
            raise ValueError(message)
        return leaving

    def masses(self) -> dict[int, int]:
        """Kilograms by receipt."""
        return {each.receipt: each.mass_kg for each in self.leaving}


class OperatorPaidForm(Form):
    """The operator's own receipt for its lien on what leaves."""

    reference: Reference = Field(examples=["OPERATOR-77"])


class LeaveForm(Form):
    """By which gate and in which hours the goods of one receipt in the quote are to leave."""

    receipt: Number
    gate: Name
    opens_at: Instant
    closes_at: Instant


class MarginCall(BaseModel):
    """An open margin call with both its cures: so much money, or so much more of each kind of goods."""

    opened_on: date
    cure_by: date
    cash: Amount
    goods: list[dict[str, Any]]
    noticed_on: date | None


class Decision(BaseModel):
    """A change in how the loan's cover stands, with everything it rests on."""

    number: int
    state: str
    unvalued: str | None = Field(description="The code of why no value could be stated.")
    facts: dict[str, Any]
    decided_at: datetime


class Margin(BaseModel):
    """How the loan's cover stands by the newest decision, its open call, and the decisions in order."""

    state: MarginState
    call: MarginCall | None
    decisions: Page[Decision]


class Reviewed(BaseModel):
    """How the loan's cover stands with the facts of this moment."""

    loan_id: str
    before: MarginState
    state: MarginState
    unvalued: str | None
    facts: dict[str, Any] | None


class OrderedLeave(BaseModel):
    """Goods of the quote that were ordered to leave; owed until the ledger confirms it."""

    receipt: int
    mass_kg: int
    ordered_at: datetime
    ended_as: str | None


class ReleaseQuote(BaseModel):
    """What must be paid for some goods to leave, and until when that holds."""

    id: str
    loan_id: str
    leaving: list[Leaving]
    bank: Amount
    operator: Amount
    quoted_at: datetime
    expires_at: datetime
    operator_paid: str | None
    ordered: list[OrderedLeave]


def call_shown(row: MarginCallRow) -> MarginCall:
    """An open call, as answers show it."""
    return MarginCall(
        opened_on=row.opened_on,
        cure_by=row.cure_by,
        cash=Amount(amount_minor=row.cash_minor, currency=row.currency),
        goods=row.goods,
        noticed_on=row.noticed_on,
    )


def decision_shown(row: MarginDecisionRow) -> Decision:
    """A decision, as answers show it."""
    return Decision(
        number=row.number,
        state=row.state,
        unvalued=row.unvalued,
        facts=row.facts,
        decided_at=row.decided_at,
    )


def review_shown(found: Review) -> Reviewed:
    """A review, as answers show it."""
    return Reviewed(
        loan_id=found.loan_id,
        before=found.before,
        state=found.state,
        unvalued=found.unvalued,
        facts=None if found.found is None else found.found.facts(),
    )


def quote_shown(row: ReleaseQuoteRow, ordered: list[OrderedReleaseRow]) -> ReleaseQuote:
    """A quote, as answers show it."""
    return ReleaseQuote(
        id=row.id,
        loan_id=row.loan_id,
        leaving=[
            Leaving.model_construct(receipt=int(receipt), mass_kg=mass)
            for receipt, mass in sorted(row.leaving.items(), key=lambda each: int(each[0]))
        ],
        bank=Amount(amount_minor=row.bank_minor, currency=row.currency),
        operator=Amount(amount_minor=row.operator_minor, currency=row.currency),
        quoted_at=row.quoted_at,
        expires_at=row.expires_at,
        operator_paid=row.operator_paid,
        ordered=[
            OrderedLeave(
                receipt=each.receipt,
                mass_kg=each.mass_kg,
                ordered_at=each.ordered_at,
                ended_as=each.ended_as,
            )
            for each in ordered
        ],
    )

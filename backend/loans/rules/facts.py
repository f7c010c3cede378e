"""What happened to a loan's money, as facts: the only input from which its whole book follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from backend.errors import Invalid, WrongState
from backend.loans.rules.allocation import Bucket
from backend.loans.rules.product import Product
from backend.units import require_integer


class FactKind(StrEnum):
    """Kinds of facts. `market_value` states what a fee on market value is a share of from that date on."""

    DRAW = "draw"
    PAYMENT = "payment"
    REVERSE = "reverse"
    MISUSE = "misuse"
    COST = "cost"
    WRITE_OFF = "write_off"
    REFUND = "refund"
    MARKET_VALUE = "market_value"
    ACCRUE = "accrue"


WITHOUT_AMOUNT: Final = frozenset({FactKind.REVERSE, FactKind.ACCRUE})


class FactInvalid(Invalid):
    """A fact about a loan's money lacks what its kind needs, or carries what its kind has no use for."""

    code = "loans.fact_invalid"


class BeforeDisbursement(WrongState):
    """The fact is dated before anything was disbursed."""

    code = "loans.before_disbursement"


class NothingToReverse(WrongState):
    """No payment of that name stands to be reversed."""

    code = "loans.nothing_to_reverse"


class MoreThanOwed(WrongState):
    """More was to be taken off than there is."""

    code = "loans.more_than_owed"


class FeeBaseUnknown(WrongState):
    """The supervision fee is a share of the market value, and no value was stated for that day."""

    code = "loans.fee_base_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact about a loan's money, with the date it counts for.

    Attributes:
        id: unique within the loan; the book names it as the cause of what it posts.
        on: value date. Facts of one date count in the order they were recorded.
        amount_minor: above 0; 0 for kinds that have none.
        to: the payer's instruction to prepay principal, or None for the product's order.
        of: the payment that a reversal undoes, from that payment's own date on.
    """

    id: str
    on: date
    kind: FactKind
    amount_minor: int = 0
    to: Bucket | None = None
    of: str | None = None

    def __post_init__(self) -> None:
        at_least = 0 if self.kind in WITHOUT_AMOUNT else 1
        require_integer("amount_minor", self.amount_minor, at_least=at_least)
        instructed = self.to is not None
        if (instructed and (self.kind is not FactKind.PAYMENT or self.to is not Bucket.PRINCIPAL)) or (
            (self.of is not None) != (self.kind is FactKind.REVERSE)
        ):
            raise FactInvalid(id=self.id, kind=self.kind.value, to=self.to, of=self.of)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a loan's book is computed under: its product version, and the day it is due.

    `due_on` is the contractual maturity rolled to a business day.
    """

    product: Product
    due_on: date

    @property
    def penalty_from(self) -> date:
        """The first day whose interest runs at the penalty rate while the loan is unpaid."""
        return self.due_on + timedelta(days=self.product.grace_days)


def fact_to_json(fact: Fact) -> dict[str, str]:
    """A fact as a loan event's opening tells it; fields that its kind has no use for are left out."""
    told = {"id": fact.id, "on": fact.on.isoformat(), "kind": fact.kind.value}
    if fact.kind not in WITHOUT_AMOUNT:
        told["amount_minor"] = str(fact.amount_minor)
    if fact.to is not None:
        told["to"] = fact.to.value
    if fact.of is not None:
        told["of"] = fact.of
    return told


def fact_from_json(told: Mapping[str, Any]) -> Fact:
    """The fact that an opening tells.

    Raises:
        FactInvalid: it is none.
    """
    try:
        return Fact(
            id=str(told["id"]),
            on=date.fromisoformat(told["on"]),
            kind=FactKind(told["kind"]),
            amount_minor=int(told.get("amount_minor", "0")),
            to=Bucket(told["to"]) if "to" in told else None,
            of=told.get("of"),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise FactInvalid(told=dict(told), reason=str(error)) from error

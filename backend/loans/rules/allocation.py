"""In which order a payment meets what is owed. The order is product data; due comes before undue."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.errors import Invalid
from backend.units import split_pro_rata


class Bucket(StrEnum):
    """A kind of claim under a loan that a payment can meet."""

    ENFORCEMENT = "enforcement"
    PENALTY = "penalty"
    INTEREST = "interest"
    FEE = "fee"
    PRINCIPAL = "principal"


Order = tuple[tuple[Bucket, ...], ...]
"""Kinds in the order they are met; those in one group share pro rata."""

STANDARD_ORDER: Final[Order] = (
    (Bucket.ENFORCEMENT,),
    (Bucket.PENALTY,),
    (Bucket.INTEREST, Bucket.FEE),
    (Bucket.PRINCIPAL,),
)
"""Civil Code 561: cost of enforcement, then interest (penalty first), then principal."""


class AllocationIncomplete(Invalid):
    """An allocation order must name every kind of claim exactly once."""

    code = "loans.allocation_incomplete"


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed of one kind: due already, and accrued or outstanding but not due."""

    due: int = 0
    undue: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """Where a payment went; `excess_minor` met nothing and is the payer's."""

    met: Mapping[Bucket, int]
    excess_minor: int

    def __getitem__(self, bucket: Bucket) -> int:
        return self.met.get(bucket, 0)

    def to_json(self) -> dict[str, str]:
        """Minor units by kind of claim, and what met nothing as `excess`; kinds that got nothing left out."""
        met = {bucket.value: str(amount) for bucket, amount in self.met.items()}
        return met | ({"excess": str(self.excess_minor)} if self.excess_minor else {})


def require_order(order: Order) -> Order:
    """`order` itself, once every kind is in it exactly once.

    Raises:
        AllocationIncomplete: a kind is missing or stands twice.
    """
    named = [bucket for group in order for bucket in group]
    if sorted(named) != sorted(Bucket):
        raise AllocationIncomplete(order=[[bucket.value for bucket in group] for group in order])
    return order


def allocate(amount_minor: int, owed: Mapping[Bucket, Owed], order: Order) -> Allocation:
    """Meet what is due in the product's order, then what is not yet due in the same order.

    Kinds that share a place share it pro rata to what is owed. Nothing is created or lost: the parts and the
    excess sum to the amount.
    """
    met = dict.fromkeys(Bucket, 0)
    left = amount_minor
    for part in ("due", "undue"):
        for group in order:
            claims = tuple(getattr(owed.get(bucket, Owed()), part) for bucket in group)
            paid = min(left, sum(claims))
            if paid:
                for bucket, share in zip(group, split_pro_rata(paid, claims), strict=True):
                    met[bucket] += share
                left -= paid
    return Allocation({bucket: share for bucket, share in met.items() if share}, left)


def principal_first(order: Order) -> Order:
    """The same order with the principal ahead: a payer's instruction to prepay principal."""
    rest = (tuple(bucket for bucket in group if bucket is not Bucket.PRINCIPAL) for group in order)
    return ((Bucket.PRINCIPAL,), *(group for group in rest if group))

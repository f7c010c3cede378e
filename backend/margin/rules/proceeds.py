"""How the proceeds of a sale, or of insurance, are shared out: in the order that the law gives the claims."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.units import Money


@dataclass(frozen=True, slots=True)
class RankedClaim:
    """One claim on the proceeds; earlier ones in a sequence rank ahead."""

    name: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Shares:
    """What each claim receives, in rank order, and the surplus, which is the pledgor's."""

    paid: tuple[RankedClaim, ...]
    surplus: Money
    unpaid: Money


def share_out(proceeds: Money, ranked: Sequence[RankedClaim]) -> Shares:
    """Meet the claims in order: sale costs, operator's lien, earlier rights, the bank's costs, the loan.

    `unpaid` stays a claim against the debtor; no part of the surplus is ever the lender's.
    """
    left, paid, unpaid = proceeds, [], Money.zero(proceeds.currency)
    for claim in ranked:
        part = min(left, claim.amount)
        paid.append(RankedClaim(claim.name, part))
        left -= part
        unpaid += claim.amount - part
    return Shares(tuple(paid), left, unpaid)

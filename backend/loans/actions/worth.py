"""What the goods under a loan are worth at a moment, and what they may carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.clock import Moment
from backend.db import to_hex
from backend.loans.actions.desk import Desk
from backend.loans.rules.loan import Collateral, Loan
from backend.loans.tables.loan import standing_receipts
from backend.valuation import actions as valuing
from backend.valuation.rules.prices import PricePolicy
from backend.valuation.rules.value import Valuation


@dataclass(frozen=True, slots=True)
class Worth:
    """A valuation of the lots that a loan rests on, with the line it was made at."""

    valuation: Valuation
    line_bps: int

    def facts(self) -> dict[str, Any]:
        """The figures that a decision keeps: each lot's, the prices they rest on, and the sums."""
        return {
            "line_bps": self.line_bps,
            "market_value_minor": self.valuation.market_value.amount_minor,
            "allowed_debt_minor": self.valuation.allowed_debt.amount_minor,
            "lien_minor": self.valuation.lien.amount_minor,
            "prices": [to_hex(each) for each in self.valuation.rests_on],
            "lots": [
                {
                    "receipt": each.lot.receipt,
                    "mass_kg": each.lot.mass_kg,
                    "eligibility_bps": each.lot.eligibility_bps,
                    "haircut_bps": each.lot.haircut_bps,
                    "minor_per_kg": str(each.per_kilogram),
                    "market_value_minor": each.market_value.amount_minor,
                    "allowed_debt_minor": each.allowed_debt.amount_minor,
                }
                for each in self.valuation.lots
            ],
        }


def price_policy(loan: Loan) -> PricePolicy:
    """How old a price may be for this loan, and how far it may rise on one source's word."""
    return PricePolicy(loan.product.price_max_age, loan.product.price_max_move_bps)


def standing_collateral(session: Session, desk: Desk, loan: Loan, at: Moment) -> tuple[Collateral, ...]:
    """What is known of the receipts that the loan still rests on.

    Raises:
        CollateralUnknown: nothing confirmed is known of one of them.
    """
    standing = [row.receipt for row in standing_receipts(session, loan.id)]
    return desk.goods(session, loan.product, standing, at)


def worth_at(
    session: Session,
    desk: Desk,
    loan: Loan,
    at: Moment,
    *,
    line_bps: int,
    masses: Mapping[int, int] | None = None,
) -> Worth:
    """What the lots that the loan still rests on are worth, and what they may carry at a line.

    Args:
        session: the unit of work.
        desk: the bank at work.
        loan: whose lots, product and currency these are.
        at: business time; prices age by it.
        line_bps: the line that caps what a lot may carry.
        masses: for some receipts, how many kilograms of them count instead of all.

    Raises:
        PriceStale: or `PriceMissing`, `PriceHeld`: no value can be stated.
        HaircutUnknown: the product does not lend against these goods.
    """
    less = {} if masses is None else masses
    lots = [
        each.lot(loan.product, mass_kg=less.get(each.receipt))
        for each in standing_collateral(session, desk, loan, at)
    ]
    found = valuing.value(
        session,
        lots,
        policy=price_policy(loan),
        line_bps=line_bps,
        currency=loan.principal.currency,
        now=at.now,
    )
    return Worth(found, line_bps)

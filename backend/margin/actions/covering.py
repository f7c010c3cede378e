"""What covers a loan right now: its debt with the operator's lien, and what the goods that stay may carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.clock import Moment
from backend.loans.actions.acts import owed_on
from backend.loans.actions.desk import Desk
from backend.loans.actions.worth import Worth, standing_collateral, worth_at
from backend.loans.rules.loan import Collateral, Loan
from backend.margin.rules.call import Lines
from backend.margin.rules.cover import Cover
from backend.margin.tables import owed_releases
from backend.units import Money


@dataclass(frozen=True, slots=True)
class Found:
    """A loan's cover and the valuation it rests on; none where nothing is owed and so none is needed."""

    cover: Cover
    worth: Worth | None

    def facts(self) -> dict[str, Any]:
        """The figures that a decision keeps."""
        return {
            "debt_minor": self.cover.debt.amount_minor,
            "ltv_bps": self.cover.ltv_bps,
            "effective_ltv_bps": self.cover.effective_ltv_bps,
            **({} if self.worth is None else self.worth.facts()),
        }


def lines_of(loan: Loan) -> Lines:
    """The product's lines that effective LTV meets."""
    product = loan.product
    return Lines(product.warning_ltv_bps, product.margin_call_ltv_bps, product.enforcement_ltv_bps)


def masses_that_stay(session: Session, desk: Desk, loan: Loan, at: Moment) -> dict[int, int]:
    """For each receipt what no order lets leave, orders included that the ledger has not confirmed yet."""
    stay = {each.receipt: each.mass_kg for each in standing_collateral(session, desk, loan, at)}
    for order in owed_releases(session, loan.id):
        if order.receipt in stay:
            stay[order.receipt] = max(0, stay[order.receipt] - order.mass_kg)
    return stay


def find_cover(
    session: Session, desk: Desk, loan: Loan, at: Moment, *, masses: Mapping[int, int] | None = None
) -> Found:
    """The loan's cover today. A loan on which nothing is owed is covered whatever prices say, or do not.

    Args:
        session: the unit of work.
        desk: the bank at work.
        loan: one that was paid out.
        at: business time.
        masses: kilograms of each receipt that count; None for all that no order lets leave.

    Raises:
        PriceStale: or `PriceMissing`, `PriceHeld`: no value can be stated.
    """
    currency, target = loan.principal.currency, loan.product.target_ltv_bps
    owed = Money(owed_on(session, loan, at).outstanding, currency)
    nothing = Money.zero(currency)
    if owed.is_zero:
        return Found(Cover(nothing, nothing, nothing, target), None)
    counted = masses_that_stay(session, desk, loan, at) if masses is None else masses
    worth = worth_at(session, desk, loan, at, line_bps=target, masses=counted)
    value = worth.valuation
    return Found(Cover(owed + value.lien, value.allowed_debt, value.market_value, target), worth)


def collateral_by_receipt(session: Session, desk: Desk, loan: Loan, at: Moment) -> dict[int, Collateral]:
    """What is known of each receipt that the loan still rests on."""
    return {each.receipt: each for each in standing_collateral(session, desk, loan, at)}

"""Whether goods cover a debt, and which line its effective LTV has reached."""

from dataclasses import dataclass

from backend.units import Money, max_zero, ratio_bps_up


@dataclass(frozen=True, slots=True)
class Cover:
    """Debt against what the lots may carry, at one instant.

    Attributes:
        debt: principal, accrued interest, fee, penalty, costs and the operator's lien, each once; at least 0.
        allowed_debt: what the lots may carry at the target line, rounded down.
        market_value: of all lots, before any haircut.
    """

    debt: Money
    allowed_debt: Money
    market_value: Money
    target_ltv_bps: int

    @property
    def holds(self) -> bool:
        """Whether the lots may carry the whole debt."""
        return self.debt <= self.allowed_debt

    @property
    def ltv_bps(self) -> int | None:
        """Debt against market value, rounded up; None where there is a debt and no value at all."""
        if self.market_value.is_zero:
            return 0 if self.debt.is_zero else None
        return ratio_bps_up(self.debt, self.market_value)

    @property
    def effective_ltv_bps(self) -> int | None:
        """Target · debt ÷ allowed debt, rounded up; None where nothing is allowed: past every line."""
        if self.debt.is_zero:
            return 0
        if self.allowed_debt.is_zero:
            return None
        return ratio_bps_up(self.debt, self.allowed_debt, whole_bps=self.target_ltv_bps)

    def has_reached(self, line_bps: int) -> bool:
        """Whether effective LTV, rounded up, is at or past a line."""
        found = self.effective_ltv_bps
        return found is None or found >= line_bps


def shortfall(*, debt: Money, allowed_debt: Money) -> Money:
    """Cash that brings the loan back under cover.

    Args:
        debt: principal, accrued interest, fee, penalty, costs and operator lien, at least 0.
        allowed_debt: what the pledged lots may carry at their advance rates, rounded down.

    Returns:
        Amount in the loan currency; 0 when the loan is covered. Paying exactly this always cures.

    Raises:
        CurrencyMismatch: the two amounts differ in currency.

    Source: docs/decisions/0007-margin-arithmetic.md.
    """
    return max_zero(debt - allowed_debt)

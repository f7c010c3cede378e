"""Pay X, release Y: what the bank and the operator must receive before some of the goods may leave."""

from dataclasses import dataclass

from backend.errors import WrongState
from backend.units import Money, max_zero, require_integer


class ReleaseNotCovered(WrongState):
    """What would stay could not carry what is owed, so nothing of it may leave yet."""

    code = "margin.release_not_covered"


class MoreThanPledged(WrongState):
    """More of a receipt was asked for than is pledged under it."""

    code = "margin.more_than_pledged"


@dataclass(frozen=True, slots=True)
class ReleasePrice:
    """What must be paid for goods to leave: to the bank, and to the operator for its lien on what leaves."""

    bank: Money
    operator: Money


def release_price(*, debt: Money, lien_leaving: Money, allowed_rest: Money) -> ReleasePrice:
    """What releasing some of the goods costs.

    Args:
        debt: everything owed with the operator's lien on all lots.
        lien_leaving: the operator's lien on what leaves; paying it lowers the debt.
        allowed_rest: what the lots that stay may carry, rounded down.

    Returns:
        The bank's part is `max(0, debt - lien_leaving - allowed_rest)`; paying exactly it keeps cover.
    """
    return ReleasePrice(max_zero(debt - lien_leaving - allowed_rest), lien_leaving)


def require_covered_after(*, debt: Money, lien_leaving: Money, allowed_rest: Money) -> None:
    """Refuse a release after which the rest would not carry the debt.

    Raises:
        ReleaseNotCovered: the bank is still owed something for it.
    """
    owed = release_price(debt=debt, lien_leaving=lien_leaving, allowed_rest=allowed_rest).bank
    if not owed.is_zero:
        raise ReleaseNotCovered(
            still_to_pay_minor=owed.amount_minor, allowed_rest_minor=allowed_rest.amount_minor
        )


def mass_left(*, receipt: int, pledged_kg: int, leaving_kg: int) -> int:
    """What stays of a receipt.

    Raises:
        MoreThanPledged: more than its whole mass is to leave.
    """
    require_integer("leaving_kg", leaving_kg, at_least=1)
    if leaving_kg > pledged_kg:
        raise MoreThanPledged(receipt=receipt, pledged_kg=pledged_kg, leaving_kg=leaving_kg)
    return pledged_kg - leaving_kg

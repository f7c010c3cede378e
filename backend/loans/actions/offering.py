"""What receipts would carry before anybody applies with them, and what they lack for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from backend.clock import Moment
from backend.errors import TallystickError
from backend.loans.actions.desk import Desk
from backend.loans.actions.worth import Worth
from backend.loans.rules.approval import require_maturity
from backend.loans.rules.loan import Collateral, ReceiptTaken, require_claims
from backend.loans.rules.product import Product
from backend.loans.tables.loan import loan_ids_on
from backend.loans.tables.loan import product_of as stored_product
from backend.units import Money, max_zero
from backend.valuation import actions as valuing
from backend.valuation.rules.prices import PricePolicy


@dataclass(frozen=True, slots=True)
class Lack:
    """Why receipts do not carry a loan yet: the refusal's code and facts, and the receipt it is about."""

    code: str
    receipt: int | None
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """What receipts would carry at the initial line after the liens on them; None where nobody can say."""

    worth: Worth | None
    allowed: Money | None
    collateral: tuple[Collateral, ...]
    lacks: tuple[Lack, ...]


def product_of(session: Session, name: str, version: int) -> Product:
    """The product as it was stored.

    Raises:
        ProductUnknown: there is none of that name and version.
    """
    return stored_product(session, name, version)


def offer(
    session: Session,
    desk: Desk,
    product: Product,
    receipts: Sequence[int],
    *,
    tenor_days: int,
    at: Moment,
    loan_id: str = "",
) -> Offer:
    """What these receipts would carry today under a product, and what they lack for a loan of that tenor.

    Args:
        session: the unit of work.
        desk: the bank at work.
        product: under which.
        receipts: numbers on the ledger.
        tenor_days: how long the loan is to last from today.
        at: business time.
        loan_id: the loan that they are offered for already, if any.
    """
    lacks: list[Lack] = []
    for number in receipts:
        others = [each for each in loan_ids_on(session, number) if each != loan_id]
        lacks.extend(Lack(ReceiptTaken.code, number, {"loan_id": each}) for each in others)
    known = [each for number in receipts for each in _known(session, desk, product, number, at, lacks)]
    ends = [each for lot in known for each in (lot.stored_until, lot.goods_valid_until) if each is not None]
    _keep(lacks, None, lambda: _require_time(product, at.today, tenor_days, ends) if ends else None)
    worth = _worth(session, product, known, at, lacks) if len(known) == len(receipts) and known else None
    allowed = None
    if worth is not None:
        allowed = max_zero(worth.valuation.allowed_debt - worth.valuation.lien)
    return Offer(worth, allowed, tuple(known), tuple(lacks))


def _known(
    session: Session, desk: Desk, product: Product, number: int, at: Moment, lacks: list[Lack]
) -> tuple[Collateral, ...]:
    try:
        found = desk.goods(session, product, [number], at)
    except TallystickError as refusal:
        lacks.append(Lack(refusal.code, number, refusal.facts))
        return ()
    _keep(lacks, number, lambda: require_claims(product, found))
    return found


def _worth(
    session: Session, product: Product, known: Sequence[Collateral], at: Moment, lacks: list[Lack]
) -> Worth | None:
    line = product.initial_ltv_bps
    try:
        value = valuing.value(
            session,
            [each.lot(product) for each in known],
            policy=PricePolicy(product.price_max_age, product.price_max_move_bps),
            line_bps=line,
            currency=product.currency,
            now=at.now,
        )
    except TallystickError as refusal:
        lacks.append(Lack(refusal.code, None, refusal.facts))
        return None
    return Worth(value, line)


def _require_time(product: Product, today: date, tenor_days: int, ends: list[date]) -> None:
    require_maturity(product, today, today + timedelta(days=tenor_days), ends)


def _keep(lacks: list[Lack], receipt: int | None, require: Any) -> None:
    try:
        require()
    except TallystickError as refusal:
        lacks.append(Lack(refusal.code, receipt, refusal.facts))

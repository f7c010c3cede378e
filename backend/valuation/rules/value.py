"""What lots are worth, and how much debt they may carry: rounded down, or not stated at all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from backend.errors import Invalid
from backend.units import BPS, KG_PER_TONNE, Money, ceil_minor, floor_minor, require_integer, total
from backend.valuation.rules.prices import MarketPrice, PriceMissing

Goods = tuple[str, str]
"""Commodity and grade."""


class LotTwice(Invalid):
    """The same receipt is counted twice in one valuation."""

    code = "valuation.lot_twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """The facts about a pledged lot that decide what it carries.

    Attributes:
        receipt: the receipt's number on the ledger.
        eligibility_bps: the weakest of its claims, 0 to 10 000.
        haircut_bps: the product's for this commodity and grade.
        contract_minor_per_tonne: what the buyer agreed to pay, if anybody did; the lower price counts.
        lien_minor: the operator's senior claim on this lot to date.
    """

    receipt: int
    commodity: str
    grade: str
    mass_kg: int
    eligibility_bps: int
    haircut_bps: int
    contract_minor_per_tonne: int | None = None
    lien_minor: int = 0

    def __post_init__(self) -> None:
        require_integer("mass_kg", self.mass_kg, at_least=0)
        require_integer("eligibility_bps", self.eligibility_bps, at_least=0, at_most=BPS)
        require_integer("haircut_bps", self.haircut_bps, at_least=0, at_most=BPS)
        require_integer("lien_minor", self.lien_minor, at_least=0)

    @property
    def goods(self) -> Goods:
        """Commodity and grade."""
        return (self.commodity, self.grade)


@dataclass(frozen=True, slots=True)
class LotValue:
    """One lot's part in a valuation."""

    lot: Lot
    per_kilogram: Fraction
    market_value: Money
    allowed_debt: Money


@dataclass(frozen=True, slots=True)
class Valuation:
    """What all lots are worth together, what they may carry, and the prices that say so."""

    lots: tuple[LotValue, ...]
    market_value: Money
    allowed_debt: Money
    lien: Money
    rests_on: tuple[bytes, ...]


def market_value(mass_kg: int, per_kilogram: Fraction, currency: str) -> Money:
    """Mass times price, rounded down to the minor unit."""
    return Money(floor_minor(mass_kg * per_kilogram), currency)


def advance_rate(eligibility_bps: int, haircut_bps: int, line_bps: int) -> Fraction:
    """The share of its market value that a lot may carry: eligibility · min(line, 1 - haircut)."""
    return Fraction(eligibility_bps * min(line_bps, BPS - haircut_bps), BPS * BPS)


def lower_price(market: Fraction, contract_minor_per_tonne: int | None) -> Fraction:
    """The lower of market and contract price for one kilogram; the market's where no contract is known."""
    if contract_minor_per_tonne is None:
        return market
    return min(market, Fraction(contract_minor_per_tonne, KG_PER_TONNE))


def storage_lien(mass_kg: int, minor_per_tonne_day: int, days: int) -> int:
    """Storage charges over some days in minor units, rounded up: the operator ranks first."""
    return ceil_minor(Fraction(mass_kg * minor_per_tonne_day * days, KG_PER_TONNE))


def value_lots(
    lots: Sequence[Lot], prices: Mapping[Goods, MarketPrice], *, line_bps: int, currency: str
) -> Valuation:
    """Value every lot and sum what they may carry at a line: Σ⌊a·V⌋.

    Raises:
        PriceMissing: a lot's goods have no price; nothing is stated for the others either.
        LotTwice: a receipt stands in `lots` twice.
        CurrencyMismatch: a price is in another currency.
    """
    if len({lot.receipt for lot in lots}) != len(lots):
        raise LotTwice(receipts=[lot.receipt for lot in lots])
    valued = tuple(_value(lot, prices, line_bps, currency) for lot in lots)
    return Valuation(
        valued,
        total([each.market_value for each in valued], currency),
        total([each.allowed_debt for each in valued], currency),
        total([Money(lot.lien_minor, currency) for lot in lots], currency),
        _prices_of(lots, prices),
    )


def _value(lot: Lot, prices: Mapping[Goods, MarketPrice], line_bps: int, currency: str) -> LotValue:
    price = prices.get(lot.goods)
    if price is None:
        raise PriceMissing(receipt=lot.receipt, commodity=lot.commodity, grade=lot.grade)
    per_kilogram = lower_price(price.per_kilogram, lot.contract_minor_per_tonne)
    value = market_value(lot.mass_kg, per_kilogram, price.currency)
    rate = advance_rate(lot.eligibility_bps, lot.haircut_bps, line_bps)
    carries = Money(floor_minor(value.amount_minor * rate), price.currency)
    return LotValue(lot, per_kilogram, value, Money.zero(currency) + carries)


def _prices_of(lots: Iterable[Lot], prices: Mapping[Goods, MarketPrice]) -> tuple[bytes, ...]:
    used = (prices[goods] for goods in sorted({lot.goods for lot in lots}))
    return tuple(dict.fromkeys(each for price in used for each in price.rests_on))

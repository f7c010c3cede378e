"""The two ways out of a call: cash, or goods, which carry a share of their worth and bring a lien."""

from dataclasses import dataclass
from fractions import Fraction

from backend.errors import WrongState
from backend.units import Money, ceil_minor, floor_minor, half_up_minor, require_integer


class GoodsCannotCure(WrongState):
    """Goods of this kind carry no more than the lien they bring with them, so no amount of them cures."""

    code = "margin.goods_cannot_cure"


@dataclass(frozen=True, slots=True)
class OfferedGoods:
    """A kind of goods that could be added.

    Attributes:
        per_kilogram: its market price in minor units, exact.
        advance: the share of its market value that it may carry.
        lien_per_kilogram: what the operator will claim on it up to the deadline, in minor units, exact.
        piece_kg: mass of one whole piece, or None where any number of kilograms may be added.
    """

    per_kilogram: Fraction
    advance: Fraction
    lien_per_kilogram: Fraction = Fraction(0)
    piece_kg: int | None = None


@dataclass(frozen=True, slots=True)
class GoodsCure:
    """The least of one kind of goods that cures; `worth` is the value needed, to the nearest minor unit."""

    worth: Money
    mass_kg: int
    pieces: int | None


def goods_cure(cash: Money, goods: OfferedGoods) -> GoodsCure:
    """The least goods that cure what `cash` would.

    They are worth cash ÷ (advance - lien per unit of value), rounded up to whole pieces or kilograms; where
    rounding their value down would leave a unit missing, it is one step more.

    Raises:
        GoodsCannotCure: the advance is not above the lien.
    """
    left_over = goods.advance - Fraction(goods.lien_per_kilogram, goods.per_kilogram)
    if left_over <= 0:
        raise GoodsCannotCure(advance=str(goods.advance), lien_per_kilogram=str(goods.lien_per_kilogram))
    worth = Fraction(cash.amount_minor, left_over)
    step = 1 if goods.piece_kg is None else require_integer("piece_kg", goods.piece_kg, at_least=1)
    steps = ceil_minor(Fraction(worth, goods.per_kilogram * step))
    while carried_by(steps * step, goods) < cash.amount_minor:
        steps += 1
    pieces = None if goods.piece_kg is None else steps
    return GoodsCure(Money(half_up_minor(worth), cash.currency), steps * step, pieces)


def carried_by(mass_kg: int, goods: OfferedGoods) -> int:
    """What so much of the goods may carry beyond their own lien: value and share down, lien up."""
    value = floor_minor(mass_kg * goods.per_kilogram)
    return floor_minor(value * goods.advance) - ceil_minor(mass_kg * goods.lien_per_kilogram)

"""Money, shares and roundings: the only place where money meets `/` or `//`.

Amounts are integer minor units, ratios integer basis points, mass integer kilograms. Roundings are named.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Self

from backend.errors import Invalid

BPS: Final = 10_000
"""Basis points in one whole."""

KG_PER_TONNE: Final = 1_000

MINOR_DIGITS: Final[dict[str, int]] = {
    "CNY": 2,
    "EUR": 2,
    "GBP": 2,
    "HKD": 2,
    "INR": 2,
    "JPY": 0,
    "SGD": 2,
    "USD": 2,
}
"""Decimal places of each currency that a book may be kept in (ISO 4217)."""

LARGEST_MINOR: Final = 2**63 - 1
"""What a database's BIGINT holds."""


class CurrencyUnknown(Invalid):
    """The currency is not one that a book may be kept in."""

    code = "units.currency_unknown"


class CurrencyMismatch(Invalid):
    """Two amounts of different currencies were put together."""

    code = "units.currency_mismatch"


class AmountNotInteger(Invalid):
    """An amount, mass or ratio was not a whole number of its smallest unit."""

    code = "units.amount_not_integer"


class AmountOutOfRange(Invalid):
    """An amount, mass or ratio lies outside what the act allows."""

    code = "units.amount_out_of_range"


class DivisorNotPositive(Invalid):
    """A ratio was asked against nothing."""

    code = "units.divisor_not_positive"


def require_integer(
    name: str, value: Any, *, at_least: int | None = None, at_most: int = LARGEST_MINOR
) -> int:
    """`value` itself, once it is known to be a true integer inside the range; a boolean is not a number."""
    if type(value) is not int:
        raise AmountNotInteger(name=name, value=value)
    if (at_least is not None and value < at_least) or value > at_most or value < -LARGEST_MINOR:
        raise AmountOutOfRange(name=name, value=value, at_least=at_least, at_most=at_most)
    return value


def require_currency(currency: str) -> str:
    """`currency` itself, once it is known to be one of ours."""
    if currency not in MINOR_DIGITS:
        raise CurrencyUnknown(currency=currency)
    return currency


@dataclass(frozen=True, slots=True)
class Money:
    """A signed amount in minor units of one currency.

    Adding or comparing amounts of two currencies raises `CurrencyMismatch`.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        require_integer("amount_minor", self.amount_minor)
        require_currency(self.currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in that currency."""
        return cls(0, currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._same(other), self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount_minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount_minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount_minor >= self._same(other)

    def __str__(self) -> str:
        digits = MINOR_DIGITS[self.currency]
        sign, figures = ("-" if self.amount_minor < 0 else ""), str(abs(self.amount_minor)).zfill(digits + 1)
        whole, part = (figures[:-digits], "." + figures[-digits:]) if digits else (figures, "")
        return f"{sign}{whole}{part} {self.currency}"

    @property
    def is_zero(self) -> bool:
        """Whether it is nothing at all."""
        return self.amount_minor == 0

    def _same(self, other: "Money") -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(one=self.currency, other=other.currency)
        return other.amount_minor


def require_positive(amount: Money) -> Money:
    """`amount` itself, once it is known to be more than nothing."""
    require_integer("amount_minor", amount.amount_minor, at_least=1)
    return amount


def max_zero(amount: Money) -> Money:
    """`amount`, or nothing where it is negative."""
    return amount if amount.amount_minor > 0 else Money.zero(amount.currency)


def total(amounts: "list[Money]", currency: str) -> Money:
    """The sum of `amounts`, each of which must be in `currency`; nothing for an empty list."""
    result = Money.zero(currency)
    for amount in amounts:
        result += amount
    return result


def mul_div_down(value: int, numerator: int, denominator: int) -> int:
    """⌊value · numerator ÷ denominator⌋, exact."""
    return value * numerator // _positive(denominator)


def mul_div_up(value: int, numerator: int, denominator: int) -> int:
    """⌈value · numerator ÷ denominator⌉, exact."""
    return -(-value * numerator // _positive(denominator))


def floor_minor(exact: Fraction) -> int:
    """The whole units not above an exact figure."""
    return exact.numerator // exact.denominator


def ceil_minor(exact: Fraction) -> int:
    """The whole units not below an exact figure."""
    return -(-exact.numerator // exact.denominator)


def half_up_minor(exact: Fraction) -> int:
    """The whole units nearest to an exact figure; exactly half goes up."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def share_down(amount: Money, share_bps: int) -> Money:
    """`share_bps` of an amount, rounded down to the minor unit."""
    return Money(mul_div_down(amount.amount_minor, share_bps, BPS), amount.currency)


def share_up(amount: Money, share_bps: int) -> Money:
    """`share_bps` of an amount, rounded up to the minor unit."""
    return Money(mul_div_up(amount.amount_minor, share_bps, BPS), amount.currency)


def share_half_up(amount: Money, share_bps: int) -> Money:
    """`share_bps` of an amount, to the nearest minor unit; exactly half goes up."""
    return Money(half_up_minor(Fraction(amount.amount_minor * share_bps, BPS)), amount.currency)


def ratio_bps_up(part: Money, whole: Money, *, whole_bps: int = BPS) -> int:
    """How many basis points `part` is where `whole` is `whole_bps`, rounded up; `whole` must be positive."""
    if part.currency != whole.currency:
        raise CurrencyMismatch(one=part.currency, other=whole.currency)
    return mul_div_up(part.amount_minor, whole_bps, whole.amount_minor)


def split_pro_rata(amount: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """`amount` shared out in proportion to `weights`, summing to it exactly.

    Each part is rounded down and the units left over go one each to the largest remainders, the earlier
    weight first where they are equal. Weights are at least 0 and not all 0; no part exceeds its weight
    while `amount` does not exceed their sum.
    """
    whole = _positive(sum(weights))
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % whole), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def _positive(divisor: int) -> int:
    if divisor <= 0:
        raise DivisorNotPositive(divisor=divisor)
    return divisor

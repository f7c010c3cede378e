"""Amounts as people type them, to the minor unit; nothing is rounded and nothing guessed."""

from decimal import Decimal, InvalidOperation
from typing import Final

from backend.units import MINOR_DIGITS

LONGEST: Final = 24


def minor_of(text: str, currency: str) -> int | None:
    """The minor units of an amount such as `180,000.00`; None where it is none or too fine."""
    plain = text.strip().replace(",", "").replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
    if (
        len(plain) > LONGEST
        or not plain.replace(".", "", 1).isascii()
        or not plain.replace(".", "", 1).isdigit()
    ):
        return None
    try:
        exact = Decimal(plain).scaleb(MINOR_DIGITS[currency])
    except (InvalidOperation, KeyError):
        return None
    return int(exact) if exact == int(exact) else None

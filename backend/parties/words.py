"""How words of the ledger are kept in rows. Anyone may write any there, so none may stop a projection."""

from datetime import UTC, datetime
from typing import Final

LAST_INSTANT: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
LARGEST: Final = 2**63 - 1


def instant(seconds: int) -> datetime:
    """The instant of a ledger time; a time past the calendar's end is its last day, as good as never."""
    return datetime.fromtimestamp(min(seconds, LAST_INSTANT), UTC)


def bounded(amount: int) -> int:
    """An amount that fits a column; one that does not is as good as without bound, and never met by goods."""
    return min(amount, LARGEST)


def name(word: bytes) -> str:
    """The ASCII name that stands zero-padded in 32 bytes; their hex where it is none."""
    text = word.rstrip(b"\x00")
    return (
        text.decode("ascii") if text.isascii() and text.decode("ascii").isprintable() else "0x" + word.hex()
    )

"""The journal of one loan: entries that are only ever added, each carrying the hash of the one before.

A late fact changes nothing that was written: the entries from there on are reversed by new ones and what now
follows from the facts is posted after them, so both versions stay to be seen.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import rfc8785

from backend.errors import Unavailable
from backend.loans.rules.book import Posting

NO_ENTRY: Final = bytes(32)
"""What the first entry of a loan carries as the hash of its predecessor."""
REVERSAL: Final = "reversal"


class JournalBroken(Unavailable):
    """An entry of the journal is missing or was altered after it was written."""

    code = "loans.journal_broken"


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting as it was written.

    Attributes:
        number: 1, 2, 3 … within the loan.
        posting: what was posted; its cause is `("reversal", number)` where it undoes an entry.
        reverses: the number of the entry that this one undoes.
        previous: hash of the entry before, zeros for the first.
    """

    loan_id: str
    number: int
    posting: Posting
    currency: str
    booked_at: datetime
    reverses: int | None
    previous: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 over the canonical JSON of everything the entry says, its predecessor's hash included."""
        posting = self.posting
        return hashlib.sha256(
            rfc8785.dumps(
                {
                    "loan": self.loan_id,
                    "number": self.number,
                    "debit": posting.debit.value,
                    "credit": posting.credit.value,
                    "amount_minor": str(posting.amount_minor),
                    "currency": self.currency,
                    "on": posting.on.isoformat(),
                    "cause": list(posting.cause),
                    "booked_at": self.booked_at.astimezone(UTC).isoformat(),
                    "reverses": self.reverses,
                    "previous": "0x" + self.previous.hex(),
                }
            )
        ).digest()


def standing(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are neither reversals nor reversed, in order."""
    undone = {entry.reverses for entry in entries}
    return [entry for entry in entries if entry.reverses is None and entry.number not in undone]


def entries_to_add(
    entries: Sequence[Entry], wanted: Sequence[Posting], *, loan_id: str, currency: str, booked_at: datetime
) -> list[Entry]:
    """What must be written after `entries` so that exactly `wanted` stands.

    Standing entries are kept as long as they agree with `wanted`; from the first that does not, all are
    reversed, newest first, and the rest of `wanted` is posted.
    """
    live = standing(entries)
    agree = 0
    for entry, posting in zip(live, wanted, strict=False):
        if entry.posting != posting:
            break
        agree += 1
    drafts: list[tuple[Posting, int | None]] = [
        (_reversal(entry), entry.number) for entry in reversed(live[agree:])
    ]
    drafts += [(posting, None) for posting in wanted[agree:]]
    number, previous = (entries[-1].number, entries[-1].hash) if entries else (0, NO_ENTRY)
    added = []
    for posting, reverses in drafts:
        number += 1
        added.append(Entry(loan_id, number, posting, currency, booked_at, reverses, previous))
        previous = added[-1].hash
    return added


def require_unbroken(
    entries: Sequence[Entry], hashes: Sequence[bytes], *, after: tuple[int, bytes] = (0, NO_ENTRY)
) -> None:
    """Re-derive the chain of a loan's journal.

    Args:
        entries: every entry behind `after`, in order, as far as is asked for.
        hashes: the hash that was stored beside each.
        after: number and hash of the entry before them; the whole journal begins behind none.

    Raises:
        JournalBroken: a number is missing, a link or a stored hash does not fit.
    """
    last, previous = after
    for number, (entry, stored) in enumerate(zip(entries, hashes, strict=True), start=last + 1):
        if entry.number != number or entry.previous != previous or entry.hash != stored:
            raise JournalBroken(loan_id=entry.loan_id, number=number)
        previous = stored


def _reversal(entry: Entry) -> Posting:
    posting = entry.posting
    return replace(posting, debit=posting.credit, credit=posting.debit, cause=(REVERSAL, str(entry.number)))

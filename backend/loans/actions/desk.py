"""What the bank's acts need from the world: its own name, the ledger, the facts about goods, and chance."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlmodel import Session

from backend.loans.rules.loan import Collateral


class Intend(Protocol):
    """Writes the intent of a ledger act in the caller's transaction, once for each key."""

    def __call__(
        self, session: Session, *, key: str, signer: str, contract: str, function: str, args: dict[str, Any]
    ) -> None:
        """Remember that `signer` is to call a contract's function; a worker does it, once for a key."""
        ...


class PledgeFacts(Protocol):
    """A pledge as confirmed blocks have it; `receipts` are those still under it, `released` those let go."""

    @property
    def pledgor(self) -> bytes:
        """Who pledged."""
        ...

    @property
    def terms(self) -> bytes:
        """The commitment of the terms that were endorsed."""
        ...

    @property
    def receipts(self) -> tuple[int, ...]:
        """Receipts still under the pledge."""
        ...

    @property
    def released(self) -> tuple[int, ...]:
        """Receipts that the pledge has let go."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The bank at work.

    Attributes:
        bank: its party's name, which is also the name of its signer.
        intend: writes intents of ledger acts.
        effective_pledge: the pledge, or a refusal unless it is effective on confirmed blocks.
        pledge: the pledge as confirmed, whatever its state.
        collateral: what receipts and evidence know of receipts now; refuses any that it does not know.
        random: so many unpredictable bytes; salts of commitments.
    """

    bank: str
    intend: Intend
    effective_pledge: Callable[[Session, int], PledgeFacts]
    pledge: Callable[[Session, int], PledgeFacts]
    collateral: Callable[[Session, Sequence[int]], tuple[Collateral, ...]]
    random: Callable[[int], bytes] = secrets.token_bytes

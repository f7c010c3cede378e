"""What the bank's acts need from the world: a name, keys to sign with, wall-clock time, goods, and chance."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlmodel import Session

from backend.clock import Clock, Moment
from backend.loans.rules.loan import Collateral
from backend.loans.rules.product import Product
from backend.parties.two_persons import SigningDesk


class Goods(Protocol):
    """Says what receipts and evidence know of goods now."""

    def __call__(
        self, session: Session, product: Product, receipt_ids: Sequence[int], at: Moment
    ) -> tuple[Collateral, ...]:
        """What is known of each receipt, in that order; refuses any that nothing confirmed is known of."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The bank at work. Business time comes with each act; `wall` is for ledger deadlines and gate hours.

    Attributes:
        bank: its party's name, which is also the name of its signer.
        signing: where two of its people sign acts of the ledger.
        wall: wall-clock time.
        goods: what is known of the goods under a receipt.
        random: so many unpredictable bytes; salts of commitments.
    """

    bank: str
    signing: SigningDesk
    wall: Clock
    goods: Goods
    random: Callable[[int], bytes] = secrets.token_bytes

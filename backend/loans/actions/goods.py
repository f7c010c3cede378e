"""The goods under a receipt as loans see them: what the ledger says is there, and what evidence says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from sqlmodel import Session

from backend.clock import Clock, Moment
from backend.errors import Unavailable
from backend.evidence.claims import STANDARD, Claim, ClaimTerms
from backend.evidence.rules import MovementMissing
from backend.evidence.support import MOVEMENT_OUT, Question, eligibility_of, movement_of
from backend.loans.rules.loan import Collateral
from backend.loans.rules.product import Product
from backend.receipts import actions as receipts
from backend.receipts.rules import MASS_TOLERANCE_BPS, Order, Receipt
from backend.units import BPS
from backend.valuation.rules.value import storage_lien

SETTLED_WITHIN: Final = timedelta(hours=24)
"""How long after its hours an order still explains an exit whose delivery the ledger has not confirmed."""


class TariffUnknown(Unavailable):
    """Nobody has said what this operator charges for storage, so its lien cannot be stated."""

    code = "loans.tariff_unknown"


@dataclass(frozen=True, slots=True)
class GoodsOnRecord:
    """What confirmed receipts and creditable evidence know of goods.

    Attributes:
        wall: evidence ages by wall-clock time.
        tariff: what each operator charges for a tonne and a day in minor units; 0 where it waived its lien.
    """

    wall: Clock
    tariff: Mapping[bytes, int]

    def __call__(
        self, session: Session, product: Product, receipt_ids: Sequence[int], at: Moment
    ) -> tuple[Collateral, ...]:
        """What is known of each receipt, in that order.

        Raises:
            ReceiptUnknown: no confirmed event shows one of them.
            DocumentUnknown: its document is not kept here.
            TariffUnknown: its operator's charges are not known.
        """
        return tuple(self._known(session, product, each, at) for each in receipt_ids)

    def _known(self, session: Session, product: Product, receipt_id: int, at: Moment) -> Collateral:
        found = receipts.receipt(session, receipt_id)
        storage = receipts.document(session, found.document)["storage"]
        since, until = (date.fromisoformat(storage[name]) for name in ("from", "until"))
        tariff = self._tariff(found)
        gone_kg, pieces = self._still_there(session, found)
        claims, in_conflict = self._claims(session, product, found, pieces)
        return Collateral(
            receipt=receipt_id,
            commodity=found.commodity,
            grade=found.grade,
            mass_kg=max(0, found.remaining_kg - gone_kg),
            claims=claims,
            in_conflict=in_conflict,
            goods_valid_until=None,
            stored_until=until,
            lien_minor=storage_lien(found.remaining_kg, tariff, max(0, (at.today - since).days)),
            storage_minor_per_tonne_day=tariff,
        )

    def _tariff(self, found: Receipt) -> int:
        if found.operator not in self.tariff:
            raise TariffUnknown(operator="0x" + found.operator.hex())
        return self.tariff[found.operator]

    def _still_there(self, session: Session, found: Receipt) -> tuple[int, tuple[bytes, ...]]:
        """What open orders let leave, or have let, and the pieces that did not leave under one.

        A piece that was seen leaving without an order to explain it is still asked for: its evidence then
        contradicts the receipt, which is what shall be known.
        """
        now = self.wall.now()
        orders = receipts.orders_of(session, found.id, now - SETTLED_WITHIN)
        ordered_kg = sum(order.left_kg for order in orders if order.closes_at >= now)
        explained, left = 0, {order.id: order.left_kg for order in orders}
        there = []
        for piece in found.fingerprints:
            mass_kg = _departed_kg(session, found, piece)
            order = None if mass_kg is None else _covering(orders, left, mass_kg)
            if order is None or mass_kg is None:
                there.append(piece)
            else:
                left[order.id] = max(0, left[order.id] - mass_kg)
                explained += mass_kg
        return max(ordered_kg, explained), tuple(there)

    def _claims(
        self, session: Session, product: Product, found: Receipt, pieces: tuple[bytes, ...]
    ) -> tuple[Mapping[str, int], bool]:
        asked = {claim: product.evidence_max_age.get(claim.value, STANDARD.max_age[claim]) for claim in Claim}
        question = Question(found.site, pieces, frozenset({found.operator, found.holder}))
        terms = ClaimTerms(asked, STANDARD.least_sources)
        weighed = eligibility_of(session, question, terms=terms, now=self.wall.now())
        demanded = product.evidence_max_age
        scores = {each.claim.value: each.score_bps for each in weighed.claims if each.claim.value in demanded}
        return MappingProxyType(scores), weighed.in_conflict


def _departed_kg(session: Session, found: Receipt, piece: bytes) -> int | None:
    """What a piece weighed when it was seen leaving and no delivery has settled that; None if it was not."""
    try:
        return movement_of(session, found.site, MOVEMENT_OUT, piece).quantity
    except MovementMissing:
        return None


def _covering(orders: Sequence[Order], left: Mapping[int, int], mass_kg: int) -> Order | None:
    """The first order that still lets so much leave, within what scales may differ."""
    return next(
        (order for order in orders if mass_kg * BPS <= left[order.id] * (BPS + MASS_TOLERANCE_BPS)), None
    )

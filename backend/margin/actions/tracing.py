"""How a loan's cover stands, stood and would stand: by the rules from what is stored, or not stated at all.

Between two valuations that were kept the lots are those of the earlier one, less what was ordered to leave
since; price and debt are those of the instant. Where no price may be used there is no figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlmodel import Session

from backend.clock import Moment
from backend.errors import NotFound, Unavailable
from backend.loans.actions import reading
from backend.loans.actions.acts import terms_of
from backend.loans.actions.desk import Desk
from backend.loans.actions.worth import price_policy
from backend.loans.rules.book import balances_on
from backend.loans.rules.facts import Fact, Terms
from backend.loans.rules.loan import Loan
from backend.margin.actions.covering import Found, find_cover
from backend.margin.rules.cover import Cover
from backend.margin.tables import (
    MarginCallRow,
    MarginDecisionRow,
    OrderedReleaseRow,
    calls_of,
    decisions_of,
    ordered_from,
)
from backend.receipts import actions as receipts
from backend.units import BPS, Money, mul_div_up
from backend.valuation import actions as valuing
from backend.valuation.rules.prices import MarketPrice, PriceObservation, market_price
from backend.valuation.rules.value import Goods, Lot, value_lots

MOST_INSTANTS: Final = 160
INSTANT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Stated:
    """A loan's cover now, or the code of why none can be stated."""

    found: Found | None
    unvalued: str | None


@dataclass(frozen=True, slots=True)
class CoverAt:
    """Effective LTV at an instant. None without a code: past every line; with one: no value was stated."""

    at: datetime
    effective_ltv_bps: int | None
    unvalued: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A loan's cover over time with what moved it."""

    points: Sequence[CoverAt]
    decisions: Sequence[MarginDecisionRow]
    calls: Sequence[MarginCallRow]
    released: Sequence[OrderedReleaseRow]
    payments: Sequence[tuple[datetime, Fact]]
    prices: Sequence[PriceObservation]


@dataclass(frozen=True, slots=True)
class _Kept:
    """The lots of a valuation that was kept, and the operators' lien then."""

    at: datetime
    lots: Sequence[Mapping[str, Any]]
    lien_minor: int


def stated_now(session: Session, desk: Desk, loan: Loan, at: Moment) -> Stated:
    """The loan's cover with the facts of this moment, or which of them is missing."""
    try:
        return Stated(find_cover(session, desk, loan, at), None)
    except (Unavailable, NotFound) as missing:
        return Stated(None, missing.code)


def cover_if(session: Session, loan: Loan, found: Found, at: Moment, *, fall_bps: int) -> Cover:
    """The cover that was found, with every market price lower by a share.

    Args:
        session: the unit of work.
        loan: whose cover it is.
        found: its cover at that moment.
        at: business time.
        fall_bps: by how much, 0 to 10 000.

    Raises:
        PriceStale: or `PriceMissing`, `PriceHeld`: no value can be stated.
    """
    if found.worth is None:
        return found.cover
    lots = [each.lot for each in found.worth.valuation.lots]
    currency, policy = loan.principal.currency, price_policy(loan)
    prices = {}
    for goods in sorted({lot.goods for lot in lots}):
        price = valuing.price_of(session, goods, currency=currency, policy=policy, now=at.now)
        lower = Fraction(price.per_kilogram * (BPS - fall_bps), BPS)
        prices[goods] = MarketPrice(lower, price.currency, price.rests_on, price.held)
    target = loan.product.target_ltv_bps
    worth = value_lots(lots, prices, line_bps=target, currency=currency)
    return Cover(found.cover.debt, worth.allowed_debt, worth.market_value, target)


def trace(session: Session, loan: Loan, *, until: datetime, zone: ZoneInfo) -> Trace:
    """A loan's effective LTV from its disbursement on, at every instant at which something moved it.

    Args:
        session: the unit of work.
        loan: with or without anything drawn; without, there are no points.
        until: the last instant, in business time.
        zone: the bank's, which gives each instant its date.
    """
    decisions = decisions_of(session, loan.id)
    released = ordered_from(session, loan.id)
    facts = reading.recorded_facts(session, loan.id)
    calls, terms = calls_of(session, loan.id), terms_of(loan)
    if terms is None or not facts:
        return Trace([], decisions, calls, released, [], [])
    tracer = _Tracer(session, loan, terms, zone, decisions, released, facts)
    first = facts[0][0]
    hard = [row.decided_at for row in decisions] + [each.ordered_at for each in released]
    hard += [known for known, _ in facts]
    points = [tracer.at(each) for each in _instants(first, until, hard, tracer.soft())]
    prices = [each for each in tracer.observed() if first <= each.priced_at <= until]
    return Trace(points, decisions, calls, released, facts, prices)


def _instants(
    first: datetime, until: datetime, hard: Iterable[datetime], soft: Iterable[datetime]
) -> list[datetime]:
    """Every instant in the time asked for; of too many, the newest decisions and evenly chosen prices."""
    kept = sorted({each for each in (first, *hard, until) if first <= each <= until})[-MOST_INSTANTS:]
    room = MOST_INSTANTS - len(kept)
    others = sorted({each for each in soft if kept[0] <= each <= until} - set(kept))
    if room <= 0 or not others:
        return kept
    step = mul_div_up(len(others), 1, room)
    return sorted({*kept, *others[::-1][::step]})


class _Tracer:
    """What is stored of a loan, asked for one instant after the other."""

    def __init__(
        self,
        session: Session,
        loan: Loan,
        terms: Terms,
        zone: ZoneInfo,
        decisions: Sequence[MarginDecisionRow],
        released: Sequence[OrderedReleaseRow],
        facts: Sequence[tuple[datetime, Fact]],
    ) -> None:
        self._loan, self._terms, self._zone = loan, terms, zone
        self._decided = {row.decided_at: row for row in decisions}
        self._released, self._facts = released, facts
        self._kept = _kept_valuations(session, loan.id, decisions)
        self._policy = price_policy(loan)
        self._goods: dict[int, Goods] = {}
        for number in loan.receipts:
            found = receipts.receipt(session, number)
            self._goods[number] = (found.commodity, found.grade)
        self._observed = {
            goods: valuing.observations(session, goods, currency=loan.principal.currency)
            for goods in sorted(set(self._goods.values()))
        }

    def observed(self) -> list[PriceObservation]:
        """Every price of the loan's goods, oldest first."""
        found = [each for own in self._observed.values() for each in own]
        return sorted(found, key=lambda each: each.priced_at)

    def soft(self) -> list[datetime]:
        """When a price came, and when it could no longer be used."""
        found = []
        for each in self.observed():
            found += [each.priced_at, min(each.valid_until, each.priced_at + self._policy.max_age) + INSTANT]
        return found

    def at(self, instant: datetime) -> CoverAt:
        """The effective LTV then: as it was decided, else by the rules."""
        row = self._decided.get(instant)
        if row is not None:
            return CoverAt(instant, row.facts.get("effective_ltv_bps"), row.unvalued)
        currency = self._loan.principal.currency
        known = [fact for since, fact in self._facts if since <= instant]
        day = instant.astimezone(self._zone).date()
        owed = Money(balances_on(self._terms, known, day).outstanding, currency)
        if owed.is_zero:
            return CoverAt(instant, 0)
        kept = next((each for each in reversed(self._kept) if each.at <= instant), None)
        if kept is None:
            return CoverAt(instant, None, "valuation.price_missing")
        try:
            lots, prices = self._lots(kept, instant), self._prices(instant)
            target = self._loan.product.target_ltv_bps
            worth = value_lots(lots, prices, line_bps=target, currency=currency)
        except Unavailable as missing:
            return CoverAt(instant, None, missing.code)
        debt = owed + Money(kept.lien_minor, currency)
        return CoverAt(instant, Cover(debt, worth.allowed_debt, worth.market_value, target).effective_ltv_bps)

    def _prices(self, instant: datetime) -> dict[Goods, MarketPrice]:
        return {goods: market_price(own, self._policy, now=instant) for goods, own in self._observed.items()}

    def _lots(self, kept: _Kept, instant: datetime) -> list[Lot]:
        gone: dict[int, int] = {}
        for each in self._released:
            if kept.at < each.ordered_at <= instant:
                gone[each.receipt] = gone.get(each.receipt, 0) + each.mass_kg
        return [
            Lot(
                receipt=each["receipt"],
                commodity=self._goods[each["receipt"]][0],
                grade=self._goods[each["receipt"]][1],
                mass_kg=each["mass_kg"] - gone.get(each["receipt"], 0),
                eligibility_bps=each["eligibility_bps"],
                haircut_bps=each["haircut_bps"],
            )
            for each in kept.lots
        ]


def _kept_valuations(session: Session, loan_id: str, decisions: Sequence[MarginDecisionRow]) -> list[_Kept]:
    """Every valuation of the loan's lots that was kept with an act or a decision, oldest first."""
    told = [(act.at, act.facts) for act in reading.acts(session, loan_id)]
    told += [(row.decided_at, row.facts) for row in decisions]
    found = [_Kept(at, facts["lots"], facts["lien_minor"]) for at, facts in told if "lots" in facts]
    return sorted(found, key=lambda each: each.at)

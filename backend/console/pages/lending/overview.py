"""The loan: how it stands, how its cover moved, what it would be at another price, and what it rests on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from backend.console import charts
from backend.console.charts import Event, Limit, Step
from backend.console.pages.lending.acts import acts_for
from backend.console.pages.lending.parts import tabs_of
from backend.console.pages.lending.reading import Seen, seen_loan
from backend.console.pages.lending.telling import next_act
from backend.console.visiting import Visit, seen_by
from backend.console.words import Words
from backend.errors import TallystickError
from backend.identity.permissions import Permission
from backend.loans.access import LoanInPath
from backend.loans.rules.allocation import Bucket
from backend.loans.rules.facts import FactKind
from backend.margin.actions import tracing
from backend.margin.actions.covering import lines_of
from backend.margin.rules.call import MarginState, next_state
from backend.margin.rules.cover import Cover, shortfall
from backend.units import Money, ratio_bps_up
from backend.valuation.rules.prices import PriceObservation

router = APIRouter(include_in_schema=False)
MOST_TICKS: Final = 60
FALLS: Final = (0, 60)
"""Between which per cents the price may be thought lower."""
Fall = Annotated[int, Query(ge=FALLS[0], le=FALLS[1])]


@dataclass(frozen=True, slots=True)
class Thought:
    """What the cover would be at a lower price, or the code of why nobody can say."""

    fall: int
    cover: Cover | None
    shortfall: Money | None
    state: MarginState | None
    missing: str | None


@router.get("/loans/{loan_id}")
def loan(
    loan_id: LoanInPath, visit: Annotated[Visit, Depends(seen_by(Permission.LOANS_READ))], fall: Fall = 10
) -> Response:
    """The whole loan on one page; what is long stands on pages of its own behind it."""
    seen = seen_loan(visit, loan_id)
    return visit.page(
        "loan.html",
        seen=seen,
        tabs_here=tabs_of(visit, loan_id, "overview"),
        next_act=next_act(visit.words, seen),
        coverage_bps=_coverage(seen),
        standing_look=_tone(seen),
        chart=_chart(visit.words, seen),
        waterfall=_waterfall(visit.words, seen),
        thought=_thought(visit, seen, fall) if seen.owes else None,
        falls=FALLS,
        acts=acts_for(visit, seen),
        links=_links(visit, seen),
        watched=_watched(seen),
        may_alerts=visit.may(Permission.ALERTS_READ),
        now=visit.times.moment().now,
    )


def _watched(seen: Seen) -> str:
    """Subjects of notices that change what the page says."""
    return " ".join((f"loan/{seen.full.id}", "alert/", *(f"receipt/{each}" for each in seen.full.receipts)))


def _links(visit: Visit, seen: Seen) -> list[tuple[str, str]]:
    """Pages of the loan on which something is asked for."""
    stem, found = f"/loans/{seen.full.id}", []
    if seen.owes and visit.may(Permission.LOANS_REPAY):
        found.append((f"{stem}/repay", visit.words("Repay")))
    if seen.owes and visit.may(Permission.RELEASES_REQUEST):
        found.append((f"{stem}/release", visit.words("Release goods")))
    return found


def _coverage(seen: Seen) -> int | None:
    """Market value to debt, rounded up; None where either is not stated or nothing is owed."""
    found = seen.stated.found
    if found is None or found.cover.debt.is_zero:
        return None
    return ratio_bps_up(found.cover.market_value, found.cover.debt)


def _tone(seen: Seen) -> str:
    if seen.stated.unvalued is not None:
        return "nodata"
    if seen.margin is None:
        return "plain"
    return {MarginState.HEALTHY: "good", MarginState.WARNED: "warn"}.get(seen.margin, "bad")


def _thought(visit: Visit, seen: Seen, fall: int) -> Thought:
    found, at = seen.stated.found, visit.times.moment()
    if found is None:
        return Thought(fall, None, None, None, seen.stated.unvalued)
    try:
        cover = visit.look(
            lambda session: tracing.cover_if(session, seen.loan, found, at, fall_bps=fall * 100)
        )
    except TallystickError as refusal:
        return Thought(fall, None, None, None, refusal.code)
    state = next_state(seen.margin or MarginState.HEALTHY, cover, lines_of(seen.loan))
    missing = shortfall(debt=cover.debt, allowed_debt=cover.allowed_debt)
    return Thought(fall, cover, missing, state, None)


def _chart(words: Words, seen: Seen) -> object | None:
    """Effective LTV over time; None where no value was ever stated."""
    trace = seen.trace
    points = [(each.at, None if each.unvalued else each.effective_ltv_bps) for each in trace.points]
    if not any(value is not None for _, value in points):
        return None
    product = seen.loan.product
    lines = (
        ("target", product.target_ltv_bps, "good"),
        ("initial", product.initial_ltv_bps, "plain"),
        ("warning", product.warning_ltv_bps, "warn"),
        ("margin_call", product.margin_call_ltv_bps, "bad"),
        ("enforcement", product.enforcement_ltv_bps, "bad"),
    )
    distinct = {bps: (code, tone) for code, bps, tone in lines}
    return charts.line_chart(
        words,
        name="cover",
        title=words("Effective LTV over time against the lines of the product"),
        points=points,
        say=words.ratio,
        limits=[Limit(words.code("line", code), bps, tone) for bps, (code, tone) in distinct.items()],
        events=sorted(_marks(words, seen), key=lambda each: each.at),
    )


def _marks(words: Words, seen: Seen) -> Iterator[Event]:
    """What moved the cover: prices, payments, releases, calls; and where nothing could be stated."""
    trace, currency = seen.trace, seen.loan.principal.currency
    first = trace.points[0].at
    for price in _thinned(trace.prices):
        label = words(
            "Price %(price)s per tonne (%(source)s)",
            price=words.money(price.amount.amount_minor * 1_000 // price.per_kg, price.amount.currency),
            source=price.source,
        )
        yield Event(price.priced_at, label)
    for at, fact in trace.payments:
        if fact.kind in (FactKind.DRAW, FactKind.PAYMENT, FactKind.REVERSE, FactKind.WRITE_OFF):
            told = words.code("fact", fact.kind.value)
            amount = f" {words.money(fact.amount_minor, currency)}" if fact.amount_minor else ""
            yield Event(at, told + amount, "good" if fact.kind is FactKind.PAYMENT else "plain")
    for release in trace.released:
        label = words("Release of %(mass)s ordered", mass=words.mass(release.mass_kg))
        yield Event(release.ordered_at, label, "warn")
    for call in trace.calls:
        yield Event(call.opened_at, words("Margin call opened"), "bad")
        if call.ended_at is not None:
            told = words.code("call ended", call.ended_as or "")
            yield Event(call.ended_at, told, "good" if call.ended_as == "cured" else "bad")
    for point in trace.points:
        if point.unvalued is None and point.effective_ltv_bps is None and point.at >= first:
            yield Event(point.at, words("Nothing is allowed any more: past every line"), "bad")


def _thinned(prices: Sequence[PriceObservation]) -> Sequence[PriceObservation]:
    step = max(1, -(-len(prices) // MOST_TICKS))
    return prices[::-1][::step]


def _waterfall(words: Words, seen: Seen) -> object | None:
    """How what is owed came about; None before anything was paid out."""
    flow, currency = seen.flow, seen.loan.principal.currency
    if not flow.drawn:
        return None
    added = (
        (words("Interest"), Bucket.INTEREST),
        (words("Supervision fee"), Bucket.FEE),
        (words("Penalty interest"), Bucket.PENALTY),
        (words("Enforcement costs"), Bucket.ENFORCEMENT),
    )
    steps = [
        Step(words("Paid out"), flow.drawn),
        *(Step(label, flow.added[bucket], "warn") for label, bucket in added if flow.added[bucket]),
        Step(words("Payments"), -flow.paid, "good"),
        *([Step(words("Written off"), -flow.written_off, "bad")] if flow.written_off else []),
        Step(words("Outstanding"), flow.owed.outstanding, is_total=True),
    ]

    def say(minor: int) -> str:
        return words.money(minor, currency)

    return charts.waterfall(
        words, name="money", title=words("How what is owed came about"), steps=steps, say=say
    )

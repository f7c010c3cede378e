"""The first page: how the book stands, what is wrong, and what waits for the reader."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlmodel import Session

from backend.alerts import routes as alerts
from backend.alerts.rules import FREEZING
from backend.console.charts import Bin
from backend.console.visiting import Visit, seen_by
from backend.identity.permissions import Permission
from backend.loans.actions import reading
from backend.loans.reading_routes import list_loans
from backend.loans.rules.book import RECEIVABLE, Account
from backend.margin.actions.surveying import Surveyed, survey
from backend.margin.rules.call import MarginState
from backend.parties.scope import sees_all
from backend.units import Money, ratio_bps_up
from backend.web import routes as approvals

router = APIRouter(include_in_schema=False)
A_DAY: Final = timedelta(days=1)
BIN_BPS: Final = 500
FIRST_BPS: Final = 4_000
LAST_BPS: Final = 12_000
SHOWN: Final = 8
TONES: Final = {
    MarginState.HEALTHY: "good",
    MarginState.WARNED: "warn",
    MarginState.CALLED: "bad",
    MarginState.ENFORCING: "bad",
}


@dataclass(frozen=True, slots=True)
class Book:
    """What the bank has lent and on what, in one currency; figures that nobody can state are None."""

    currency: str
    exposure: Money
    pledged: Money | None
    pledged_before: Money | None
    coverage_bps: int | None
    live: int
    unvalued: int


@router.get("/")
def dashboard(visit: Annotated[Visit, Depends(seen_by())]) -> Response:
    """Made of what the reader may see; a part that is not for them is not there."""
    whole_book = sees_all(visit.caller) and visit.may(Permission.LOANS_READ)
    covers = visit.look(lambda session: survey(session, visit.times.moment().now)) if whole_book else []
    return visit.page(
        "dashboard.html",
        books=_books(visit, covers) if whole_book else None,
        bins=_bins(covers),
        line_marks=_line_marks(visit, covers),
        no_data=[each for each in covers if not each.is_valued],
        called=[each for each in covers if each.state in (MarginState.CALLED, MarginState.ENFORCING)],
        alerts=_alerts(visit),
        tasks=_tasks(visit),
        own_loans=_own_loans(visit) if not whole_book else None,
        freezing=FREEZING,
        shown=SHOWN,
    )


def _books(visit: Visit, covers: Sequence[Surveyed]) -> list[Book]:
    at = visit.times.moment().now
    return visit.look(lambda session: _books_in(session, covers, survey(session, at - A_DAY)))


def _books_in(session: Session, covers: Sequence[Surveyed], before: Sequence[Surveyed]) -> list[Book]:
    """One for each currency that is lent in."""
    sums = reading.trial_balance(session)
    currencies = sorted({currency for _, currency in sums})
    of_loan = reading.live_currencies(session)
    return [_book(currency, sums, covers, before, of_loan) for currency in currencies]


def _book(
    currency: str,
    sums: dict[tuple[Account, str], int],
    covers: Sequence[Surveyed],
    before: Sequence[Surveyed],
    of_loan: dict[str, str],
) -> Book:
    here = [each for each in covers if of_loan[each.loan_id] == currency]
    earlier = [each for each in before if of_loan.get(each.loan_id) == currency]
    exposure = Money(sum(sums.get((account, currency), 0) for account in RECEIVABLE.values()), currency)
    pledged = _pledged(here, currency)
    coverage = None
    if pledged is not None and not exposure.is_zero:
        coverage = ratio_bps_up(pledged, exposure)
    return Book(
        currency,
        exposure,
        pledged,
        _pledged(earlier, currency),
        coverage,
        live=len(here),
        unvalued=sum(not each.is_valued for each in here),
    )


def _pledged(covers: Sequence[Surveyed], currency: str) -> Money | None:
    """The market value under all loans; None as soon as that of one cannot be stated."""
    values = [each.market_value_minor for each in covers if each.debt_minor != 0]
    if not values or any(each is None for each in values):
        return None
    return Money(sum(each for each in values if each is not None), currency)


def _bins(covers: Sequence[Surveyed]) -> list[Bin]:
    """How many loans stand at which effective LTV; those without a value in a bin of their own at the end."""
    valued = [each for each in covers if each.is_valued and each.effective_ltv_bps is not None]
    placed = Counter(_place(each.effective_ltv_bps or 0) for each in valued)
    worst = {place: _tone([each for each in valued if _is_at(each, place)]) for place in placed}
    labels = [f"{low // 100}" for low in range(FIRST_BPS, LAST_BPS, BIN_BPS)]
    names = [f"<{FIRST_BPS // 100}", *labels, f"≥{LAST_BPS // 100}"]
    found = [Bin(name, placed[place], worst.get(place, "plain")) for place, name in enumerate(names)]
    return [*found, Bin("?", sum(not each.is_valued for each in covers), "nodata")]


def _tone(covers: Sequence[Surveyed]) -> str:
    """The gravest of them."""
    tones = {TONES[each.state] for each in covers if each.state is not None}
    return next(tone for tone in ("bad", "warn", "good") if tone in tones)


def _is_at(cover: Surveyed, place: int) -> bool:
    return cover.effective_ltv_bps is not None and _place(cover.effective_ltv_bps) == place


def _place(bps: int) -> int:
    """The bin of a figure: the first is below them all, the last above."""
    return min(max(0, bps - FIRST_BPS + BIN_BPS), LAST_BPS - FIRST_BPS + BIN_BPS) // BIN_BPS


def _line_marks(visit: Visit, covers: Sequence[Surveyed]) -> list[tuple[int, str, str]]:
    """The lines of the product that the first live loan was made under, as marks between the bins."""
    if not covers:
        return []
    product = visit.look(lambda session: reading.loan(session, covers[0].loan_id)).product
    lines = (
        ("warning", product.warning_ltv_bps, "warn"),
        ("margin_call", product.margin_call_ltv_bps, "bad"),
        ("enforcement", product.enforcement_ltv_bps, "bad"),
    )
    words = visit.words
    return [
        (_place(bps), f"{words.code('line', code)} {words.ratio(bps)}", tone) for code, bps, tone in lines
    ]


def _alerts(visit: Visit) -> list[alerts.Alert] | None:
    """Open ones, those that freeze goods first, oldest first among each."""
    if not visit.may(Permission.ALERTS_READ):
        return None
    found = alerts.list_alerts(visit.look, visit.caller, alerts.Standing.OPEN, 0, 200).items
    return sorted(found, key=lambda each: (each.kind not in FREEZING, each.opened_at))


def _tasks(visit: Visit) -> list[approvals.WaitingAct] | None:
    """What waits for a second person."""
    if not visit.may(Permission.APPROVALS_READ):
        return None
    return approvals.list_waiting_acts(visit.look, visit.caller, 0, 50).items


def _own_loans(visit: Visit) -> list[object] | None:
    if not visit.may(Permission.LOANS_READ):
        return None
    return [*list_loans(visit.look, visit.times, visit.caller, "", SHOWN).items]

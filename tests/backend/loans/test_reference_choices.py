"""Cases in which lending systems differ by convention: ours is asserted beside the peer's figure."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from backend.loans.rules.accrual import Segment, annual_rate, interest_minor
from backend.loans.rules.allocation import Bucket
from backend.loans.rules.book import balances_on
from backend.loans.rules.days import DayCount
from backend.loans.rules.standing import days_past_due
from backend.units import Money, share_half_up
from tests.backend.loans.peers import DAY, Case, bps, cases, drawn, minor, on, paid, reference, terms, text


def paid_four_days_late(case: Case) -> bool:
    """Two balances in one period, rounded once."""
    given = case["given"]
    due, paid_on = on(given["due"]), on(given["payment"]["date"])
    principal, rate = minor(given["principal"]), annual_rate(bps(given["annual_rate_pct"]))
    rest = principal - minor("812.68")
    segments = [
        Segment(due, paid_on, principal, rate),
        Segment(paid_on, due + 31 * DAY, rest, rate),
    ]
    found = interest_minor(segments, DayCount.ACT_365F)
    return text(found) == case["expected"]["unsegmented_would_be"]


def early_payment_to_principal(case: Case) -> bool:
    """Reproduced by the payer's instruction; without it accrued interest would be met first."""
    given = case["given"]
    found = []
    for amount in given["prepay_amounts"]:
        early = replace(paid((on(given["prepay_date"]), amount))[0], to=Bucket.PRINCIPAL)
        facts = [*drawn((given["disbursed"], given["principal"])), early]
        found.append(text(balances_on(terms(given), facts, on(given["period_end"])).interest))
    return found == case["expected"]["interest_first_30_days"]


def due_date_is_day_zero(case: Case) -> bool:
    """The peer counts 1 on the due date itself."""
    due, settled = on(case["given"]["due_date"]), on(case["given"]["paid_in_full"])
    found = {
        day: days_past_due(due, on(day), outstanding_minor=int(on(day) < settled))
        for day in case["expected"]["dpd_by_date"]
    }
    return found == {day: max(0, theirs - 1) for day, theirs in case["expected"]["dpd_by_date"].items()}


def fees_round_half_up(case: Case) -> bool:
    """The peer rounds a fee of 0.501 up to 0.51."""
    amount = Money(minor(case["given"]["amount"]), "CNY")
    found = [share_half_up(amount, bps(share)).amount_minor for share in case["given"]["fee_pct"]]
    exact = [Decimal(case["given"]["amount"]) * Decimal(share) / 100 for share in case["given"]["fee_pct"]]
    return found == [50, 50] and exact == [Decimal("0.5"), Decimal("0.501")]


CHOSEN: Final[dict[str, Callable[[Case], bool]]] = {
    "FI-14-paid-4-days-late": paid_four_days_late,
    "FI-15-early-payments-cut-interest": early_payment_to_principal,
    "FL-26-days-past-due-new-rule": due_date_is_day_zero,
    "LB-07-fee-rounds-up": fees_round_half_up,
}


def test_every_convention_that_peers_choose_differently_is_ours_on_purpose() -> None:
    given = cases()
    assert [name for name, holds in CHOSEN.items() if name in given and not holds(given[name])] == []


def test_every_choice_that_is_claimed_is_in_the_folder_that_is_given() -> None:
    assert reference() is None or set(CHOSEN) <= set(cases())

"""Cover over time, at another price and now: each figure is the one that the rules would have decided by."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from backend.db import reading, transaction
from backend.loans.actions import reading as loans
from backend.loans.rules.allocation import Bucket
from backend.margin.actions import calling, releasing, tracing
from backend.margin.actions.tracing import MOST_INSTANTS, Trace
from backend.units import Money
from tests.backend.loans.bank import LOAN, Bank

ZONE = ZoneInfo("Asia/Shanghai")


def review(bank: Bank) -> None:
    with transaction(bank.engine) as session:
        calling.review(session, bank.desk, LOAN, at=bank.at)


def traced(bank: Bank) -> Trace:
    with reading(bank.engine) as session:
        return tracing.trace(session, loans.loan(session, LOAN), until=bank.at.now, zone=ZONE)


def test_a_figure_worked_out_is_the_one_that_a_review_would_decide(drawn: Bank) -> None:
    review(drawn)
    for yuan in (3_300, 3_100, 2_900):
        drawn.wait(1)
        drawn.price(yuan)
    worked_out = traced(drawn).points[-1]
    with reading(drawn.engine) as session:
        now = tracing.stated_now(session, drawn.desk, loans.loan(session, LOAN), drawn.at)
    assert now.found is not None
    assert worked_out.effective_ltv_bps == now.found.cover.effective_ltv_bps


def test_a_price_that_ran_out_leaves_a_gap_and_no_figure(drawn: Bank) -> None:
    drawn.wait(3)
    points = traced(drawn).points
    assert [each.unvalued for each in points] == [None, "valuation.price_stale", "valuation.price_stale"]
    with reading(drawn.engine) as session:
        now = tracing.stated_now(session, drawn.desk, loans.loan(session, LOAN), drawn.at)
    assert (now.found, now.unvalued) == (None, "valuation.price_stale")


def test_a_payment_lowers_the_line_from_when_it_became_known(drawn: Bank) -> None:
    drawn.wait(1)
    drawn.price(3_400)
    before = traced(drawn).points[-1].effective_ltv_bps
    drawn.pay_in(100_000_000)
    after = traced(drawn)
    assert before is not None
    assert after.points[-1].effective_ltv_bps is not None
    assert after.points[-1].effective_ltv_bps < before
    assert [fact.amount_minor for _, fact in after.payments] == [500_000_000, 100_000_000]


def test_of_many_ticks_no_more_are_shown_than_a_page_holds(drawn: Bank) -> None:
    for _ in range(MOST_INSTANTS // 2 + 5):
        drawn.wait(1)
        drawn.price(3_400)
    points = traced(drawn).points
    assert len(points) <= MOST_INSTANTS
    assert points[-1].at == drawn.at.now


def test_at_a_lower_price_the_cover_is_that_of_goods_worth_less(drawn: Bank) -> None:
    with reading(drawn.engine) as session:
        loan = loans.loan(session, LOAN)
        found = tracing.stated_now(session, drawn.desk, loan, drawn.at).found
        assert found is not None
        same = tracing.cover_if(session, loan, found, drawn.at, fall_bps=0)
        half = tracing.cover_if(session, loan, found, drawn.at, fall_bps=5_000)
        gone = tracing.cover_if(session, loan, found, drawn.at, fall_bps=10_000)
    assert same == found.cover
    assert half.market_value.amount_minor * 2 == same.market_value.amount_minor
    assert gone.effective_ltv_bps is None


def test_paying_what_a_quote_asks_leaves_the_rest_covered(drawn: Bank) -> None:
    with transaction(drawn.engine) as session:
        quote = releasing.quote_release(
            session, drawn.desk, LOAN, leaving={1: 1_500_000}, valid_for=timedelta(hours=4), at=drawn.at
        )
        after = releasing.cover_after(session, quote.id)
        assert [row.id for row in releasing.quotes(session, LOAN, 5)] == [quote.id]
    assert not quote.price.bank.is_zero
    assert after.holds
    assert after.effective_ltv_bps == 7_000


def test_the_money_of_a_loan_adds_up_to_what_it_owes(drawn: Bank) -> None:
    drawn.wait(30)
    drawn.pay_in(10_000_000)
    with reading(drawn.engine) as session:
        flow = loans.flow(session, loans.loan(session, LOAN), drawn.at)
    assert flow.drawn == 500_000_000
    assert flow.paid == 10_000_000
    assert flow.added[Bucket.FEE] > 0
    assert flow.drawn + sum(flow.added.values()) - flow.paid == flow.owed.outstanding
    assert Money(flow.owed.outstanding, "CNY") > Money(490_000_000, "CNY")

"""What a loan's pages show, read in one look; who sees what is decided by the capabilities' own routes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlmodel import Session

from backend.alerts.routes import Alert, Standing, list_alerts
from backend.clock import Moment
from backend.console.visiting import Visit
from backend.db import from_hex
from backend.errors import TallystickError
from backend.identity.permissions import Permission
from backend.loans.access import loan_seen
from backend.loans.actions import booking, offering, reading
from backend.loans.actions.desk import Desk
from backend.loans.actions.offering import Offer
from backend.loans.actions.reading import Flow
from backend.loans.actions.worth import price_policy
from backend.loans.reading_routes import get_loan
from backend.loans.rules.book import Balances
from backend.loans.rules.life import LoanState
from backend.loans.rules.loan import Collateral, Loan
from backend.loans.shapes import LoanFull
from backend.margin.actions import calling, tracing
from backend.margin.actions.tracing import Stated, Trace
from backend.margin.rules.call import MarginState
from backend.margin.shapes import MarginCall, call_shown
from backend.parties import actions as parties
from backend.parties.words import name
from backend.pledges import actions as pledges
from backend.pledges.rules import Pledge
from backend.receipts import actions as receipts
from backend.receipts.rules import Receipt
from backend.units import KG_PER_TONNE, half_up_minor
from backend.valuation import actions as valuing
from backend.valuation.rules.prices import MarketPrice

OWING: Final = frozenset({LoanState.DISBURSED, LoanState.OVERDUE, LoanState.ENFORCING})
OFFERED: Final = frozenset(
    {LoanState.SUBMITTED, LoanState.VALUED, LoanState.APPROVED, LoanState.SIGNED, LoanState.PLEDGED}
)
"""States in which the goods are still to carry what was applied for."""
ALERT: Final = "alert:"
MOST_ALERTS: Final = 200
SCHEDULED: Final = 8


@dataclass(frozen=True, slots=True)
class Pledged:
    """A receipt that the loan rests on: as the registry has it, as evidence bears it out, and what it costs.

    `missing` is the code of what is not known; nothing is put in its place.
    """

    receipt: Receipt
    site: str
    known: Collateral | None
    haircut_bps: int | None
    price: MarketPrice | None
    priced_at: datetime | None
    missing: str | None

    @property
    def per_tonne_minor(self) -> int | None:
        """The price of a tonne to the nearest minor unit."""
        return None if self.price is None else half_up_minor(self.price.per_kilogram * KG_PER_TONNE)


@dataclass(frozen=True, slots=True)
class Due:
    """What would end the loan on a day, by kind; the supervision fee apart."""

    on: date
    balances: Balances


@dataclass(frozen=True, slots=True)
class Freeze:
    """A reason why nothing may be drawn, and the alert it came from, if it came from one."""

    reason: str
    alert: int | None
    frozen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A loan as its page shows it. `margin` is None before anything was drawn."""

    full: LoanFull
    loan: Loan
    borrower: str
    stated: Stated
    offer: Offer | None
    margin: MarginState | None
    call: MarginCall | None
    trace: Trace
    flow: Flow
    dues: Sequence[Due]
    pledged: Sequence[Pledged]
    freezes: Sequence[Freeze]
    alerts: Sequence[Alert]
    endorsed: Pledge | None
    approvers: Sequence[str]
    wanted: int

    @property
    def owes(self) -> bool:
        """Whether it was paid out and something is open."""
        return self.full.state in OWING


def seen_loan(visit: Visit, loan_id: str) -> Seen:
    """Everything about the loan that its page shows.

    Raises:
        LoanUnknown: there is none, or it is another borrower's.
    """
    full = get_loan(visit.look, visit.times, visit.caller, loan_id)
    at, desk, zone = visit.times.moment(), visit.ports.of(Desk), visit.words.zone
    alerts = _open_alerts(visit)

    def question(session: Session) -> Seen:
        loan = loan_seen(session, visit.caller, loan_id)
        call = calling.call(session, loan_id)
        drawn = loan.due_on is not None
        return Seen(
            full=full,
            loan=loan,
            borrower=_name_of(session, full),
            stated=tracing.stated_now(session, desk, loan, at) if drawn else Stated(None, None),
            offer=_offer(session, desk, loan, at) if full.state in OFFERED else None,
            margin=calling.margin_state(session, loan_id) if drawn else None,
            call=None if call is None else call_shown(call),
            trace=tracing.trace(session, loan, until=at.now, zone=zone),
            flow=reading.flow(session, loan, at),
            dues=dues_of(session, loan, at) if full.state in OWING else [],
            pledged=[pledged(session, desk, loan, each, at) for each in full.receipts_standing],
            freezes=[_freeze(row.reason, row.frozen_at) for row in reading.freezes(session, loan_id)],
            alerts=_near(session, full, alerts),
            endorsed=_endorsed(session, loan),
            approvers=[row.person for row in reading.approvals(session, loan_id)],
            wanted=len(loan.product.tier_of(loan.principal).approvers),
        )

    return visit.look(question)


def pledged(session: Session, desk: Desk, loan: Loan, number: int, at: Moment) -> Pledged:
    """One receipt under the loan, with whatever is known of it."""
    receipt = receipts.receipt(session, number)
    goods, currency = (receipt.commodity, receipt.grade), loan.principal.currency
    known: Collateral | None = None
    haircut: int | None = None
    price: MarketPrice | None = None
    missing: str | None = None
    try:
        haircut = loan.product.haircut_of(*goods)
        price = valuing.price_of(session, goods, currency=currency, policy=price_policy(loan), now=at.now)
    except TallystickError as lack:
        missing = lack.code
    try:
        known = desk.goods(session, loan.product, [number], at)[0]
    except TallystickError as lack:
        missing = missing or lack.code
    observed = valuing.observations(session, goods, currency=currency)
    used = [each for each in observed if price is None or each.id in price.rests_on]
    priced_at = max((each.priced_at for each in used if each.priced_at <= at.now), default=None)
    return Pledged(receipt, name(receipt.site), known, haircut, price, priced_at, missing)


def dues_of(session: Session, loan: Loan, at: Moment) -> list[Due]:
    """What would end the loan today, at the turn of each month to come, and on the day it is due."""
    if loan.due_on is None:
        return []
    days, day = [at.today], at.today
    while len(days) < SCHEDULED:
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        if day >= loan.due_on:
            break
        days.append(day)
    if loan.due_on > at.today:
        days.append(loan.due_on)
    return [Due(each, booking.payoff_on(session, loan.id, each)) for each in days]


def _endorsed(session: Session, loan: Loan) -> Pledge | None:
    """The pledge that the ledger shows under the loan's terms, whatever its state."""
    if loan.terms is None:
        return None
    number = pledges.pledge_with_terms(session, loan.borrower, loan.terms)
    return None if number is None else pledges.pledge(session, number)


def _offer(session: Session, desk: Desk, loan: Loan, at: Moment) -> Offer:
    return offering.offer(
        session,
        desk,
        loan.product,
        loan.receipts,
        tenor_days=loan.tenor_days,
        at=at,
        loan_id=loan.id,
    )


def _freeze(reason: str, frozen_at: datetime) -> Freeze:
    number = reason.removeprefix(ALERT)
    return Freeze(reason, int(number) if reason.startswith(ALERT) and number.isdigit() else None, frozen_at)


def _open_alerts(visit: Visit) -> list[Alert]:
    """For who may read alerts."""
    if not visit.may(Permission.ALERTS_READ):
        return []
    return list_alerts(visit.look, visit.caller, Standing.OPEN, 0, MOST_ALERTS).items


def _near(session: Session, full: LoanFull, alerts: Sequence[Alert]) -> list[Alert]:
    """Those at the sites where the loan's goods are."""
    sites = {name(receipts.receipt(session, each).site) for each in full.receipts_standing}
    return [each for each in alerts if each.site in sites]


def _name_of(session: Session, full: LoanFull) -> str:
    party = from_hex(full.borrower)
    return parties.names_of(session, [party]).get(party) or name(party)

"""When a margin call opens, stays and ends, and when enforcement is shut: all by facts and time."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from backend.errors import Forbidden, WrongState
from backend.margin.rules.cover import Cover


class MarginState(StrEnum):
    """Where a loan's cover stands. A warning and a call end only when the debt is back at the target line."""

    HEALTHY = "healthy"
    WARNED = "warned"
    CALLED = "called"
    ENFORCING = "enforcing"


class EnforcementTooEarly(WrongState):
    """The call's deadline has not passed, and the enforcement line was not reached after notice."""

    code = "margin.enforcement_too_early"


class EnforcementShut(WrongState):
    """By today's facts the loan is below its call line: the call stays open and enforcement stays shut."""

    code = "margin.enforcement_shut"


class NoCallOpen(WrongState):
    """No margin call is open on this loan, so there is nothing to enforce."""

    code = "margin.no_call_open"


class ForfeitureRefused(Forbidden):
    """For want of payment goods never go to the lender or one related to it (Civil Code 401, 428)."""

    code = "margin.forfeiture_refused"


@dataclass(frozen=True, slots=True)
class Lines:
    """A product's lines that effective LTV meets, in basis points."""

    warning_bps: int
    margin_call_bps: int
    enforcement_bps: int


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A margin call that nobody has cured; `noticed_on` is when notice of enforcement was given, if ever."""

    opened_on: date
    cure_by: date
    noticed_on: date | None = None


def next_state(state: MarginState, cover: Cover, lines: Lines) -> MarginState:
    """The state that today's cover leads to.

    A call opens at its line and then stays until the debt is back under what the lots may carry; so does a
    warning. Enforcement was opened by people: paying everything ends it, a price never does.
    """
    if state is MarginState.ENFORCING and not cover.debt.is_zero:
        return state
    if cover.holds:
        return MarginState.HEALTHY
    if state is MarginState.CALLED:
        return state
    if cover.has_reached(lines.margin_call_bps):
        return MarginState.CALLED
    if state is MarginState.WARNED or cover.has_reached(lines.warning_bps):
        return MarginState.WARNED
    return MarginState.HEALTHY


def require_enforceable(call: OpenCall | None, cover: Cover, lines: Lines, *, today: date) -> OpenCall:
    """The open call, once enforcement of it may be opened with today's facts.

    The deadline day itself still belongs to the borrower.

    Raises:
        NoCallOpen: there is none.
        EnforcementTooEarly: the deadline has not passed, nor is the enforcement line reached after notice.
        EnforcementShut: effective LTV is below the call line today.
    """
    if call is None:
        raise NoCallOpen(today=today)
    noticed = call.noticed_on is not None and call.noticed_on < today
    if today <= call.cure_by and not (noticed and cover.has_reached(lines.enforcement_bps)):
        raise EnforcementTooEarly(cure_by=call.cure_by, today=today, noticed_on=call.noticed_on)
    if not cover.has_reached(lines.margin_call_bps):
        raise EnforcementShut(
            effective_ltv_bps=cover.effective_ltv_bps, margin_call_ltv_bps=lines.margin_call_bps
        )
    return call


def require_buyer(buyer: str, *, lender: str, related: frozenset[str]) -> str:
    """The buyer of enforced goods, once it is known to be neither the lender nor related to it.

    Raises:
        ForfeitureRefused: it is the one or the other.
    """
    if buyer == lender or buyer in related:
        raise ForfeitureRefused(buyer=buyer, lender=lender)
    return buyer

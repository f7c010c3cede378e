"""The life of a loan as one table: in which state, which act, by whom, what must hold, and what comes next.

`overdue` is never stored: it follows from the due date and what is owed (`state_on`).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from backend.errors import Forbidden, WrongState


class LoanState(StrEnum):
    """Where a loan stands. `DECLINED`, `WITHDRAWN`, `CLOSED` and `WRITTEN_OFF` are terminal."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    VALUED = "valued"
    APPROVED = "approved"
    SIGNED = "signed"
    PLEDGED = "pledged"
    DISBURSED = "disbursed"
    OVERDUE = "overdue"
    ENFORCING = "enforcing"
    REPAID = "repaid"
    RELEASED = "released"
    CLOSED = "closed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    WRITTEN_OFF = "written_off"


class Act(StrEnum):
    """What may be done to a loan, or confirmed of it by the ledger or the payment rail."""

    SUBMIT = "submit"
    VALUE = "value"
    APPROVE = "approve"
    SIGN = "sign"
    RECORD_PLEDGE = "record_pledge"
    DISBURSE = "disburse"
    RECORD_DISBURSED = "record_disbursed"
    REPAY = "repay"
    REVERSE_PAYMENT = "reverse_payment"
    RECORD_COST = "record_cost"
    RECORD_MISUSE = "record_misuse"
    RECORD_REPAID = "record_repaid"
    REOPEN = "reopen"
    RELEASE = "release"
    RECORD_RELEASED = "record_released"
    CLOSE = "close"
    RECORD_CLOSED = "record_closed"
    OPEN_ENFORCEMENT = "open_enforcement"
    WRITE_OFF = "write_off"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


class Who(StrEnum):
    """In which capacity somebody, or something, acts."""

    BORROWER = "borrower"
    CREDIT_OFFICER = "credit_officer"
    APPROVER = "approver"
    COLLATERAL_OFFICER = "collateral_officer"
    PAYMENT_OFFICER = "payment_officer"
    RAIL = "rail"
    LEDGER = "ledger"
    BOOK = "book"


class Holds(StrEnum):
    """What must hold before an act; the action that acts has found each of these out and says so."""

    APPLICATION_COMPLETE = "application complete"
    CLAIMS_MEET_BAR = "claims of every receipt meet the bar"
    SEARCH_CLEAN = "duplicate search clean"
    REGISTRY_REFERENCE = "registry reference present"
    PRICE_FRESH = "price fresh"
    FOUR_EYES = "enough different people approve"
    WITHIN_INITIAL_LTV = "within the initial line"
    WITHIN_TENOR = "maturity within tenor, validity and storage"
    TERMS_COMMITTED = "terms committed to"
    PLEDGE_EFFECTIVE = "pledge effective on confirmed blocks"
    DRAWDOWN_OPEN = "drawdown not frozen"
    SETTLED = "payment settled by the rail"
    CLEARED = "funds cleared"
    NOTHING_OWED = "nothing owed"
    OWED_AGAIN = "something owed again"
    TWO_PEOPLE = "two different people"
    EVERY_RELEASE_CONFIRMED = "release of every receipt confirmed"
    CLOSE_CONFIRMED = "close confirmed"
    CALL_UNCURED = "margin call uncured at its deadline"
    ARBITER_OR_PLEDGOR = "arbiter or pledgor agrees"


class ActNotPossible(WrongState):
    """The loan is in a state in which this act does not exist."""

    code = "loans.act_not_possible"


class ActNotAllowed(Forbidden):
    """The one who acts has none of the capacities that this act is for."""

    code = "loans.act_not_allowed"


class RequirementMissing(WrongState):
    """Something that must hold before this act was not established."""

    code = "loans.requirement_missing"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person's or party's name, and the capacities they have been proven to act in."""

    name: str
    capacities: frozenset[Who]


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table."""

    state: LoanState
    act: Act
    who: frozenset[Who]
    holds: frozenset[Holds]
    next: LoanState


def _row(state: LoanState, act: Act, who: set[Who], holds: set[Holds], to: LoanState) -> Transition:
    return Transition(state, act, frozenset(who), frozenset(holds), to)


_S, _A, _W, _H = LoanState, Act, Who, Holds
_LIVE: Final = (_S.DISBURSED, _S.OVERDUE, _S.ENFORCING)
_UNPLEDGED: Final = (_S.SUBMITTED, _S.VALUED, _S.APPROVED, _S.SIGNED)
_PLEDGED: Final = {_H.PLEDGE_EFFECTIVE, _H.DRAWDOWN_OPEN, _H.WITHIN_INITIAL_LTV, _H.WITHIN_TENOR}
_BACK: Final = {_S.DISBURSED: _S.DISBURSED, _S.OVERDUE: _S.DISBURSED, _S.ENFORCING: _S.ENFORCING}
"""What a loan is stored as after an act in each live state."""

TABLE: Final[tuple[Transition, ...]] = (
    _row(_S.DRAFT, _A.SUBMIT, {_W.BORROWER}, {_H.APPLICATION_COMPLETE}, _S.SUBMITTED),
    _row(
        _S.SUBMITTED,
        _A.VALUE,
        {_W.CREDIT_OFFICER},
        {_H.CLAIMS_MEET_BAR, _H.SEARCH_CLEAN, _H.REGISTRY_REFERENCE, _H.PRICE_FRESH},
        _S.VALUED,
    ),
    _row(
        _S.VALUED,
        _A.APPROVE,
        {_W.APPROVER, _W.CREDIT_OFFICER},
        {_H.FOUR_EYES, _H.WITHIN_INITIAL_LTV, _H.WITHIN_TENOR},
        _S.APPROVED,
    ),
    _row(_S.APPROVED, _A.SIGN, {_W.BORROWER}, {_H.TERMS_COMMITTED}, _S.SIGNED),
    _row(_S.SIGNED, _A.RECORD_PLEDGE, {_W.LEDGER}, {_H.PLEDGE_EFFECTIVE}, _S.PLEDGED),
    _row(_S.PLEDGED, _A.DISBURSE, {_W.PAYMENT_OFFICER}, _PLEDGED, _S.PLEDGED),
    _row(_S.PLEDGED, _A.RECORD_DISBURSED, {_W.RAIL}, {_H.SETTLED}, _S.DISBURSED),
    *(_row(state, _A.REPAY, {_W.RAIL}, {_H.CLEARED}, _BACK[state]) for state in _LIVE),
    *(_row(state, _A.REPAY, {_W.RAIL}, {_H.CLEARED}, state) for state in (_S.REPAID, _S.RELEASED, _S.CLOSED)),
    *(_row(state, _A.REVERSE_PAYMENT, {_W.RAIL}, set(), _BACK[state]) for state in _LIVE),
    _row(_S.REPAID, _A.REVERSE_PAYMENT, {_W.RAIL}, set(), _S.REPAID),
    _row(_S.REPAID, _A.REOPEN, {_W.BOOK}, {_H.OWED_AGAIN}, _S.DISBURSED),
    *(_row(state, _A.RECORD_COST, {_W.CREDIT_OFFICER}, set(), _BACK[state]) for state in _LIVE),
    *(_row(state, _A.RECORD_MISUSE, {_W.CREDIT_OFFICER}, set(), _BACK[state]) for state in _LIVE),
    *(_row(state, _A.RECORD_REPAID, {_W.BOOK}, {_H.NOTHING_OWED}, _S.REPAID) for state in _LIVE),
    _row(_S.REPAID, _A.RELEASE, {_W.COLLATERAL_OFFICER}, {_H.NOTHING_OWED, _H.TWO_PEOPLE}, _S.REPAID),
    _row(_S.REPAID, _A.RECORD_RELEASED, {_W.LEDGER}, {_H.EVERY_RELEASE_CONFIRMED}, _S.RELEASED),
    _row(_S.RELEASED, _A.CLOSE, {_W.CREDIT_OFFICER, _W.COLLATERAL_OFFICER}, set(), _S.RELEASED),
    _row(_S.RELEASED, _A.RECORD_CLOSED, {_W.LEDGER}, {_H.CLOSE_CONFIRMED}, _S.CLOSED),
    *(
        _row(
            state,
            _A.OPEN_ENFORCEMENT,
            {_W.CREDIT_OFFICER},
            {_H.CALL_UNCURED, _H.TWO_PEOPLE, _H.ARBITER_OR_PLEDGOR},
            _S.ENFORCING,
        )
        for state in (_S.DISBURSED, _S.OVERDUE)
    ),
    *(
        _row(state, _A.WRITE_OFF, {_W.APPROVER}, {_H.TWO_PEOPLE}, _S.WRITTEN_OFF)
        for state in (_S.OVERDUE, _S.ENFORCING)
    ),
    *(
        _row(state, _A.DECLINE, {_W.CREDIT_OFFICER, _W.APPROVER}, set(), _S.DECLINED)
        for state in _UNPLEDGED[:2]
    ),
    *(_row(state, _A.WITHDRAW, {_W.BORROWER}, set(), _S.WITHDRAWN) for state in _UNPLEDGED),
)
_BY_STATE_AND_ACT: Final = {(row.state, row.act): row for row in TABLE}


def state_on(stored: LoanState, due_on: date | None, on: date, *, outstanding_minor: int) -> LoanState:
    """The state on a day: a disbursed loan that is owed after its due date is overdue."""
    late = is_past_due(stored, due_on, on) and outstanding_minor > 0
    return LoanState.OVERDUE if late else stored


def is_past_due(stored: LoanState, due_on: date | None, on: date) -> bool:
    """Whether what a loan owes decides its state on a day: it was paid out, and its due date has passed."""
    return stored is LoanState.DISBURSED and due_on is not None and on > due_on


def require_act(state: LoanState, act: Act, actor: Actor, met: set[Holds]) -> Transition:
    """The row of the table by which `actor` may do `act` now.

    Args:
        state: as `state_on` gives it.
        act: what is to be done.
        actor: with the capacities proven.
        met: what the caller has established; each missing one refuses the act.

    Raises:
        ActNotPossible: the table has no such row.
        ActNotAllowed: the row is for other capacities.
        RequirementMissing: the row asks for more.
    """
    row = _BY_STATE_AND_ACT.get((state, act))
    if row is None:
        raise ActNotPossible(state=state.value, act=act.value)
    if not row.who & actor.capacities:
        raise ActNotAllowed(act=act.value, actor=actor.name, allowed=sorted(row.who))
    if row.holds - met:
        raise RequirementMissing(act=act.value, missing=sorted(row.holds - met))
    return row

"""Review a loan's cover; open, cure and enforce its margin call. Every decision keeps the facts it saw."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from sqlmodel import Session

from backend.clock import Moment
from backend.errors import Unavailable, WrongState
from backend.identity.actions import person_in_role, two_people_in_role
from backend.identity.rules import Role
from backend.loans.actions import pledging, reading
from backend.loans.actions.acts import bank_actor, take
from backend.loans.actions.desk import Desk
from backend.loans.actions.telling import tell
from backend.loans.rules.days import NationalCalendar, add_business_days
from backend.loans.rules.life import Act, Holds, LoanState
from backend.loans.rules.loan import Loan
from backend.margin.actions.covering import Found, collateral_by_receipt, find_cover, lines_of
from backend.margin.rules.call import MarginState, NoCallOpen, OpenCall, next_state, require_enforceable
from backend.margin.rules.cover import shortfall
from backend.margin.rules.cure import GoodsCannotCure, OfferedGoods, goods_cure
from backend.margin.tables import (
    MarginCallRow,
    MarginDecisionRow,
    decisions_of,
    last_decision,
    next_decision_number,
    open_call,
    state_of,
)
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.parties.words import name
from backend.units import BPS, KG_PER_TONNE, Money
from backend.valuation.rules.value import advance_rate

REVIEWED = frozenset({LoanState.DISBURSED, LoanState.ENFORCING, LoanState.REPAID})


class NotReviewed(WrongState):
    """A loan has a margin only from disbursement until its goods are released."""

    code = "margin.not_reviewed"


@dataclass(frozen=True, slots=True)
class Review:
    """How a loan's cover stands. `unvalued` is the code of why no value can be stated; then nothing moves."""

    loan_id: str
    before: MarginState
    state: MarginState
    found: Found | None
    unvalued: str | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who agrees to enforcement beside the lender: `arbiter` or `pledgor`, with a reference to the proof."""

    by: str
    reference: str


def review(session: Session, desk: Desk, loan_id: str, *, at: Moment) -> Review:
    """Test a loan's cover with today's facts; open a call, keep it, or close it as cured.

    A missing or stale price changes no state: the loan is then said to be unvalued, which is for an alert.

    Raises:
        NotReviewed: the loan was not paid out, or its goods are back.
    """
    loan = reading.loan(session, loan_id)
    if loan.state not in REVIEWED:
        raise NotReviewed(loan_id=loan_id, state=loan.state.value)
    before = state_of(session, loan_id)
    try:
        found = find_cover(session, desk, loan, at)
    except Unavailable as missing:
        _keep(
            session,
            loan_id,
            before,
            {name: str(fact) for name, fact in missing.facts.items()},
            missing.code,
            at,
        )
        return Review(loan_id, before, before, None, missing.code)
    state = next_state(before, found.cover, lines_of(loan))
    if state is not before:
        _change(session, desk, loan, state, found, at)
    _keep(session, loan_id, state, found.facts(), None, at)
    return Review(loan_id, before, state, found, None)


def review_all(session: Session, desk: Desk, *, at: Moment) -> list[Review]:
    """Review every loan that owes: what a price tick or a change of evidence sets off."""
    return [review(session, desk, loan_id, at=at) for loan_id in reading.live_loans(session)]


def freeze_goods(
    session: Session, desk: Desk, *, receipt: int, reason: str, facts: dict[str, Any], by: str, at: Moment
) -> list[Review]:
    """Goods are in doubt: freeze drawdown on the loan that their receipt serves, and re-value it at once."""
    frozen = pledging.freeze_loans_on(session, receipt=receipt, reason=reason, facts=facts, by=by, at=at)
    reviewed = (loan_id for loan_id in frozen if reading.loan(session, loan_id).state in REVIEWED)
    return [review(session, desk, loan_id, at=at) for loan_id in reviewed]


def margin_state(session: Session, loan_id: str) -> MarginState:
    """Where the loan's cover stands by the newest decision; healthy before the first."""
    return state_of(session, loan_id)


def call(session: Session, loan_id: str) -> MarginCallRow | None:
    """The margin call that is open on a loan, if there is one."""
    return open_call(session, loan_id)


def decisions(session: Session, loan_id: str) -> list[MarginDecisionRow]:
    """Every decision about a loan's cover with the facts it saw, in order."""
    return decisions_of(session, loan_id)


def give_notice(session: Session, loan_id: str, *, by: str, at: Moment) -> None:
    """Tell the borrower that the bank means to enforce; the earlier way opens from the next day.

    Raises:
        NoCallOpen: there is no call to enforce.
    """
    person_in_role(session, by, Role.CREDIT_OFFICER)
    row = open_call(session, loan_id)
    if row is None:
        raise NoCallOpen(loan_id=loan_id)
    if row.noticed_on is None:
        row.noticed_on = at.today
        session.flush()


def open_enforcement(
    session: Session, desk: Desk, loan_id: str, *, people: tuple[str, str], agreement: Agreement, at: Moment
) -> Loan:
    """Two credit officers, with the arbiter's or the pledgor's agreement, enforce an uncured call.

    Raises:
        NoCallOpen: there is no call.
        EnforcementTooEarly: its deadline has not passed, nor the enforcement line been reached after notice.
        EnforcementShut: by today's facts the loan is below its call line.
        RequirementMissing: nobody beside the lender agrees.
        SamePerson: both names lead to one person.
    """
    first, second = two_people_in_role(session, *people, Role.CREDIT_OFFICER)
    loan = reading.loan(session, loan_id)
    row = open_call(session, loan_id)
    found = find_cover(session, desk, loan, at)
    standing = None if row is None else OpenCall(row.opened_on, row.cure_by, row.noticed_on)
    require_enforceable(standing, found.cover, lines_of(loan), today=at.today)
    met = {Holds.CALL_UNCURED, Holds.TWO_PEOPLE}
    if agreement.by in {"arbiter", "pledgor"} and agreement.reference:
        met.add(Holds.ARBITER_OR_PLEDGOR)
    facts = {
        **found.facts(),
        "people": [first.id, second.id],
        "agreement": [agreement.by, agreement.reference],
    }
    loan = take(session, loan_id, Act.OPEN_ENFORCEMENT, bank_actor(first), met=met, facts=facts, at=at)
    _end_call(session, loan, MarginState.ENFORCING.value, at)
    _keep(session, loan_id, MarginState.ENFORCING, facts, None, at)
    tell(session, desk, loan, "EnforcementOpened", {"people": [first.id, second.id]}, at)
    return loan


def _change(session: Session, desk: Desk, loan: Loan, state: MarginState, found: Found, at: Moment) -> None:
    if state is MarginState.CALLED:
        _open_call(session, desk, loan, found, at)
    elif open_call(session, loan.id) is not None:
        _end_call(session, loan, "cured", at)
        tell(session, desk, loan, "MarginCallCured", _told(found), at)


def _open_call(session: Session, desk: Desk, loan: Loan, found: Found, at: Moment) -> None:
    calendar = NationalCalendar(loan.product.business_calendar)
    cash = shortfall(debt=found.cover.debt, allowed_debt=found.cover.allowed_debt)
    cure_by = add_business_days(at.today, loan.product.cure_business_days, calendar)
    session.add(
        MarginCallRow(
            loan_id=loan.id,
            opened_on=at.today,
            opened_at=at.now,
            cure_by=cure_by,
            cash_minor=cash.amount_minor,
            currency=cash.currency,
            goods=_goods_cures(session, desk, loan, found, cash, cure_by, at),
        )
    )
    session.flush()
    facts = {**_told(found), "cash_minor": str(cash.amount_minor), "cure_by": cure_by.isoformat()}
    tell(session, desk, loan, "MarginCallOpened", facts, at)
    _announce(session, NoticeKind.MARGIN_CALL_OPENED, loan, {**facts, "currency": cash.currency}, at)


def _goods_cures(
    session: Session, desk: Desk, loan: Loan, found: Found, cash: Money, cure_by: date, at: Moment
) -> list[dict[str, Any]]:
    """For each kind of goods under the loan, the least of it that would cure, its lien counted."""
    if found.worth is None:
        return []
    known = collateral_by_receipt(session, desk, loan, at)
    cures: dict[tuple[str, str], dict[str, Any]] = {}
    for each in found.worth.valuation.lots:
        lien = Fraction(
            known[each.lot.receipt].storage_minor_per_tonne_day * (cure_by - at.today).days, KG_PER_TONNE
        )
        advance = advance_rate(BPS, each.lot.haircut_bps, loan.product.target_ltv_bps)
        kind: dict[str, Any] = {"commodity": each.lot.commodity, "grade": each.lot.grade}
        try:
            cure = goods_cure(cash, OfferedGoods(each.per_kilogram, advance, lien))
        except GoodsCannotCure as refusal:
            cures[each.lot.goods] = {**kind, "cannot_cure": refusal.code}
        else:
            cures[each.lot.goods] = {**kind, "worth_minor": cure.worth.amount_minor, "mass_kg": cure.mass_kg}
    return list(cures.values())


def _end_call(session: Session, loan: Loan, ended_as: str, at: Moment) -> None:
    row = open_call(session, loan.id)
    if row is not None:
        row.ended_at, row.ended_as = at.now, ended_as
        session.flush()
        _announce(session, NoticeKind.MARGIN_CALL_ENDED, loan, {"ended_as": ended_as}, at)


def _announce(session: Session, kind: NoticeKind, loan: Loan, facts: dict[str, Any], at: Moment) -> None:
    announce(
        session,
        kind,
        organisation=name(loan.borrower),
        subject=f"loan/{loan.id}",
        facts={"loan": loan.id, **facts},
        at=at.now,
    )


def _keep(
    session: Session,
    loan_id: str,
    state: MarginState,
    facts: dict[str, Any],
    unvalued: str | None,
    at: Moment,
) -> None:
    """Write a decision where something changed: the state, or whether a value can be stated."""
    last = last_decision(session, loan_id)
    if last is not None and (last.state, last.unvalued) == (state.value, unvalued):
        return
    session.add(
        MarginDecisionRow(
            loan_id=loan_id,
            number=next_decision_number(session, loan_id),
            state=state.value,
            unvalued=unvalued,
            facts=facts,
            decided_at=at.now,
        )
    )
    session.flush()


def _told(found: Found) -> dict[str, Any]:
    return {
        "debt_minor": str(found.cover.debt.amount_minor),
        "allowed_debt_minor": str(found.cover.allowed_debt.amount_minor),
        "effective_ltv_bps": found.cover.effective_ltv_bps,
    }

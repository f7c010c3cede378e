"""Pay X, release Y: quote what some goods cost to leave, and order it once the facts allow it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from sqlmodel import Session

from backend.clock import Moment
from backend.errors import Invalid, WrongState
from backend.identity.actions import person_in_role, two_people_in_role
from backend.identity.rules import Role
from backend.loans.actions import ending, reading
from backend.loans.actions.acts import owed_on
from backend.loans.actions.desk import Desk
from backend.loans.actions.telling import tell
from backend.loans.rules.loan import Loan
from backend.margin.actions.covering import collateral_by_receipt, find_cover, masses_that_stay
from backend.margin.rules.cover import Cover
from backend.margin.rules.release import ReleasePrice, mass_left, release_price, require_covered_after
from backend.margin.tables import (
    OrderedReleaseRow,
    ReleaseQuoteRow,
    newest_quotes,
    owed_release_of,
    owed_releases,
    quote_row,
    quotes_of,
)
from backend.receipts import actions as receipts
from backend.receipts.actions import ReleaseWish
from backend.units import Money, ceil_minor, max_zero


class NothingLeaves(Invalid):
    """A quote names at least one receipt and the kilograms of it that are to leave."""

    code = "margin.nothing_leaves"


class QuoteExpired(WrongState):
    """The quote holds no longer; ask for a new one."""

    code = "margin.quote_expired"


class OperatorUnpaid(WrongState):
    """The operator's lien on what leaves is not paid yet."""

    code = "margin.operator_unpaid"


class AlreadyOrdered(WrongState):
    """These goods of the quote are ordered to leave already."""

    code = "margin.already_ordered"


@dataclass(frozen=True, slots=True)
class Quote:
    """What must be paid for some goods to leave; `leaving` is kilograms by receipt."""

    id: str
    loan_id: str
    leaving: Mapping[int, int]
    price: ReleasePrice
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """By which gate and in which hours (wall-clock) goods of a receipt are to leave, and which two sign."""

    receipt: int
    gate: str
    opens_at: datetime
    closes_at: datetime
    people: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rest:
    """What is owed before and after a quote is paid, and what the goods that stay may then carry."""

    debt: Money
    debt_after: Money
    allowed_after: Money


@dataclass(frozen=True, slots=True)
class _Figures:
    debt: Money
    lien_leaving: Money
    allowed_rest: Money


def quote_release(
    session: Session,
    desk: Desk,
    loan_id: str,
    *,
    leaving: Mapping[int, int],
    valid_for: timedelta,
    at: Moment,
) -> Quote:
    """State what the bank and the operator must receive before these goods may leave.

    Needs a fresh price unless nothing is owed.

    Args:
        session: the unit of work.
        desk: the bank at work.
        loan_id: a loan that was paid out.
        leaving: kilograms by receipt.
        valid_for: how long the quote holds, in business time.
        at: business time.

    Raises:
        NothingLeaves: no receipt is named.
        CollateralUnknown: the loan does not rest on a receipt.
        MoreThanPledged: more of a receipt is to leave than there is.
        PriceStale: or `PriceMissing`, `PriceHeld`: no value can be stated.
    """
    if not leaving:
        raise NothingLeaves(loan_id=loan_id)
    loan = reading.loan(session, loan_id)
    figures = _figures(session, desk, loan, leaving, at)
    price = release_price(
        debt=figures.debt, lien_leaving=figures.lien_leaving, allowed_rest=figures.allowed_rest
    )
    row = ReleaseQuoteRow(
        id=f"Q-{loan_id}-{quotes_of(session, loan_id) + 1}",
        loan_id=loan_id,
        leaving={str(receipt): mass for receipt, mass in leaving.items()},
        bank_minor=price.bank.amount_minor,
        operator_minor=price.operator.amount_minor,
        currency=price.bank.currency,
        facts={
            "debt_minor": figures.debt.amount_minor,
            "lien_leaving_minor": figures.lien_leaving.amount_minor,
            "allowed_rest_minor": figures.allowed_rest.amount_minor,
        },
        quoted_at=at.now,
        expires_at=at.now + valid_for,
    )
    session.add(row)
    session.flush()
    return Quote(row.id, loan_id, dict(leaving), price, row.expires_at)


def rest_after(session: Session, quote_id: str) -> Rest:
    """How the loan stands once everything in the quote is paid and has left, by the facts it was made on.

    Raises:
        QuoteUnknown: there is none of this id.
    """
    row = quote_row(session, quote_id)
    debt = Money(row.facts["debt_minor"], row.currency)
    paid = Money(row.bank_minor + row.facts["lien_leaving_minor"], row.currency)
    return Rest(debt, max_zero(debt - paid), Money(row.facts["allowed_rest_minor"], row.currency))


def record_operator_paid(session: Session, quote_id: str, *, reference: str, by: str) -> None:
    """A payment officer has seen the operator's own receipt for its lien on what leaves."""
    person_in_role(session, by, Role.PAYMENT_OFFICER)
    quote_row(session, quote_id).operator_paid = reference
    session.flush()


def order_release(session: Session, desk: Desk, quote_id: str, *, leave: Leave, at: Moment) -> None:
    """Order the goods of one receipt in a quote to leave by one gate, now that what stays covers the debt.

    The facts are read again: what was paid meanwhile counts, and so does a price that fell. The release is
    owed until the ledger's event is confirmed.

    Raises:
        QuoteExpired: it holds no longer.
        NothingLeaves: the quote does not name this receipt.
        AlreadyOrdered: it was ordered before.
        OperatorUnpaid: the operator's lien on what leaves is not paid.
        ReleaseNotCovered: what stays would not carry what is owed.
        SamePerson: both names lead to one person.
    """
    first, second = two_people_in_role(session, *leave.people, Role.COLLATERAL_OFFICER)
    row = quote_row(session, quote_id)
    if at.now >= row.expires_at:
        raise QuoteExpired(quote_id=quote_id, expires_at=row.expires_at.isoformat())
    leaving = {int(receipt): mass for receipt, mass in row.leaving.items()}
    if leave.receipt not in leaving:
        raise NothingLeaves(quote_id=quote_id, receipt=leave.receipt)
    if session.get(OrderedReleaseRow, (quote_id, leave.receipt)) is not None:
        raise AlreadyOrdered(quote_id=quote_id, receipt=leave.receipt)
    if row.operator_minor and row.operator_paid is None:
        raise OperatorUnpaid(quote_id=quote_id, operator_minor=row.operator_minor)
    loan = reading.loan(session, row.loan_id)
    mass_kg = leaving[leave.receipt]
    figures = _figures(session, desk, loan, {leave.receipt: mass_kg}, at)
    require_covered_after(
        debt=figures.debt, lien_leaving=figures.lien_leaving, allowed_rest=figures.allowed_rest
    )
    session.add(
        OrderedReleaseRow(
            quote_id=quote_id, receipt=leave.receipt, loan_id=loan.id, mass_kg=mass_kg, ordered_at=at.now
        )
    )
    session.flush()
    wish = ReleaseWish(
        receipt_id=leave.receipt,
        mass_kg=mass_kg,
        gate=leave.gate,
        opens_at=leave.opens_at,
        closes_at=leave.closes_at,
        to=loan.borrower,
    )
    receipts.order_release(
        session,
        wish,
        officers=leave.people,
        desk=desk.signing,
        signer=desk.bank,
        now=desk.wall.now(),
    )
    facts = {"receipt": str(leave.receipt), "mass_kg": mass_kg, "people": [first.id, second.id]}
    tell(session, desk, loan, "ReleaseOrdered", facts, at)


def owed(session: Session, loan_id: str) -> list[tuple[int, int]]:
    """Receipt and kilograms of each release that is ordered and not confirmed yet, oldest first."""
    return [(row.receipt, row.mass_kg) for row in owed_releases(session, loan_id)]


def cover_after(session: Session, quote_id: str) -> Cover:
    """The loan's cover once a quote was paid and its goods have left, by the figures it was made of.

    Raises:
        QuoteUnknown: there is no such quote.
    """
    row = quote_row(session, quote_id)
    target = reading.loan(session, row.loan_id).product.target_ltv_bps
    debt, lien, allowed = (
        Money(row.facts[name], row.currency)
        for name in ("debt_minor", "lien_leaving_minor", "allowed_rest_minor")
    )
    left = max_zero(debt - lien - Money(row.bank_minor, row.currency))
    return Cover(left, allowed, allowed, target)


def quotes(session: Session, loan_id: str, limit: int) -> list[ReleaseQuoteRow]:
    """The newest quotes for goods of a loan, newest first."""
    return newest_quotes(session, loan_id, limit)


def record_ordered(session: Session, *, receipt: int, mass_kg: int, at: Moment) -> None:
    """The ledger confirms a release order: from now on the receipt's own figures show it."""
    row = owed_release_of(session, receipt, mass_kg)
    if row is not None:
        row.ended_at, row.ended_as = at.now, "confirmed"
        session.flush()


def record_order_refused(session: Session, quote_id: str, *, receipt: int, reason: str, at: Moment) -> None:
    """The ledger refused the order: the goods stay, and count again."""
    row = session.get(OrderedReleaseRow, (quote_id, receipt))
    if row is not None and row.ended_at is None:
        row.ended_at, row.ended_as = at.now, reason[:64]
        session.flush()


def _figures(session: Session, desk: Desk, loan: Loan, leaving: Mapping[int, int], at: Moment) -> _Figures:
    stay = masses_that_stay(session, desk, loan, at)
    known = collateral_by_receipt(session, desk, loan, at)
    lien = Money.zero(loan.principal.currency)
    for receipt, mass_kg in leaving.items():
        ending.require_standing(session, loan.id, receipt)
        stay[receipt] = mass_left(receipt=receipt, pledged_kg=stay[receipt], leaving_kg=mass_kg)
        part = Fraction(known[receipt].lien_minor * mass_kg, known[receipt].mass_kg)
        lien += Money(ceil_minor(part), lien.currency)
    if owed_on(session, loan, at).outstanding == 0:
        return _Figures(lien, lien, Money.zero(lien.currency))
    rest = find_cover(session, desk, loan, at, masses=stay).cover
    return _Figures(rest.debt, lien, rest.allowed_debt)

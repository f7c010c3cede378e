"""What a borrower pays back through the bank: asked for in one transaction, taken by the rail once."""

import secrets
from typing import Final

from sqlmodel import Session

from backend.clock import Moment
from backend.loans.actions import reading
from backend.loans.rules.facts import BeforeDisbursement
from backend.payments.rules import Collecting, Rail, RailTakesNoOrders, repayment_id
from backend.payments.tables import RepaymentRow, open_repayments
from backend.units import CurrencyMismatch, Money, require_positive

KEY_BYTES: Final = 12


def ask_repayment(
    session: Session, rail: Rail, loan_id: str, *, payer: str, amount: Money, by: str, at: Moment
) -> RepaymentRow:
    """Have money of the borrower taken for a loan; the statement line that follows is what is booked.

    Args:
        session: the unit of work.
        rail: where the money comes from.
        loan_id: a loan that was paid out.
        payer: as the statement is to name it.
        amount: in the loan's currency.
        by: who asks.
        at: business time.

    Raises:
        RailTakesNoOrders: money comes in on this rail only as the payer's own bank sends it.
        BeforeDisbursement: nothing was paid out yet.
        CurrencyMismatch: it is money of another currency.
    """
    if not isinstance(rail, Collecting):
        raise RailTakesNoOrders(rail=rail.name)
    loan = reading.loan(session, loan_id)
    require_positive(amount)
    if amount.currency != loan.principal.currency:
        raise CurrencyMismatch(one=amount.currency, other=loan.principal.currency)
    if loan.drawn_on is None:
        raise BeforeDisbursement(loan_id=loan_id)
    row = RepaymentRow(
        key=repayment_id(secrets.token_hex(KEY_BYTES)),
        loan_id=loan_id,
        payer=payer,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        asked_by=by,
        asked_at=at.now,
        rail=rail.name,
    )
    session.add(row)
    session.flush()
    return row


def waiting_repayments(session: Session, rail: str) -> list[RepaymentRow]:
    """Repayments that the rail does not have yet, oldest first."""
    return open_repayments(session, rail)


def mark_taken(session: Session, key: str, number: int) -> None:
    """The rail has the money; its line of that number says so."""
    session.get_one(RepaymentRow, key).number = number
    session.flush()

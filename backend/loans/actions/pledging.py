"""A loan meets its pledge on the ledger, and what keeps money from being drawn on it."""

from typing import Any

from sqlmodel import Session

from backend.clock import Moment
from backend.errors import WrongState
from backend.identity.actions import person_in_role, two_people_in_role
from backend.identity.rules import Role
from backend.loans.actions.acts import LEDGER, bank_actor, take
from backend.loans.actions.applying import require_fundable
from backend.loans.actions.desk import Desk
from backend.loans.rules.life import Act, Holds
from backend.loans.rules.loan import Loan, require_same_pledge
from backend.loans.tables.loan import (
    FreezeRow,
    loan_id_by_terms,
    loan_ids_on,
    loan_of,
    loan_row,
    standing_freezes,
)
from backend.pledges import actions as pledges


class DrawdownFrozen(WrongState):
    """Something about the goods is unexplained; nothing may be drawn until two people have looked at it."""

    code = "loans.drawdown_frozen"


class NotFrozen(WrongState):
    """The loan is not frozen for this reason."""

    code = "loans.not_frozen"


def record_pledge(session: Session, *, pledge_id: int, at: Moment) -> Loan | None:
    """Tie an effective pledge to the loan whose terms it carries; None where no loan of ours has these terms.

    Raises:
        PledgeDiffers: pledgor or receipts are not those of the loan.
    """
    pledge = pledges.require_effective(session, pledge_id)
    loan_id = loan_id_by_terms(session, pledge.terms)
    if loan_id is None:
        return None
    loan = loan_of(session, loan_id)
    if loan.pledge_id == pledge_id:
        return loan
    require_same_pledge(loan, pledgor=pledge.pledgor, terms=pledge.terms, receipts=pledge.receipts)
    loan_row(session, loan_id).pledge_id = pledge_id
    return take(
        session,
        loan_id,
        Act.RECORD_PLEDGE,
        LEDGER,
        met={Holds.PLEDGE_EFFECTIVE},
        facts={"pledge_id": pledge_id, "receipts": list(pledge.receipts)},
        at=at,
    )


def open_drawdown(session: Session, desk: Desk, loan_id: str, *, by: str, at: Moment) -> Loan:
    """Let the loan be paid out, once the pledge, the goods and the amount are known to allow it right now.

    Everything is read in this transaction, which is the one that writes the payment's intent.

    Raises:
        DrawdownFrozen: a freeze stands.
        PledgeIncomplete: the pledge is not effective on confirmed blocks.
        ClaimsBelowBar: or `BeyondInitialLine`, `MaturityTooLate`, `PriceStale`: today does not allow it.
    """
    officer = person_in_role(session, by, Role.PAYMENT_OFFICER)
    loan = loan_of(session, loan_id)
    met: set[Holds] = set()
    facts: dict[str, Any] = {}
    if loan.pledge_id is not None:
        pledge = pledges.require_effective(session, loan.pledge_id)
        require_same_pledge(loan, pledgor=pledge.pledgor, terms=pledge.terms, receipts=pledge.receipts)
        require_not_frozen(session, loan_id)
        facts = {"pledge_id": loan.pledge_id, **require_fundable(session, desk, loan, at)}
        met = {
            Holds.PLEDGE_EFFECTIVE,
            Holds.DRAWDOWN_OPEN,
            Holds.WITHIN_INITIAL_LTV,
            Holds.WITHIN_TENOR,
        }
    return take(session, loan_id, Act.DISBURSE, bank_actor(officer), met=met, facts=facts, at=at)


def freeze(
    session: Session, loan_id: str, *, reason: str, facts: dict[str, Any], by: str, at: Moment
) -> bool:
    """Let nothing be drawn on this loan for a reason; whether it was not frozen for it before.

    Anybody who knows a reason may freeze, a program too: it costs the borrower time and never the goods.
    """
    loan_row(session, loan_id)
    if any(row.reason == reason for row in standing_freezes(session, loan_id)):
        return False
    session.add(FreezeRow(loan_id=loan_id, reason=reason, facts=facts, frozen_by=by, frozen_at=at.now))
    session.flush()
    return True


def freeze_loans_on(
    session: Session, *, receipt: int, reason: str, facts: dict[str, Any], by: str, at: Moment
) -> list[str]:
    """Freeze every loan that rests on a receipt; their numbers."""
    loans = loan_ids_on(session, receipt)
    for loan_id in loans:
        freeze(session, loan_id, reason=reason, facts=facts, by=by, at=at)
    return loans


def unfreeze(session: Session, loan_id: str, *, reason: str, first: str, second: str, at: Moment) -> None:
    """Two collateral officers have looked at a reason and lift it.

    Raises:
        SamePerson: both names lead to one person.
        NotFrozen: the loan is not frozen for this reason.
    """
    people = two_people_in_role(session, first, second, Role.COLLATERAL_OFFICER)
    standing = [row for row in standing_freezes(session, loan_id) if row.reason == reason]
    if not standing:
        raise NotFrozen(loan_id=loan_id, reason=reason)
    standing[0].lifted_by = [person.id for person in people]
    standing[0].lifted_at = at.now
    session.flush()


def require_not_frozen(session: Session, loan_id: str) -> None:
    """Refuse to draw on a loan that anything freezes.

    Raises:
        DrawdownFrozen: names every reason.
    """
    reasons = [row.reason for row in standing_freezes(session, loan_id)]
    if reasons:
        raise DrawdownFrozen(loan_id=loan_id, reasons=reasons)

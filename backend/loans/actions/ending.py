"""From repaid to closed, receipt by receipt; only the ledger's confirmed events make it true."""

from typing import Any

from sqlmodel import Session

from backend.clock import Moment
from backend.identity.actions import person_in_role, two_people_in_role
from backend.identity.rules import Role
from backend.loans.actions.acts import LEDGER, bank_actor, owed_on, take
from backend.loans.actions.desk import Desk
from backend.loans.actions.telling import tell
from backend.loans.rules.life import Act, Holds, LoanState
from backend.loans.rules.loan import CollateralUnknown, Loan, PledgeDiffers
from backend.loans.tables.loan import (
    loan_id_by_pledge,
    loan_ids_on,
    loan_of,
    standing_receipts,
)
from backend.pledges import actions as pledges


def release(
    session: Session, desk: Desk, loan_id: str, *, receipt: int, people: tuple[str, str], at: Moment
) -> Loan:
    """Give a receipt of a repaid loan back: two collateral officers sign, the ledger is asked.

    Needs neither a price nor an answering chain; until the event is confirmed the release is owed.

    Args:
        session: the unit of work.
        desk: the bank at work.
        loan_id: a loan on which nothing is owed.
        receipt: one that it still rests on.
        people: the two who sign.
        at: business time.

    Raises:
        ActNotPossible: something is owed, or the loan was never paid out.
        CollateralUnknown: the loan does not rest on this receipt.
        SamePerson: both names lead to one person.
    """
    first, second = two_people_in_role(session, *people, Role.COLLATERAL_OFFICER)
    loan = loan_of(session, loan_id)
    require_standing(session, loan_id, receipt)
    met = {Holds.TWO_PEOPLE}
    if owed_on(session, loan, at).outstanding == 0:
        met.add(Holds.NOTHING_OWED)
    facts = {"receipt": receipt, "people": [first.id, second.id]}
    loan = take(session, loan_id, Act.RELEASE, bank_actor(first), met=met, facts=facts, at=at)
    pledges.release(
        session,
        pledge_of(loan),
        receipt,
        officers=people,
        desk=desk.signing,
        signer=desk.bank,
        now=desk.wall.now(),
    )
    return loan


def record_released(session: Session, desk: Desk, *, pledge_id: int, receipt: int, at: Moment) -> Loan | None:
    """The ledger confirms that a receipt is out of a pledge; with the last one a repaid loan is released.

    None where no loan of ours rests on this pledge. A receipt is freed for another loan at this point only.
    """
    loan_id = loan_id_by_pledge(session, pledge_id)
    if loan_id is None:
        return None
    _let_go(session, loan_id, receipt, at)
    tell(session, desk, loan_of(session, loan_id), "Released", {"receipt": str(receipt)}, at)
    return _settle(session, loan_id, {"receipt": receipt, "pledge_id": pledge_id}, at)


def record_delivered(
    session: Session, desk: Desk, *, receipt: int, remaining_kg: int, at: Moment
) -> list[Loan]:
    """The ledger confirms that goods left under a release order; a receipt that is used up is let go."""
    let_go = []
    for loan_id in loan_ids_on(session, receipt):
        facts = {"receipt": str(receipt), "remaining_kg": remaining_kg}
        tell(session, desk, loan_of(session, loan_id), "Delivered", facts, at)
        if remaining_kg == 0:
            _let_go(session, loan_id, receipt, at)
        let_go.append(_settle(session, loan_id, {"receipt": receipt, "remaining_kg": remaining_kg}, at))
    return let_go


def close(session: Session, desk: Desk, loan_id: str, *, by: str, at: Moment) -> Loan:
    """Have the ledger end a loan of which every receipt is released; until confirmed, closing is owed.

    Raises:
        ActNotPossible: a receipt is still under the pledge, or something is owed.
    """
    officer = person_in_role(session, by, Role.COLLATERAL_OFFICER)
    loan = take(session, loan_id, Act.CLOSE, bank_actor(officer), met=set(), facts={}, at=at)
    pledges.close(session, pledge_of(loan), signer=desk.bank, now=desk.wall.now())
    return loan


def record_closed(session: Session, *, pledge_id: int, at: Moment) -> Loan | None:
    """The ledger confirms that the loan is closed; None where no loan of ours rests on this pledge."""
    loan_id = loan_id_by_pledge(session, pledge_id)
    if loan_id is None:
        return None
    facts = {"pledge_id": pledge_id}
    met = {Holds.CLOSE_CONFIRMED}
    return take(session, loan_id, Act.RECORD_CLOSED, LEDGER, met=met, facts=facts, at=at)


def require_standing(session: Session, loan_id: str, receipt: int) -> None:
    """Refuse a receipt that the loan does not rest on, or no longer.

    Raises:
        CollateralUnknown: it does not.
    """
    if receipt not in {row.receipt for row in standing_receipts(session, loan_id)}:
        raise CollateralUnknown(loan_id=loan_id, receipt=receipt)


def pledge_of(loan: Loan) -> int:
    """The pledge that the loan rests on.

    Raises:
        PledgeDiffers: it rests on none.
    """
    if loan.pledge_id is None:
        raise PledgeDiffers(loan_id=loan.id)
    return loan.pledge_id


def _let_go(session: Session, loan_id: str, receipt: int, at: Moment) -> None:
    for row in standing_receipts(session, loan_id):
        if row.receipt == receipt:
            row.ended_at = at.now
    session.flush()


def _settle(session: Session, loan_id: str, facts: dict[str, Any], at: Moment) -> Loan:
    """A repaid loan that rests on no receipt any more is released."""
    loan = loan_of(session, loan_id)
    if standing_receipts(session, loan_id) or loan.state is not LoanState.REPAID:
        return loan
    met = {Holds.EVERY_RELEASE_CONFIRMED}
    return take(session, loan_id, Act.RECORD_RELEASED, LEDGER, met=met, facts=facts, at=at)

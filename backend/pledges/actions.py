"""Take the steps of a pledge, and end it: each an intent for the ledger that confirmed facts allow.

Each gives the key of its act on the ledger.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from backend.chain import actions as chain
from backend.db import to_hex
from backend.identity.actions import two_people_in_role
from backend.identity.rules import Role
from backend.parties.two_persons import ACCEPTANCE, RELEASE, SigningDesk
from backend.pledges.rules import (
    Pledge,
    PledgeState,
    ReceiptAlreadyPledged,
    ReceiptNotPledged,
    ReceiptsStillPledged,
    require_receipts,
    require_same_terms,
    require_state,
)
from backend.pledges.rules import require_effective as require_effective_pledge
from backend.pledges.tables import (
    effective_pledge_of,
    latest_pledge_with,
    loan_events,
    pledge_facts,
    pledge_ids_over,
    released_at,
)
from backend.receipts import actions as receipts
from backend.receipts.rules import ReceiptDelivered, ReceiptState, content_hash

CONTRACT: Final = "PledgeRegistry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """What the pledgee filed with the public registry: reference commitment, instant, and search hash."""

    reference: bytes
    filed_at: datetime
    search: bytes


def endorse(
    session: Session,
    receipt_ids: tuple[int, ...],
    *,
    pledgee: bytes,
    terms: bytes,
    expires_at: datetime,
    signer: str,
) -> str:
    """Intend the pledgor's endorsement of its receipts to the pledgee.

    Raises:
        NothingPledged: no receipt, or one twice.
        ReceiptUnknown: no confirmed event shows one of them.
        ReceiptDelivered: the goods of one have left.
        ReceiptAlreadyPledged: an effective pledge holds one.
    """
    require_receipts(receipt_ids)
    for each in receipt_ids:
        _require_free(session, each)
    return _intend(
        session,
        key=f"endorse:{to_hex(terms)}",
        signer=signer,
        function="endorse",
        args={
            "receiptIds": list(receipt_ids),
            "pledgee": pledgee,
            "terms": terms,
            "expiresAt": int(expires_at.timestamp()),
        },
    )


def attorn(session: Session, pledge_id: int, *, terms: bytes, signer: str, now: datetime) -> str:
    """Intend the operator's acknowledgement that it will hold for the pledgee; `now` is wall-clock.

    Raises:
        PledgeUnknown: no confirmed event shows the pledge.
        PledgeStateIs: it is not freshly endorsed.
        TermsDiffer: the terms are not those endorsed.
    """
    _require(session, pledge_id, PledgeState.ENDORSED, terms, now)
    args = {"pledgeId": pledge_id, "terms": terms}
    return _intend(session, key=f"attorn:{pledge_id}", signer=signer, function="attorn", args=args)


def register(
    session: Session, pledge_id: int, filing: Filing, *, terms: bytes, signer: str, now: datetime
) -> str:
    """Intend the pledgee's record that it has filed and searched the public registry; `now` is wall-clock.

    Raises:
        PledgeUnknown: no confirmed event shows the pledge.
        PledgeStateIs: the operator has not attorned, or it is registered already.
        TermsDiffer: the terms are not those endorsed.
    """
    _require(session, pledge_id, PledgeState.ATTORNED, terms, now)
    args = {
        "pledgeId": pledge_id,
        "terms": terms,
        "filing": filing.reference,
        "filedAt": int(filing.filed_at.timestamp()),
        "search": filing.search,
    }
    return _intend(session, key=f"register:{pledge_id}", signer=signer, function="register", args=args)


def accept(
    session: Session,
    pledge_id: int,
    *,
    terms: bytes,
    officers: tuple[str, str],
    desk: SigningDesk,
    signer: str,
    now: datetime,
) -> str:
    """Intend the pledgee's acceptance, signed by two of its people, with which control moves.

    `now` is wall-clock.

    Raises:
        SamePerson: or `RoleMissing`, `OrganisationDiffers`: they are not two collateral officers of one bank.
        PledgeUnknown: no confirmed event shows the pledge.
        PledgeStateIs: it is not registered, or is effective already.
        TermsDiffer: the terms are not those endorsed.
    """
    people = two_people_in_role(session, *officers, Role.COLLATERAL_OFFICER)
    _require(session, pledge_id, PledgeState.REGISTERED, terms, now)
    act = {"pledge": pledge_id, "terms": terms}
    signed = desk.signed_by_two(ACCEPTANCE, act, contract=CONTRACT, people=people, now=now)
    args = {"pledgeId": pledge_id, "terms": terms, "signed": signed}
    return _intend(session, key=f"accept:{pledge_id}", signer=signer, function="accept", args=args)


def withdraw(session: Session, pledge_id: int, *, signer: str, now: datetime) -> str:
    """Intend the end of a pledge before control has moved, by either side; `now` is wall-clock.

    Raises:
        PledgeUnknown: no confirmed event shows the pledge.
        PledgeStateIs: control has moved, or it has ended.
    """
    found = pledge_facts(session, pledge_id)
    state = found.state(now)
    if state not in (PledgeState.ENDORSED, PledgeState.ATTORNED, PledgeState.REGISTERED):
        require_state(found, PledgeState.REGISTERED, now)
    return _intend(
        session,
        key=f"withdraw:{pledge_id}",
        signer=signer,
        function="withdraw",
        args={"pledgeId": pledge_id},
    )


def record_loan_event(session: Session, pledge_id: int, commitment: bytes, *, signer: str) -> str:
    """Intend one opaque event in the loan's hash chain on the ledger.

    Raises:
        PledgeUnknown: no confirmed event shows the pledge.
    """
    pledge_facts(session, pledge_id)
    return _intend(
        session,
        key=f"loan-event:{pledge_id}:{to_hex(commitment)}",
        signer=signer,
        function="recordLoanEvent",
        args={"pledgeId": pledge_id, "commitment": commitment},
    )


def release(
    session: Session,
    pledge_id: int,
    receipt_id: int,
    *,
    officers: tuple[str, str],
    desk: SigningDesk,
    signer: str,
    now: datetime,
) -> str:
    """Intend the end of the pledge on one receipt, signed by two of the pledgee's people; opens no gate.

    `now` is wall-clock.

    Raises:
        SamePerson: or `RoleMissing`, `OrganisationDiffers`: they are not two collateral officers of one bank.
        PledgeIncomplete: or `PledgeStateIs`: the pledge is not effective.
        ReceiptNotPledged: the receipt is not under it.
    """
    people = two_people_in_role(session, *officers, Role.COLLATERAL_OFFICER)
    found = require_effective(session, pledge_id)
    if receipt_id not in found.receipts:
        raise ReceiptNotPledged(pledge=pledge_id, receipt=receipt_id)
    content = content_hash(receipts.receipt(session, receipt_id))
    act = {"pledge": pledge_id, "receipt": receipt_id, "content": content}
    signed = desk.signed_by_two(RELEASE, act, contract=CONTRACT, people=people, now=now)
    return _intend(
        session,
        key=f"release:{pledge_id}:{receipt_id}:{to_hex(content)}",
        signer=signer,
        function="release",
        args={"pledgeId": pledge_id, "receiptId": receipt_id, "content": content, "signed": signed},
    )


def close(session: Session, pledge_id: int, *, signer: str, now: datetime) -> str:
    """Intend the close of the loan; `now` is wall-clock.

    Raises:
        ReceiptsStillPledged: a receipt is still under the pledge.
        PledgeStateIs: control never moved, or it is closed already.
    """
    found = pledge_facts(session, pledge_id)
    if found.state(now) is PledgeState.EFFECTIVE:
        raise ReceiptsStillPledged(pledge=pledge_id, receipts=list(found.receipts))
    require_state(found, PledgeState.RELEASED, now)
    return _intend(
        session, key=f"close:{pledge_id}", signer=signer, function="close", args={"pledgeId": pledge_id}
    )


def pledge(session: Session, pledge_id: int) -> Pledge:
    """The pledge as confirmed events have it.

    Raises:
        PledgeUnknown: none shows it.
    """
    return pledge_facts(session, pledge_id)


def require_effective(session: Session, pledge_id: int) -> Pledge:
    """The pledge, proven effective by confirmed events: only on such a one may money go out.

    Raises:
        PledgeUnknown: no confirmed event shows it.
        PledgeIncomplete: a step is missing.
        PledgeStateIs: it has ended, or holds no receipt.
    """
    found = pledge_facts(session, pledge_id)
    require_effective_pledge(found)
    return found


def pledge_of_receipt(session: Session, receipt_id: int) -> int | None:
    """The effective pledge that the receipt is under, if there is one."""
    return effective_pledge_of(session, receipt_id)


def pledges_over(session: Session, receipt_id: int, limit: int) -> list[tuple[Pledge, datetime | None]]:
    """The newest pledges that the receipt is or was under, each with when it was let go by it."""
    return [
        (pledge_facts(session, each), released_at(session, each, receipt_id))
        for each in pledge_ids_over(session, receipt_id, limit)
    ]


def pledge_with_terms(session: Session, pledgor: bytes, terms: bytes) -> int | None:
    """The newest confirmed pledge by this pledgor under these terms, if there is one yet."""
    return latest_pledge_with(session, pledgor, terms)


def recorded_commitments(session: Session, pledge_id: int) -> list[bytes]:
    """The commitments of the loan's confirmed events, in the ledger's order."""
    return [row.commitment for row in loan_events(session, pledge_id)]


def _require_free(session: Session, receipt_id: int) -> None:
    found = receipts.receipt(session, receipt_id)
    if found.state is ReceiptState.DELIVERED:
        raise ReceiptDelivered(receipt=receipt_id)
    live = effective_pledge_of(session, receipt_id)
    if live is not None:
        raise ReceiptAlreadyPledged(receipt=receipt_id, pledge=live)


def _require(session: Session, pledge_id: int, state: PledgeState, terms: bytes, now: datetime) -> None:
    found = pledge_facts(session, pledge_id)
    require_state(found, state, now)
    require_same_terms(found, terms)


def _intend(session: Session, *, key: str, signer: str, function: str, args: dict[str, Any]) -> str:
    fresh = chain.fresh_key(session, key)
    chain.intend(session, key=fresh, signer=signer, contract=CONTRACT, function=function, args=args)
    return fresh

"""From the pledge registry's confirmed events to rows; nothing else writes them: a replay rebuilds them."""

from collections.abc import Callable
from typing import Final

from sqlmodel import Session, select

from backend.chain.projecting import Projection, events_of
from backend.chain.rules import LedgerEvent
from backend.parties.words import instant
from backend.pledges.tables import PledgedReceiptRow, PledgeRow, RecordedLoanEventRow

CONTRACT: Final = "PledgeRegistry"


def _endorsed(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    session.add(
        PledgeRow(
            id=facts["pledgeId"],
            pledgor=facts["pledgor"],
            pledgee=facts["pledgee"],
            terms=facts["terms"],
            expires_at=instant(facts["expiresAt"]),
            endorsed_at=event.block_time,
        )
    )
    session.flush()
    session.add_all(
        PledgedReceiptRow(pledge_id=facts["pledgeId"], receipt_id=each) for each in facts["receipts"]
    )


def _effective(session: Session, event: LedgerEvent) -> None:
    _pledge(session, event).effective_at = event.block_time
    under = select(PledgedReceiptRow).where(PledgedReceiptRow.pledge_id == event.args["pledgeId"])
    for row in session.exec(under).all():
        row.effective = True


def _let_go(session: Session, event: LedgerEvent) -> None:
    """By release, by delivery of its last piece, or by lapse: the ledger says it once, for all of them."""
    key = (event.args["pledgeId"], event.args["receiptId"])
    session.get_one(PledgedReceiptRow, key).released_at = event.block_time


def _loan_event(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    session.add(
        RecordedLoanEventRow(
            pledge_id=facts["pledgeId"],
            number=facts["index"],
            commitment=facts["commitment"],
            chain=facts["chain"],
            block_number=event.block_number,
            recorded_at=event.block_time,
        )
    )


def _step(column: str) -> Callable[[Session, LedgerEvent], None]:
    def projector(session: Session, event: LedgerEvent) -> None:
        setattr(_pledge(session, event), column, event.block_time)

    return projector


def _pledge(session: Session, event: LedgerEvent) -> PledgeRow:
    return session.get_one(PledgeRow, event.args["pledgeId"])


project: Final = Projection(
    events_of("ReceiptRegistry", {"ReceiptDisencumbered": _let_go})
    | events_of(
        CONTRACT,
        {
            "PledgeEndorsed": _endorsed,
            "PledgeAttorned": _step("attorned_at"),
            "PledgeRegistered": _step("registered_at"),
            "PledgeEffective": _effective,
            "PledgeWithdrawn": _step("withdrawn_at"),
            "PledgeLapsed": _step("lapsed_at"),
            "LoanEventRecorded": _loan_event,
            "LoanClosed": _step("closed_at"),
        },
    )
)
"""Brings pledges, their receipts and their loan events up to an event."""

"""What the ledger's confirmed events do to loans; the follower runs it after receipts and pledges."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlmodel import Session

from backend.chain.rules import LedgerEvent
from backend.clock import Clock, Moment, moment
from backend.errors import WrongState
from backend.loans.actions import ending, pledging, reading
from backend.loans.actions.desk import Desk
from backend.margin.actions import calling, releasing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Following:
    """Carries confirmed events to the loans they concern.

    An event that does not fit its loan changes nothing of it and is logged: the ledger goes on, and so must
    whoever follows it. The three flows are matched elsewhere.
    """

    desk: Desk
    business: Clock
    zone: str

    def project(self, session: Session, event: LedgerEvent) -> None:
        """Record what this event means for a loan of ours, if it means anything."""
        record = _RECORDS.get((event.contract, event.name))
        if record is None:
            return
        try:
            with session.begin_nested():
                record(session, self.desk, event, moment(self.business, self.zone))
        except WrongState as refusal:
            log.warning(
                "ledger_event_does_not_fit", event_name=event.name, code=refusal.code, **refusal.facts
            )


def _effective(session: Session, _desk: Desk, event: LedgerEvent, at: Moment) -> None:
    pledging.record_pledge(session, pledge_id=event.args["pledgeId"], at=at)


def _released(session: Session, desk: Desk, event: LedgerEvent, at: Moment) -> None:
    facts = event.args
    ending.record_released(session, desk, pledge_id=facts["pledgeId"], receipt=facts["receiptId"], at=at)


def _closed(session: Session, _desk: Desk, event: LedgerEvent, at: Moment) -> None:
    ending.record_closed(session, pledge_id=event.args["pledgeId"], at=at)


def _ordered(session: Session, _desk: Desk, event: LedgerEvent, at: Moment) -> None:
    releasing.record_ordered(session, receipt=event.args["receiptId"], mass_kg=event.args["massKg"], at=at)


def _delivered(session: Session, desk: Desk, event: LedgerEvent, at: Moment) -> None:
    receipt = event.args["receiptId"]
    rested = reading.loans_on(session, receipt)
    ending.record_delivered(session, desk, receipt=receipt, remaining_kg=event.args["remainingKg"], at=at)
    for loan_id in rested:
        if reading.loan(session, loan_id).state in calling.REVIEWED:
            calling.review(session, desk, loan_id, at=at)


Record = Callable[[Session, Desk, LedgerEvent, Moment], None]
_RECORDS: Final[dict[tuple[str, str], Record]] = {
    ("PledgeRegistry", "PledgeEffective"): _effective,
    ("PledgeRegistry", "PledgeReleased"): _released,
    ("PledgeRegistry", "LoanClosed"): _closed,
    ("ReceiptRegistry", "ReleaseOrdered"): _ordered,
    ("ReceiptRegistry", "GoodsDelivered"): _delivered,
}

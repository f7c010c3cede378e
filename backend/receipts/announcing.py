"""Announces confirmed receipts and release orders to the bank and the receipt's holder."""

from typing import Final

from sqlmodel import Session

from backend.chain.projecting import Projection, events_of
from backend.chain.rules import LedgerEvent
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.parties.words import bounded, instant, name
from backend.receipts.tables import ReceiptRow


def _issued(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    _announce(
        session,
        event,
        NoticeKind.RECEIPT_ISSUED,
        {
            "site": name(facts["site"]),
            "commodity": name(facts["commodity"]),
            "grade": name(facts["grade"]),
            "mass_kg": bounded(facts["massKg"]),
        },
    )


def _ordered(session: Session, event: LedgerEvent) -> None:
    facts = event.args
    _announce(
        session,
        event,
        NoticeKind.RELEASE_ORDERED,
        {
            "order": facts["orderId"],
            "gate": name(facts["gate"]),
            "mass_kg": bounded(facts["massKg"]),
            "opens_at": instant(facts["opensAt"]).isoformat(),
            "closes_at": instant(facts["closesAt"]).isoformat(),
        },
    )


def _announce(session: Session, event: LedgerEvent, kind: NoticeKind, facts: dict[str, object]) -> None:
    receipt = session.get_one(ReceiptRow, event.args["receiptId"])
    announce(
        session,
        kind,
        organisation=name(receipt.holder),
        subject=f"receipt/{receipt.id}",
        facts={"receipt": receipt.id, **facts},
        at=event.block_time,
    )


project: Final = Projection(
    events_of("ReceiptRegistry", {"ReceiptIssued": _issued, "ReleaseOrdered": _ordered})
)
"""Comes behind the projection of receipts; a replay into an empty database announces to nobody enrolled."""

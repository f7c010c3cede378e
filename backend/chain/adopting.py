"""Take over what the ledger has of our acts and a book that is older than it has not."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from backend.chain.ours import OwnTransaction
from backend.chain.rules import Act, ActState
from backend.chain.tables import act_of, act_row, acts_in, block_row, has_logs_of

FAILED_IN_BLOCK: Final = "FailedInBlock"


@dataclass(frozen=True, slots=True)
class OpenCall:
    """An act that is not known to be done, as it is called."""

    key: str
    signer: str
    contract: str
    function: str
    calldata: bytes


def open_calls(session: Session) -> list[OpenCall]:
    """Acts that are intended or sent, in the order of deciding."""
    return [
        OpenCall(row.key, row.signer, row.contract, row.function, row.calldata)
        for row in acts_in(session, ActState.INTENDED, ActState.SENT)
    ]


def is_intended(session: Session, key: str) -> bool:
    """Whether an act was ever decided under this key."""
    return act_row(session, key) is not None


def adopt(session: Session, key: str, sent: OwnTransaction) -> Act:
    """Keep that an act was this transaction of a final block: confirmed, or refused where it failed there.

    Raises:
        ActUnknown: none was intended under this key.
    """
    row = act_row(session, key)
    if row is not None:
        row.tx_hash, row.block_number = sent.hash, sent.block_number
        row.state = ActState.REFUSED.value if sent.failed else ActState.CONFIRMED.value
        if sent.failed:
            row.refusal, row.refusal_facts = FAILED_IN_BLOCK, {"block": sent.block_number}
        session.flush()
    return act_of(session, key)


def are_followed(
    session: Session, sent: Iterable[OwnTransaction], contracts: Collection[str], tip: tuple[int, bytes]
) -> bool:
    """Whether transactions and the newest final block are of the chain whose logs are kept here."""
    held = block_row(session, tip[0])
    return (held is None or held.hash == tip[1]) and all(
        has_logs_of(session, each.hash, each.block_number)
        for each in sent
        if not each.speakers.isdisjoint(contracts)
    )

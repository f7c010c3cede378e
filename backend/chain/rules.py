"""What the ledger says, in our words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.errors import NotFound, Unavailable, WrongState


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """A confirmed event of a contract. In `args` ids and hashes are bytes, addresses checksummed text."""

    contract: str
    name: str
    args: dict[str, Any]
    block_number: int
    block_hash: bytes
    log_index: int
    tx_hash: bytes
    block_time: datetime


class ActState(StrEnum):
    """How far an act has come; `CONFIRMED` and `REFUSED` are terminal."""

    INTENDED = "intended"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class ActUnknown(NotFound):
    """No act on the ledger was intended under this key."""

    code = "chain.act_unknown"


class ActDiffers(WrongState):
    """Another act was intended under this key; a key stands for one act for all time."""

    code = "chain.act_differs"


class ReorganisedBelowFinality(Unavailable):
    """The ledger took back a block that it had called final; nothing read from it can be relied on."""

    code = "chain.reorganised_below_finality"


class LogsWithheld(Unavailable):
    """The node gives no logs for a block whose header says that there are some."""

    code = "chain.logs_withheld"


class NotConfirmed(Unavailable):
    """The fact is not in a confirmed block, so neither money nor goods may move on it."""

    code = "chain.not_confirmed"


@dataclass(frozen=True, slots=True)
class Act:
    """An act on the ledger: who signs it, what it calls, how far it is; a refusal is a contract's own."""

    key: str
    signer: str
    contract: str
    function: str
    state: ActState
    tx_hash: bytes | None
    refusal: str | None
    refusal_facts: dict[str, Any]

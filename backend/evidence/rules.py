"""When a statement is taken, held or refused, and when a head is what its log says. No database, no chain."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.errors import Forbidden, Invalid, NotFound, Unavailable, WrongState


class SiteDiffers(Invalid):
    """The message names another site than the statement inside it."""

    code = "evidence.site_differs"


class DeviceElsewhere(Forbidden):
    """The device is enrolled at another site than the one it speaks for."""

    code = "evidence.device_elsewhere"


class SignatureNotByDevice(Forbidden):
    """The signature is not by the key that the registry gives for this device and epoch."""

    code = "evidence.signature_not_by_device"


class KeyRevoked(Forbidden):
    """The key had been revoked before the newest block that the statement knows of."""

    code = "evidence.key_revoked"


class StatementMalformed(Invalid):
    """The bytes are not a statement: header, signature or body is not of its one form."""

    code = "evidence.statement_malformed"


class BodyDiffers(Invalid):
    """The body is not the one that the signed header commits to."""

    code = "evidence.body_differs"


class SequenceReused(WrongState):
    """The device signed another statement under this sequence number: it says two things at once."""

    code = "evidence.sequence_reused"


class IndexReused(WrongState):
    """The site's log holds another statement at this index: two views of one log are going round."""

    code = "evidence.index_reused"


class IndexMoved(WrongState):
    """The statement was taken at another index of the log before; a log holds it once."""

    code = "evidence.index_moved"


class ChainBroken(WrongState):
    """The statement does not follow its device's previous one, or the next one does not follow it."""

    code = "evidence.chain_broken"


class MediaUnknown(NotFound):
    """The statement names no medium of this SHA-256, or it has not reached the store."""

    code = "evidence.media_unknown"


class StatementUnknown(NotFound):
    """No statement of this id was taken."""

    code = "evidence.statement_unknown"


class NotYetWitnessed(Unavailable):
    """No witnessed head of the site's log covers this statement, so nothing can be built on it yet."""

    code = "evidence.not_yet_witnessed"


class MovementMissing(Unavailable):
    """No creditable movement of this piece is known; nothing is claimed for goods nobody saw move."""

    code = "evidence.movement_missing"


class GapUnknown(NotFound):
    """No statements of this device are missing in that range."""

    code = "evidence.gap_unknown"


class MirrorsDisagree(Unavailable):
    """Two programs derive different roots from the bank's own bytes, so the bank vouches for neither."""

    code = "evidence.mirrors_disagree"


class LogNotOpened(Unavailable):
    """The ledger does not show a log of this site as opened yet."""

    code = "evidence.log_not_opened"


class Outcome(StrEnum):
    """What became of a statement that was not refused."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    HELD = "held"


class HeadVerdict(StrEnum):
    """What the mirror says of an anchored head. `EQUAL` and the contradictions are terminal."""

    PENDING = "pending"
    EQUAL = "equal"
    ROOT_CONTRADICTED = "root_contradicted"
    BEACON_CONTRADICTED = "beacon_contradicted"


class FindingKind(StrEnum):
    """What was found about a device or a log, apart from what the statements say."""

    EQUIVOCATION = "equivocation"
    SPLIT_VIEW = "split_view"
    CHAIN_BROKEN = "chain_broken"
    GAP = "gap"
    LEAVES_WITHHELD = "leaves_withheld"
    ROOT_CONTRADICTED = "root_contradicted"
    BEACON_CONTRADICTED = "beacon_contradicted"
    GENESIS_CONTRADICTED = "genesis_contradicted"


@dataclass(frozen=True, slots=True)
class Observed:
    """A taken statement as other capabilities see it; `fields` are its typed body's, media and salt apart."""

    id: bytes
    site: bytes
    device: bytes
    key_epoch: int
    seq: int
    kind: str
    subject: bytes
    quantity: int
    beacon_block: int
    seen_at_ms: int
    log_epoch: int
    log_index: int
    linked: bool
    received_at: datetime
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequence numbers of a device that are missing before statements which are held for it."""

    device: bytes
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message; `gap` says what a held statement waits for, `freed` what it let go."""

    outcome: Outcome
    statement: Observed
    gap: Gap | None = None
    freed: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found about a device or log; `key` is the same whenever the same thing is found again."""

    kind: FindingKind
    key: str
    site: bytes
    device: bytes | None
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beacon:
    """A confirmed block of the ledger, as far as statements refer to it."""

    number: int
    hash: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is known of a statement's place in its device's chain.

    `before` is the id one below it, `before_linked` whether that one is linked, `bridged` whether a gap that
    ends one below it is declared, and `after_prev` what the statement one above calls its previous one.
    """

    before: bytes | None
    before_linked: bool
    bridged: bool
    after_prev: bytes | None


def is_linked(seq: int, prev: bytes, statement_id: bytes, around: Neighbours) -> bool:
    """Whether the statement hangs on its device's chain; False means that it is held.

    Raises:
        ChainBroken: it contradicts a neighbour that is there.
    """
    if seq == 1 and any(prev):
        raise ChainBroken(seq=seq, prev="0x" + prev.hex(), expected="0x" + bytes(32).hex())
    if around.before is not None and around.before != prev:
        raise ChainBroken(seq=seq, prev="0x" + prev.hex(), expected="0x" + around.before.hex())
    if around.after_prev is not None and around.after_prev != statement_id:
        raise ChainBroken(seq=seq, id="0x" + statement_id.hex(), next_says="0x" + around.after_prev.hex())
    return seq == 1 or around.before_linked or around.bridged

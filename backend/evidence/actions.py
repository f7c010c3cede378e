"""Take statements from the edge: each is checked whole, stored once, and held where one before it is missing.

A refusal leaves nothing behind; its message is put aside in a unit of work of its own.
"""

from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from backend.db import to_hex
from backend.evidence.mirror import grow, tree_of
from backend.evidence.rules import (
    BodyDiffers,
    ChainBroken,
    DeviceElsewhere,
    Gap,
    GapUnknown,
    IndexMoved,
    IndexReused,
    KeyRevoked,
    Observed,
    Outcome,
    SequenceReused,
    SignatureNotByDevice,
    SiteDiffers,
    StatementMalformed,
    Taken,
    is_linked,
)
from backend.evidence.tables import (
    DeclaredGapRow,
    SiteLogRow,
    StatementRow,
    current_log,
    gaps_of,
    last_received,
    neighbours,
    observed,
    row_at_index,
    row_at_seq,
    statement_row,
)
from backend.parties import actions as parties
from iot_bridge.evidence.body import require_body
from iot_bridge.evidence.errors import BodyHashDiffers, EvidenceRefused, MessageSiteDiffers
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import (
    EvidenceDomain,
    SignedStatement,
    name32,
    recover,
    statement_id,
)

FIRST_EPOCH: Final = 1
LARGEST: Final = 2**63 - 1


def take_statement(
    session: Session, message: StatementMessage, *, domain: EvidenceDomain, now: datetime
) -> Taken:
    """Store what a device said, or say that it was stored before, or hold it behind what is missing.

    Args:
        session: the unit of work of this one message.
        message: as it came; nothing in it is believed.
        domain: of the ledger on which the devices are enrolled.
        now: wall-clock time of arrival.

    Raises:
        StatementMalformed: the bytes are not a statement and its body.
        SiteDiffers: the message speaks for another site than the statement.
        DeviceUnknown: no confirmed event enrolled the device.
        KeyEpochUnknown: it has no key of that epoch.
        DeviceElsewhere: it is enrolled at another site.
        SignatureNotByDevice: the signature is not by that key.
        KeyRevoked: the key was revoked before the newest block the statement knows of.
        BodyDiffers: the body is not the one the header commits to.
        IndexMoved: the statement was taken at another index of the log.
        SequenceReused: the device said something else under this sequence number.
        IndexReused: the log holds something else at this index.
        ChainBroken: it contradicts the statement before or after it.
    """
    # 1. The bytes are a statement of the site that the message names.
    signed, index = _parsed(message)
    # 2. A confirmed key of a device of that site signed it.
    _require_signed_by_device(session, signed, domain)
    # 3. The body is the signed one, and of its kind's form.
    _require_body(signed, message.body)
    # 4. Said before: once is enough.
    epoch = _epoch(session, signed)
    known = session.get(StatementRow, statement_id(signed.statement))
    if known is not None:
        _require_same_place(known, signed, index)
        return Taken(Outcome.DUPLICATE, observed(known))
    # 5. Its sequence number and its index are nobody else's, and it follows what came before.
    _require_free(session, signed, epoch, index)
    linked = _linked(session, signed)
    # 6. Store it, let go what waited for it, and grow the mirror.
    row = _row(signed, message.body, place=(epoch, index), now=now)
    row.linked = linked
    session.add(row)
    session.flush()
    freed = _let_go_after(session, row) if linked else 0
    _grow_mirror(session, row)
    if linked:
        return Taken(Outcome.STORED, observed(row), freed=freed)
    return Taken(Outcome.HELD, observed(row), gap=_gap_before(session, row))


def statement(session: Session, statement_id: bytes) -> Observed:
    """The statement as taken.

    Raises:
        StatementUnknown: none of this id was.
    """
    return observed(statement_row(session, statement_id))


def mirrored_size(session: Session, site: bytes) -> int:
    """How much of a site's newest log is here without a hole; 0 where the ledger shows none."""
    log = current_log(session, site)
    return 0 if log is None else log.size


def heard_at(session: Session) -> datetime | None:
    """When a device was last heard; None before the first statement."""
    return last_received(session)


def gaps(session: Session, device: bytes | None = None) -> list[Gap]:
    """What is missing before held statements and was not declared lost; of one device or of all."""
    return gaps_of(session, device)


def declare_gap(session: Session, gap: Gap, *, reason: str, declared_by: str, now: datetime) -> int:
    """Declare missing statements lost, by a person with a reason; how many held ones that lets go.

    Raises:
        GapUnknown: exactly this gap is not open.
    """
    if gap not in gaps_of(session, gap.device):
        raise GapUnknown(device=to_hex(gap.device), first_seq=gap.first_seq, last_seq=gap.last_seq)
    session.add(
        DeclaredGapRow(
            device=gap.device,
            first_seq=gap.first_seq,
            last_seq=gap.last_seq,
            reason=reason,
            declared_by=declared_by,
            declared_at=now,
        )
    )
    after = row_at_seq(session, gap.device, gap.last_seq + 1)
    if after is None:
        return 0
    after.linked = True
    return 1 + _let_go_after(session, after)


def vouched_head(session: Session, said: Observed) -> dict[str, Any]:
    """Size and root of the mirror where it covers the statement without a hole; zeros while it does not."""
    log = session.get(SiteLogRow, (said.site, said.log_epoch))
    if log is None or log.size <= said.log_index:
        return {"size": 0, "root": bytes(32)}
    return {"size": log.size, "root": tree_of(session, log).root()}


def _parsed(message: StatementMessage) -> tuple[SignedStatement, int]:
    try:
        signed = message.signed()
    except MessageSiteDiffers as error:
        raise SiteDiffers(**error.facts) from error
    except EvidenceRefused as error:
        raise StatementMalformed(why=error.code, **error.facts) from error
    if message.index is None:
        raise StatementMalformed(why="no place in the log")
    said = signed.statement
    beyond = {
        name: value
        for name, value in (
            ("seq", said.seq),
            ("quantity", said.quantity),
            ("beacon_block", said.beacon_block),
            ("seen_at_ms", said.seen_at_ms),
        )
        if value > LARGEST
    }
    if beyond:
        raise StatementMalformed(why="a number beyond any sense", **beyond)
    return signed, message.index


def _require_signed_by_device(session: Session, signed: SignedStatement, domain: EvidenceDomain) -> None:
    said = signed.statement
    device = parties.device(session, name32(said.device))
    if device.site != name32(said.site):
        raise DeviceElsewhere(device=said.device, enrolled_at=to_hex(device.site), speaks_for=said.site)
    key = parties.key_of(session, device.device, said.key_epoch)
    try:
        signer = recover(signed, domain)
    except EvidenceRefused as error:
        raise SignatureNotByDevice(device=said.device, seq=said.seq, why=error.code) from error
    if signer != key.address:
        raise SignatureNotByDevice(device=said.device, key_epoch=said.key_epoch, seq=said.seq, signer=signer)
    if key.revoked_at_block is not None and key.revoked_at_block <= said.beacon_block:
        raise KeyRevoked(device=said.device, key_epoch=said.key_epoch, revoked_at_block=key.revoked_at_block)


def _require_body(signed: SignedStatement, body: str) -> None:
    said = signed.statement
    try:
        require_body(said, body)
    except BodyHashDiffers as error:
        raise BodyDiffers(device=said.device, seq=said.seq, **error.facts) from error
    except EvidenceRefused as error:
        raise StatementMalformed(device=said.device, seq=said.seq, why=error.code, **error.facts) from error


def _epoch(session: Session, signed: SignedStatement) -> int:
    log = current_log(session, name32(signed.statement.site))
    return log.epoch if log is not None else FIRST_EPOCH


def _where(signed: SignedStatement) -> dict[str, Any]:
    """The facts by which a refusal is found again: whose statement, and which."""
    said = signed.statement
    return {
        "site": to_hex(name32(said.site)),
        "device": to_hex(name32(said.device)),
        "seq": said.seq,
        "statement": to_hex(statement_id(said)),
    }


def _require_same_place(known: StatementRow, signed: SignedStatement, index: int) -> None:
    if known.log_index != index:
        raise IndexMoved(**_where(signed), index=index, taken_at=known.log_index)
    if known.entry != signed.entry():
        raise IndexReused(**_where(signed), index=index, held=to_hex(known.leaf))


def _require_free(session: Session, signed: SignedStatement, epoch: int, index: int) -> None:
    said = signed.statement
    held = row_at_seq(session, name32(said.device), said.seq)
    if held is not None:
        raise SequenceReused(**_where(signed), held=to_hex(held.id))
    there = row_at_index(session, name32(said.site), epoch, index)
    if there is not None:
        raise IndexReused(**_where(signed), index=index, held=to_hex(there.id))


def _linked(session: Session, signed: SignedStatement) -> bool:
    said = signed.statement
    around = neighbours(session, name32(said.device), said.seq)
    try:
        return is_linked(said.seq, said.prev, statement_id(said), around)
    except ChainBroken as broken:
        raise ChainBroken(**_where(signed) | broken.facts) from None


def _row(signed: SignedStatement, body: str, *, place: tuple[int, int], now: datetime) -> StatementRow:
    said, entry = signed.statement, signed.entry()
    return StatementRow(
        id=statement_id(said),
        site=name32(said.site),
        device=name32(said.device),
        key_epoch=said.key_epoch,
        seq=said.seq,
        prev=said.prev,
        kind=said.kind,
        subject=said.subject,
        quantity=said.quantity,
        seen_at_ms=said.seen_at_ms,
        beacon_block=said.beacon_block,
        beacon_hash=said.beacon_hash,
        entry=entry,
        leaf=signed.leaf(),
        log_epoch=place[0],
        log_index=place[1],
        linked=False,
        body=body,
        received_at=now,
    )


def _let_go_after(session: Session, row: StatementRow) -> int:
    """Link the held statements that follow without a hole; how many."""
    freed, last = 0, row
    while (
        (following := row_at_seq(session, last.device, last.seq + 1)) is not None
        and not following.linked
        and following.prev == last.id
    ):
        following.linked = True
        freed, last = freed + 1, following
    session.flush()
    return freed


def _gap_before(session: Session, row: StatementRow) -> Gap | None:
    """The gap that a held statement waits for, which may lie further down its chain."""
    return next((gap for gap in reversed(gaps_of(session, row.device)) if gap.last_seq < row.seq), None)


def _grow_mirror(session: Session, row: StatementRow) -> None:
    """Add to the mirror every leaf that now follows without a hole."""
    log = session.get(SiteLogRow, (row.site, row.log_epoch))
    if log is not None:
        grow(session, log)

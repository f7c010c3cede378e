"""Statements, logs, heads and findings as rows, and the queries on them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, Text, UniqueConstraint, text, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, SQLModel, col, exists, func, select

from backend.db import BigInt, HexId, UtcDateTime
from backend.evidence.rules import FindingKind, Gap, HeadVerdict, Neighbours, Observed, StatementUnknown


class StatementRow(SQLModel, table=True):
    """A statement that was taken: its bytes, its place in its device's chain and in its site's log.

    `linked` is False while it is held; a held statement supports nothing.
    """

    __tablename__ = "statement"
    __table_args__ = (
        UniqueConstraint("device", "seq"),
        UniqueConstraint("site", "log_epoch", "log_index"),
        Index("ix_statement_subject", "site", "kind", "subject"),
        Index(
            "ix_statement_held",
            "device",
            "seq",
            sqlite_where=text("NOT linked"),
            postgresql_where=text("NOT linked"),
        ),
    )

    id: bytes = Field(primary_key=True, sa_type=HexId)
    site: bytes = Field(sa_type=HexId)
    device: bytes = Field(sa_type=HexId)
    key_epoch: int
    seq: int = Field(sa_type=BigInt)
    prev: bytes = Field(sa_type=HexId)
    kind: str = Field(max_length=32)
    subject: bytes = Field(sa_type=HexId)
    quantity: int = Field(sa_type=BigInt)
    seen_at_ms: int = Field(sa_type=BigInt)
    beacon_block: int = Field(sa_type=BigInt)
    beacon_hash: bytes = Field(sa_type=HexId)
    log_epoch: int = Field(sa_type=BigInt)
    log_index: int = Field(sa_type=BigInt)
    entry: bytes = Field(sa_type=LargeBinary)
    leaf: bytes = Field(sa_type=HexId)
    body: str = Field(sa_type=Text)
    linked: bool
    received_at: datetime = Field(sa_type=UtcDateTime)


class DeclaredGapRow(SQLModel, table=True):
    """Missing sequence numbers that a person has declared lost, and why; what follows is let go."""

    __tablename__ = "declared_gap"

    device: bytes = Field(primary_key=True, sa_type=HexId)
    last_seq: int = Field(primary_key=True, sa_type=BigInt)
    first_seq: int = Field(sa_type=BigInt)
    reason: str
    declared_by: str = Field(max_length=32)
    declared_at: datetime = Field(sa_type=UtcDateTime)


class SiteLogRow(SQLModel, table=True):
    """The bank's mirror of one site's log: its genesis leaf, and how much of it is here without a hole."""

    __tablename__ = "site_log"

    site: bytes = Field(primary_key=True, sa_type=HexId)
    epoch: int = Field(primary_key=True, sa_type=BigInt)
    genesis: bytes = Field(sa_type=HexId)
    size: int = Field(sa_type=BigInt)


class LogNodeRow(SQLModel, table=True):
    """One full subtree of a mirrored log: its height above the leaves, and its place among those."""

    __tablename__ = "log_node"

    site: bytes = Field(primary_key=True, sa_type=HexId)
    epoch: int = Field(primary_key=True, sa_type=BigInt)
    height: int = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInt)
    hash: bytes = Field(sa_type=HexId)


class HeadRow(SQLModel, table=True):
    """A head that was anchored, what the mirror says of it, and whether an opposed party witnessed it."""

    __tablename__ = "head"
    __table_args__ = (Index("ix_head_verdict", "verdict"),)

    site: bytes = Field(primary_key=True, sa_type=HexId)
    epoch: int = Field(primary_key=True, sa_type=BigInt)
    size: int = Field(primary_key=True, sa_type=BigInt)
    root: bytes = Field(sa_type=HexId)
    anchored_at_block: int = Field(sa_type=BigInt)
    anchored_at: datetime = Field(sa_type=UtcDateTime)
    verdict: str = Field(max_length=32)
    witnessed_at_block: int | None = Field(default=None, sa_type=BigInt)


class BeaconRow(SQLModel, table=True):
    """A confirmed block that statements under a judged head know of, as the ledger has it."""

    __tablename__ = "beacon"

    number: int = Field(primary_key=True, sa_type=BigInt)
    hash: bytes = Field(sa_type=HexId)
    at: datetime = Field(sa_type=UtcDateTime)


class SpentRow(SQLModel, table=True):
    """A statement that the ledger has spent; it proves nothing more there."""

    __tablename__ = "spent_statement"

    id: bytes = Field(primary_key=True, sa_type=HexId)
    block_number: int = Field(sa_type=BigInt)


class FindingRow(SQLModel, table=True):
    """Something found about a device or a log, once, with the bytes that prove it where there are any."""

    __tablename__ = "finding"

    key: str = Field(primary_key=True, max_length=200)
    kind: str = Field(max_length=32, index=True)
    site: bytes = Field(sa_type=HexId)
    device: bytes | None = Field(default=None, sa_type=HexId, index=True)
    facts: dict[str, Any] = Field(sa_type=JSON)
    proof: bytes | None = Field(default=None, sa_type=LargeBinary)
    found_at: datetime = Field(sa_type=UtcDateTime)


class QuarantineRow(SQLModel, table=True):
    """A message that was refused, by the SHA-256 of its bytes, with the reason; kept, never acted on."""

    __tablename__ = "quarantine"

    sha256: bytes = Field(primary_key=True, sa_type=HexId)
    topic: str
    payload: bytes = Field(sa_type=LargeBinary)
    code: str = Field(max_length=64)
    facts: dict[str, Any] = Field(sa_type=JSON)
    first_at: datetime = Field(sa_type=UtcDateTime)
    times: int


def observed(row: StatementRow) -> Observed:
    """The row as other capabilities see it."""
    body = json.loads(row.body)
    return Observed(
        id=row.id,
        site=row.site,
        device=row.device,
        key_epoch=row.key_epoch,
        seq=row.seq,
        kind=row.kind,
        subject=row.subject,
        quantity=row.quantity,
        beacon_block=row.beacon_block,
        seen_at_ms=row.seen_at_ms,
        log_epoch=row.log_epoch,
        log_index=row.log_index,
        linked=row.linked,
        received_at=row.received_at,
        fields={name: value for name, value in body.items() if name not in ("media", "salt")},
    )


def statement_row(session: Session, statement_id: bytes) -> StatementRow:
    """The statement.

    Raises:
        StatementUnknown: none of this id was taken.
    """
    row = session.get(StatementRow, statement_id)
    if row is None:
        raise StatementUnknown(statement="0x" + statement_id.hex())
    return row


def last_received(session: Session) -> datetime | None:
    """When the newest statement was taken; None before the first."""
    return session.exec(select(func.max(StatementRow.received_at))).one()


def row_at_seq(session: Session, device: bytes, seq: int) -> StatementRow | None:
    """What the device said under this sequence number."""
    found = select(StatementRow).where(StatementRow.device == device, StatementRow.seq == seq)
    return session.exec(found).first()


def row_at_index(session: Session, site: bytes, epoch: int, index: int) -> StatementRow | None:
    """What stands at this index of the site's log."""
    found = select(StatementRow).where(
        StatementRow.site == site, StatementRow.log_epoch == epoch, StatementRow.log_index == index
    )
    return session.exec(found).first()


def neighbours(session: Session, device: bytes, seq: int) -> Neighbours:
    """What is known on both sides of a place in the device's chain."""
    before, after = row_at_seq(session, device, seq - 1), row_at_seq(session, device, seq + 1)
    return Neighbours(
        before=before.id if before else None,
        before_linked=bool(before and before.linked),
        bridged=session.get(DeclaredGapRow, (device, seq - 1)) is not None,
        after_prev=after.prev if after else None,
    )


def gaps_of(session: Session, device: bytes | None = None) -> list[Gap]:
    """The undeclared gaps, of one device or of all: each ends right before a held statement."""
    before, lower = aliased(StatementRow), aliased(StatementRow)
    last_below = (
        select(func.max(lower.seq))
        .where(col(lower.device) == StatementRow.device, col(lower.seq) < StatementRow.seq)
        .correlate(StatementRow)
        .scalar_subquery()
    )
    held = select(StatementRow.device, StatementRow.seq, last_below).where(
        col(StatementRow.linked).is_(False),
        ~exists().where(col(before.device) == StatementRow.device, col(before.seq) == StatementRow.seq - 1),
        ~exists().where(
            col(DeclaredGapRow.device) == StatementRow.device,
            col(DeclaredGapRow.last_seq) == StatementRow.seq - 1,
        ),
    )
    if device is not None:
        held = held.where(StatementRow.device == device)
    rows = session.exec(held.order_by(col(StatementRow.device), col(StatementRow.seq))).all()
    return [Gap(dev, 1 if below is None else below + 1, seq - 1) for dev, seq, below in rows]


def entries(session: Session, site: bytes, epoch: int, size: int) -> list[bytes]:
    """The stored entries at indices 1 … size - 1, in order; shorter where some are missing."""
    found = (
        select(StatementRow.entry)
        .where(
            StatementRow.site == site,
            StatementRow.log_epoch == epoch,
            col(StatementRow.log_index) < size,
        )
        .order_by(col(StatementRow.log_index))
    )
    return list(session.exec(found).all())


def current_log(session: Session, site: bytes) -> SiteLogRow | None:
    """The site's log of the newest epoch that the ledger shows as opened."""
    found = select(SiteLogRow).where(SiteLogRow.site == site).order_by(col(SiteLogRow.epoch).desc())
    return session.exec(found).first()


def latest_witnessed(session: Session, site: bytes) -> HeadRow | None:
    """The newest head of the site that an opposed party has witnessed, in its newest epoch."""
    found = (
        select(HeadRow)
        .where(HeadRow.site == site, col(HeadRow.witnessed_at_block).is_not(None))
        .order_by(col(HeadRow.epoch).desc(), col(HeadRow.size).desc())
    )
    return session.exec(found).first()


def latest_equal(session: Session, site: bytes) -> HeadRow | None:
    """The newest head of the site, in its newest epoch, that the mirror has found equal."""
    found = (
        select(HeadRow)
        .where(HeadRow.site == site, HeadRow.verdict == HeadVerdict.EQUAL)
        .order_by(col(HeadRow.epoch).desc(), col(HeadRow.size).desc())
    )
    return session.exec(found).first()


def head_over(session: Session, row: StatementRow) -> HeadRow | None:
    """The newest head that covers the statement and that the mirror found equal, a witnessed one first."""
    found = (
        select(HeadRow)
        .where(
            HeadRow.site == row.site,
            HeadRow.epoch == row.log_epoch,
            HeadRow.size > row.log_index,
            HeadRow.verdict == HeadVerdict.EQUAL,
        )
        .order_by(col(HeadRow.witnessed_at_block).is_(None), col(HeadRow.size).desc())
    )
    return session.exec(found).first()


def movements_after(
    session: Session, about: tuple[bytes, tuple[str, ...], bytes | None], after: tuple[int, int], limit: int
) -> Sequence[StatementRow]:
    """Statements of a site, of these kinds, of one subject or of all for None, behind a place of its log."""
    site, kinds, subject = about
    place = tuple_(col(StatementRow.log_epoch), col(StatementRow.log_index))
    found = select(StatementRow).where(
        StatementRow.site == site, col(StatementRow.kind).in_(kinds), place > tuple_(*after)
    )
    if subject is not None:
        found = found.where(StatementRow.subject == subject)
    order = (col(StatementRow.log_epoch), col(StatementRow.log_index))
    return session.exec(found.order_by(*order).limit(limit)).all()


def rows_about(session: Session, site: bytes, kind: str, subject: bytes) -> Sequence[StatementRow]:
    """Statements of this kind about this subject at this site, newest in the log first."""
    found = (
        select(StatementRow)
        .where(StatementRow.site == site, StatementRow.kind == kind, StatementRow.subject == subject)
        .order_by(col(StatementRow.log_epoch).desc(), col(StatementRow.log_index).desc())
    )
    return session.exec(found).all()


def rows_since(session: Session, site: bytes, kind: str, since: datetime) -> Sequence[StatementRow]:
    """Statements of this kind at this site that were taken since then."""
    found = select(StatementRow).where(
        StatementRow.site == site, StatementRow.kind == kind, col(StatementRow.received_at) >= since
    )
    return session.exec(found).all()


def watchful_row(session: Session, head: HeadRow, device: bytes) -> StatementRow | None:
    """The device's last linked statement under this head."""
    found = (
        select(StatementRow)
        .where(
            StatementRow.device == device,
            StatementRow.log_epoch == head.epoch,
            col(StatementRow.log_index) < head.size,
            col(StatementRow.linked).is_(True),
        )
        .order_by(col(StatementRow.seq).desc())
    )
    return session.exec(found).first()


def is_disputed(session: Session, device: bytes) -> bool:
    """Whether the device was ever found to say two things at once, or to break its own chain."""
    found = select(FindingRow).where(
        FindingRow.device == device,
        col(FindingRow.kind).in_((FindingKind.EQUIVOCATION.value, FindingKind.CHAIN_BROKEN.value)),
    )
    return session.exec(found).first() is not None


def beacon_time(session: Session, number: int) -> datetime:
    """When the block was sealed that a statement under an equal head knows of."""
    return session.get_one(BeaconRow, number).at


def pending_heads(session: Session, site: bytes | None = None) -> Sequence[HeadRow]:
    """Heads on which the mirror has not spoken yet, oldest first."""
    found = select(HeadRow).where(HeadRow.verdict == HeadVerdict.PENDING)
    if site is not None:
        found = found.where(HeadRow.site == site)
    return session.exec(found.order_by(col(HeadRow.site), col(HeadRow.epoch), col(HeadRow.size))).all()


def beacons_between(
    session: Session, site: bytes, epoch: int, first: int, end: int
) -> Sequence[tuple[int, bytes]]:
    """Each block that the statements at indices first … end - 1 know of, with the hash they know."""
    found = (
        select(StatementRow.beacon_block, StatementRow.beacon_hash)
        .where(
            StatementRow.site == site,
            StatementRow.log_epoch == epoch,
            col(StatementRow.log_index) >= first,
            col(StatementRow.log_index) < end,
        )
        .distinct()
    )
    return session.exec(found).all()

"""Taken statements as an auditor needs them: the bytes, and the way from each leaf to a witnessed head."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session

from backend.db import from_hex, to_hex
from backend.evidence.mirror import tree_of
from backend.evidence.rules import NotYetWitnessed, StatementUnknown
from backend.evidence.tables import (
    HeadRow,
    SiteLogRow,
    StatementRow,
    head_over,
    latest_witnessed,
    observed,
    row_at_index,
    statement_row,
)

MOVEMENTS: Final = frozenset({"movement.in", "movement.out"})


@dataclass(frozen=True, slots=True)
class Proved:
    """A statement as it stands in its site's log, under the newest witnessed head (size, root)."""

    site: bytes
    entry: bytes
    body: str
    epoch: int
    index: int
    size: int
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Anchored:
    """A head as the ledger has it: the blocks in which it was anchored, and witnessed where it was."""

    epoch: int
    size: int
    root: bytes
    anchored_at: datetime
    anchored_at_block: int
    witnessed_at_block: int | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A taken statement where it stands, with its body's text, and the way to the newest head over it.

    Attributes:
        held: a statement of its device before it is missing, so it supports nothing.
        head: None while no head over it was found equal; a witnessed one comes first.
        path: from the leaf to the head's root.
        rests_on: statements that a movement rests on.
    """

    id: bytes
    site: bytes
    device: bytes
    kind: str
    seq: int
    quantity: int
    seen_at_ms: int
    beacon_block: int
    received_at: datetime
    held: bool
    entry: bytes
    body: str
    epoch: int
    index: int
    head: Anchored | None
    path: tuple[bytes, ...]
    rests_on: tuple[bytes, ...]


def statement_at(session: Session, site: bytes, epoch: int, index: int) -> bytes:
    """The statement at that place of a site's log, by its id.

    Raises:
        StatementUnknown: none was taken there.
    """
    row = row_at_index(session, site, epoch, index)
    if row is None:
        raise StatementUnknown(site=to_hex(site), epoch=epoch, index=index)
    return row.id


def placed(session: Session, statement_id: bytes) -> Placed:
    """A statement where it stands, proved as far as it can be by now.

    Raises:
        StatementUnknown: it was never taken.
    """
    row = statement_row(session, statement_id)
    head, said = head_over(session, row), observed(row)
    rests_on = said.fields["rests_on"] if row.kind in MOVEMENTS else ()
    return Placed(
        id=row.id,
        site=row.site,
        device=row.device,
        kind=row.kind,
        seq=row.seq,
        quantity=row.quantity,
        seen_at_ms=row.seen_at_ms,
        beacon_block=row.beacon_block,
        received_at=row.received_at,
        held=not row.linked,
        entry=row.entry,
        body=row.body,
        epoch=row.log_epoch,
        index=row.log_index,
        head=None if head is None else _anchored(head),
        path=() if head is None else _path(session, row, head.size),
        rests_on=tuple(from_hex(each) for each in rests_on),
    )


def _anchored(head: HeadRow) -> Anchored:
    return Anchored(
        head.epoch, head.size, head.root, head.anchored_at, head.anchored_at_block, head.witnessed_at_block
    )


def _path(session: Session, row: StatementRow, size: int) -> tuple[bytes, ...]:
    log = session.get_one(SiteLogRow, (row.site, row.log_epoch))
    return tuple(tree_of(session, log).inclusion_proof(row.log_index, size))


def proved_with_support(session: Session, statement_ids: Iterable[bytes]) -> list[Proved]:
    """These statements and all that the movements among them rest on, by place in their logs.

    Raises:
        StatementUnknown: one of them was never taken.
        NotYetWitnessed: no witnessed head covers one of them yet.
    """
    rows: dict[bytes, StatementRow] = {}
    wanted = list(statement_ids)
    while wanted:
        row = statement_row(session, wanted.pop())
        rows[row.id] = row
        if row.kind in MOVEMENTS:
            rests_on = (from_hex(each) for each in observed(row).fields["rests_on"])
            wanted += [each for each in rests_on if each not in rows]
    found = [_proved(session, row) for row in rows.values()]
    return sorted(found, key=lambda each: (each.site, each.epoch, each.index))


def _proved(session: Session, row: StatementRow) -> Proved:
    head = latest_witnessed(session, row.site)
    if head is None or row.log_epoch != head.epoch or row.log_index >= head.size:
        size = 0 if head is None else head.size
        raise NotYetWitnessed(statement=to_hex(row.id), index=row.log_index, witnessed_size=size)
    return Proved(
        site=row.site,
        entry=row.entry,
        body=row.body,
        epoch=row.log_epoch,
        index=row.log_index,
        size=head.size,
        root=head.root,
        path=_path(session, row, head.size),
    )

"""Taken statements as an auditor needs them: the bytes, and the way from each leaf to a witnessed head."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from backend.db import from_hex, to_hex
from backend.evidence.mirror import tree_of
from backend.evidence.rules import NotYetWitnessed
from backend.evidence.tables import SiteLogRow, StatementRow, latest_witnessed, observed, statement_row

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
    log = session.get_one(SiteLogRow, (row.site, row.log_epoch))
    return Proved(
        site=row.site,
        entry=row.entry,
        body=row.body,
        epoch=row.log_epoch,
        index=row.log_index,
        size=head.size,
        root=head.root,
        path=tuple(tree_of(session, log).inclusion_proof(row.log_index, head.size)),
    )

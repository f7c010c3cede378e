"""What devices said about pieces of goods, in the order of their site's log, for those who look at it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from backend.db import from_hex
from backend.evidence.rules import Observed
from backend.evidence.support import MOVEMENT_IN, MOVEMENT_OUT
from backend.evidence.tables import StatementRow, head_over, observed, rows_about

MOVEMENTS: Final = (MOVEMENT_IN, MOVEMENT_OUT)
Place = tuple[int, int]
"""Epoch and index in the site's log."""


@dataclass(frozen=True, slots=True)
class Told:
    """A statement with the media that it names, and how far it is proved."""

    said: Observed
    media: Sequence[Mapping[str, Any]]
    anchored_at_block: int | None
    witnessed: bool

    @property
    def place(self) -> Place:
        """Where it stands in its site's log."""
        return self.said.log_epoch, self.said.log_index


def told_of(
    session: Session,
    site: bytes,
    pieces: Collection[bytes],
    *,
    also: Collection[bytes] = (),
    before: Place | None = None,
    limit: int,
) -> list[Told]:
    """The movements of these pieces with the statements they rest on, newest in the log first.

    Args:
        session: the unit of work.
        site: whose log it is.
        pieces: fingerprints.
        also: further statements, by id; those of another site are left out.
        before: only what stands before this place.
        limit: how many at most.
    """
    found: dict[bytes, StatementRow] = {}
    for piece in pieces:
        for kind in MOVEMENTS:
            for row in rows_about(session, site, kind, piece):
                found[row.id] = row
    rests_on = [from_hex(each) for row in found.values() for each in observed(row).fields["rests_on"]]
    for each in {*rests_on, *also} - found.keys():
        row_behind = session.get(StatementRow, each)
        if row_behind is not None and row_behind.site == site:
            found[row_behind.id] = row_behind
    rows = [row for row in found.values() if before is None or (row.log_epoch, row.log_index) < before]
    rows.sort(key=lambda row: (row.log_epoch, row.log_index), reverse=True)
    return [_told(session, row) for row in rows[:limit]]


def _told(session: Session, row: StatementRow) -> Told:
    head = head_over(session, row)
    return Told(
        observed(row),
        json.loads(row.body).get("media", []),
        None if head is None else head.anchored_at_block,
        head is not None and head.witnessed_at_block is not None,
    )

"""What a person looks at in a site's log: what each device said last, what came last, what a piece weighed.

It shows what was said, held statements too and marked so; what supports a claim is decided elsewhere.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from backend.db import from_hex
from backend.evidence.rules import Observed
from backend.evidence.support import MOVEMENT_IN, MOVEMENT_OUT
from backend.evidence.tables import StatementRow, observed, rows_about

CROSSING: Final = "gate.crossing"
HEALTH: Final = "device.health"
LIVENESS: Final = "liveness.seen"
SEAL: Final = "seal.state"
COUNTED: Final = ("bay.count", "bay.mass")
LOOKED_BACK: Final = 200
"""How many crossings of a camera are looked at for its counts and its newest still."""
MOST_COUNTS: Final = 500
MOST_BEHIND: Final = 20


@dataclass(frozen=True, slots=True)
class Sighting:
    """A statement with the media that it names: SHA-256, type and length of each."""

    said: Observed
    media: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """What a device said last, each None where it never did; crossings are counted since an instant.

    `is_more` says that there were more crossings than were looked at.
    """

    newest: Sighting | None
    health: Sighting | None
    liveness: Sighting | None
    still: Sighting | None
    went_in: int
    went_out: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class PieceSeen:
    """Where a piece was last seen coming and going, and what those sightings rest on."""

    piece: bytes
    arrival: Sighting | None
    departure: Sighting | None
    behind: tuple[Sighting, ...]

    @property
    def measured_kg(self) -> int | None:
        """What it weighed when it came; None where nobody saw it come."""
        return None if self.arrival is None else self.arrival.said.quantity


def newest_at(session: Session, site: bytes, limit: int) -> list[Sighting]:
    """What was said last at a site, newest in its log first."""
    found = select(StatementRow).where(StatementRow.site == site)
    order = (col(StatementRow.log_epoch).desc(), col(StatementRow.log_index).desc())
    return [_sighting(row) for row in session.exec(found.order_by(*order).limit(limit)).all()]


def place_of_newest(session: Session, site: bytes) -> tuple[int, int]:
    """Epoch and index of what was said last at a site; zeros before anything was."""
    found = select(StatementRow.log_epoch, StatementRow.log_index).where(StatementRow.site == site)
    order = (col(StatementRow.log_epoch).desc(), col(StatementRow.log_index).desc())
    return session.exec(found.order_by(*order).limit(1)).first() or (0, 0)


def device_seen(session: Session, device: bytes, *, since: datetime) -> DeviceSeen:
    """What a device said last, and how much it saw cross since that instant."""
    crossings = _last_by(session, device, CROSSING, LOOKED_BACK)
    recent = [each for each in crossings if each.said.received_at >= since]
    ways = [each.said.fields["direction"] for each in recent]
    return DeviceSeen(
        newest=_first(_last_by(session, device, None, 1)),
        health=_first(_last_by(session, device, HEALTH, 1)),
        liveness=_first(_last_by(session, device, LIVENESS, 1)),
        still=_first(each for each in crossings if each.media),
        went_in=ways.count("in"),
        went_out=ways.count("out"),
        is_more=len(recent) == LOOKED_BACK,
    )


def piece_seen(session: Session, site: bytes, piece: bytes) -> PieceSeen:
    """Where a piece was last seen, with the crossings and tickets behind it."""
    arrival = _first(map(_sighting, rows_about(session, site, MOVEMENT_IN, piece)))
    departure = _first(map(_sighting, rows_about(session, site, MOVEMENT_OUT, piece)))
    moves = [each for each in (arrival, departure) if each is not None]
    behind = [each for move in moves for each in resting_on(session, move.said)]
    return PieceSeen(piece, arrival, departure, tuple(behind))


def resting_on(session: Session, said: Observed) -> list[Sighting]:
    """The statements that a movement rests on, as far as they were taken; none for any other kind."""
    return sightings(session, (from_hex(each) for each in said.fields.get("rests_on", [])[:MOST_BEHIND]))


def sightings(session: Session, statements: Iterable[bytes]) -> list[Sighting]:
    """These statements in the order given, as far as they were taken."""
    rows = (session.get(StatementRow, each) for each in statements)
    return [_sighting(row) for row in rows if row is not None]


def measured_at(session: Session, site: bytes, pieces: Collection[bytes]) -> dict[bytes, Observed]:
    """The newest arrival of each of these pieces at a site; a piece that nobody saw come is left out."""
    found = (
        select(StatementRow)
        .where(StatementRow.site == site, StatementRow.kind == MOVEMENT_IN)
        .where(col(StatementRow.subject).in_(pieces))
        .order_by(col(StatementRow.log_epoch), col(StatementRow.log_index))
    )
    return {row.subject: observed(row) for row in session.exec(found).all()}


def seals_of(session: Session, site: bytes, orders: Iterable[int]) -> list[Sighting]:
    """What was last said of the seals of these release orders, newest first for each."""
    subjects = [each.to_bytes(32, "big") for each in orders]
    return [
        _sighting(row) for each in subjects for row in rows_about(session, site, SEAL, each)[:MOST_BEHIND]
    ]


def counts_in(session: Session, site: bytes) -> dict[str, dict[str, Sighting]]:
    """For each bay, by its name, the newest count and the newest mass that a device stated of it, by kind."""
    found = (
        select(StatementRow)
        .where(StatementRow.site == site, col(StatementRow.kind).in_(COUNTED))
        .order_by(col(StatementRow.log_epoch).desc(), col(StatementRow.log_index).desc())
        .limit(MOST_COUNTS)
    )
    bays: dict[str, dict[str, Sighting]] = {}
    for each in map(_sighting, session.exec(found).all()):
        bays.setdefault(each.said.fields["bay"], {}).setdefault(each.said.kind, each)
    return bays


def _last_by(session: Session, device: bytes, kind: str | None, limit: int) -> Sequence[Sighting]:
    found = select(StatementRow).where(StatementRow.device == device)
    if kind is not None:
        found = found.where(StatementRow.kind == kind)
    rows = session.exec(found.order_by(col(StatementRow.seq).desc()).limit(limit)).all()
    return [_sighting(row) for row in rows]


def _first(found: Iterable[Sighting]) -> Sighting | None:
    return next(iter(found), None)


def _sighting(row: StatementRow) -> Sighting:
    return Sighting(observed(row), tuple(json.loads(row.body).get("media", [])))

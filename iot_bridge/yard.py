"""What the fusion remembers over restarts: open observations, pieces and where they are, findings for people.

Kept in the spool's own file, so that a movement, the observations it closes and the piece it moves are one
transaction: after a crash either all of it happened or none.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from iot_bridge.advices import Advice
from iot_bridge.evidence.body import parse_body
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.fuse import CrossingSeen, Direction, Movement, Piece, PieceState, TicketSeen, Unclear
from iot_bridge.spool import Spool, Taken

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS observation (
    id BLOB PRIMARY KEY, kind TEXT NOT NULL, device TEXT NOT NULL, at_ms INTEGER NOT NULL,
    fields TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS piece (
    fingerprint BLOB PRIMARY KEY, tag INTEGER, mill TEXT NOT NULL, heat TEXT NOT NULL, coil TEXT NOT NULL,
    mass_kg INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('expected', 'on_site', 'gone')));
CREATE UNIQUE INDEX IF NOT EXISTS piece_tag ON piece (tag) WHERE state <> 'gone';
CREATE TABLE IF NOT EXISTS review (
    number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, reason TEXT NOT NULL, statements TEXT NOT NULL,
    contributions TEXT NOT NULL, noise INTEGER NOT NULL);
"""
_EXPECT: Final = """
INSERT INTO piece (fingerprint, tag, mill, heat, coil, mass_kg, state)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'expected')
ON CONFLICT (fingerprint) DO UPDATE SET tag = ?2, mass_kg = ?6, state = 'expected' WHERE state <> 'on_site'
"""
_REVIEWS: Final = """
SELECT number, at_ms, reason, statements, contributions FROM review WHERE NOT noise ORDER BY number
"""
FUSED: Final = frozenset({"gate.crossing", "weigh.ticket"})


class TagInUse(EdgeError):
    """A tag is advised for a piece while another piece that is expected or on site carries it."""

    code = "advice.tag_in_use"


class SpoolMissing(EdgeError):
    """No bridge has written a spool there yet."""

    code = "yard.spool_missing"


@dataclass(frozen=True, slots=True)
class Review:
    """A finding that waits for a person: why there was no movement, and the statements it is about."""

    number: int
    at_ms: int
    reason: str
    statements: tuple[str, ...]
    contributions: tuple[dict[str, Any], ...]


class Yard:
    """The fusion's memory, in a spool's file."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        with spool.reading() as connection:
            connection.executescript(_SCHEMA)

    def expect(self, advices: Sequence[Advice]) -> int:
        """Take pieces as expected, all or none; how many are. One on site stays so, one gone may come again.

        Raises:
            TagInUse: another piece that is expected or on site carries one of the tags.
        """
        taken = 0
        with self._spool.transaction() as connection:
            for each in advices:
                try:
                    taken += connection.execute(_EXPECT, astuple(each)).rowcount
                except sqlite3.IntegrityError as error:
                    raise TagInUse(tag=each.tag) from error
        return taken

    def pieces(self) -> list[Piece]:
        """Every piece that is expected or on site."""
        with self._spool.reading() as connection:
            rows = connection.execute(
                "SELECT fingerprint, tag, mass_kg, state FROM piece WHERE state <> 'gone' ORDER BY coil"
            )
            return [Piece(row[0], row[1], row[2], cast("PieceState", row[3])) for row in rows]

    def open(self) -> tuple[list[CrossingSeen], list[TicketSeen]]:
        """The crossings and tickets that nothing rests on yet, oldest first."""
        crossings: list[CrossingSeen] = []
        tickets: list[TicketSeen] = []
        with self._spool.reading() as connection:
            for row in connection.execute(
                "SELECT id, kind, device, at_ms, fields FROM observation ORDER BY at_ms"
            ):
                name, kind, device, at_ms, fields = row[0], row[1], row[2], row[3], json.loads(row[4])
                if kind == "weigh.ticket":
                    tickets.append(TicketSeen(name, device, at_ms, fields["net_kg"]))
                else:
                    crossings.append(
                        CrossingSeen(
                            statement=name,
                            device=device,
                            at_ms=at_ms,
                            direction=cast("Direction", fields["direction"]),
                            tags=tuple(fields["tags"]),
                            confidence_bps=fields["confidence_bps"],
                            count_certain=fields["count_certain"],
                        )
                    )
        return crossings, tickets

    def reviews(self) -> list[Review]:
        """The findings that wait for a person, oldest first; noise is not among them."""
        with self._spool.reading() as connection:
            return _reviews(connection)

    def set_aside(self, finding: Unclear) -> None:
        """Close what a finding is about, and keep the finding for a person."""
        with self._spool.transaction() as connection:
            _close(connection, finding.closes)
            connection.execute(
                "INSERT INTO review (at_ms, reason, statements, contributions, noise) VALUES (?, ?, ?, ?, ?)",
                (
                    finding.at_ms,
                    finding.reason,
                    json.dumps(["0x" + each.hex() for each in finding.closes]),
                    json.dumps(
                        [
                            {"device": each.device, "milli_nats": each.milli_nats, "said": each.said}
                            for each in finding.contributions
                        ]
                    ),
                    finding.is_noise,
                ),
            )


def reviews_in(spool: Path) -> list[Review]:
    """The findings in a spool's file, which another program may have open.

    Raises:
        SpoolMissing: there is no such file.
    """
    if not spool.is_file():
        raise SpoolMissing(file=str(spool))
    with closing(sqlite3.connect(f"{spool.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        return _reviews(connection)


def note(connection: sqlite3.Connection, taken: Taken) -> None:
    """Keep a crossing or ticket open for the fusion, in the transaction that takes its statement."""
    statement = taken.signed.statement
    if statement.kind in FUSED:
        fields = parse_body(statement.kind, taken.body).fields
        connection.execute(
            "INSERT INTO observation VALUES (?, ?, ?, ?, ?)",
            (taken.id, statement.kind, statement.device, statement.seen_at_ms, json.dumps(fields)),
        )


def moved(connection: sqlite3.Connection, movement: Movement) -> None:
    """Close what a movement rests on and move its piece, in the transaction that takes its statement."""
    _close(connection, movement.closes)
    state: Literal["on_site", "gone"] = "on_site" if movement.direction == "in" else "gone"
    connection.execute(
        "UPDATE piece SET state = ? WHERE fingerprint = ?", (state, movement.piece.fingerprint)
    )


def _reviews(connection: sqlite3.Connection) -> list[Review]:
    return [
        Review(row[0], row[1], row[2], tuple(json.loads(row[3])), tuple(json.loads(row[4])))
        for row in connection.execute(_REVIEWS)
    ]


def _close(connection: sqlite3.Connection, statements: Sequence[bytes]) -> None:
    connection.executemany("DELETE FROM observation WHERE id = ?", [(each,) for each in statements])

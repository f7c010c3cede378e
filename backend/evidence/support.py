"""What taken statements may be used for: as evidence in acts on the ledger, and for the claims of a receipt.

Only what is linked, in a head that the mirror has found equal, and by a device in standing supports anything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from backend.db import from_hex, to_hex
from backend.evidence.claims import Against, Case, Claim, ClaimTerms, Eligibility, Source, Support, weigh
from backend.evidence.mirror import tree_of
from backend.evidence.rules import (
    MovementMissing,
    NotYetWitnessed,
    Observed,
)
from backend.evidence.tables import (
    HeadRow,
    SiteLogRow,
    SpentRow,
    StatementRow,
    beacon_time,
    is_disputed,
    latest_equal,
    latest_witnessed,
    observed,
    rows_about,
    rows_since,
    statement_row,
    watchful_row,
)
from backend.parties import actions as parties
from iot_bridge.evidence.statement import name32, parse_entry

MOVEMENT_IN: Final = "movement.in"
MOVEMENT_OUT: Final = "movement.out"
SPEAKS_FOR: Final[dict[str, tuple[Claim, ...]]] = {
    "gate.crossing": (Claim.EXISTS, Claim.PLACE),
    "tag.read": (Claim.IDENTITY,),
    "weigh.ticket": (Claim.EXISTS, Claim.QUANTITY),
}
"""Which claims a statement speaks for when a movement rests on it; a crossing with tags also for identity."""


@dataclass(frozen=True, slots=True)
class Question:
    """A receipt as far as its evidence is asked for: its site, its pieces, and who gains from the answer."""

    site: bytes
    pieces: tuple[bytes, ...]
    interested: frozenset[bytes]


def evidence_for(session: Session, statement_id: bytes) -> dict[str, Any]:
    """The statement as the contracts take it: header, signature, and proof against the newest witnessed head.

    Raises:
        StatementUnknown: none of this id was taken.
        NotYetWitnessed: it is held, or no witnessed head covers it yet.
    """
    row = statement_row(session, statement_id)
    head = latest_witnessed(session, row.site)
    if head is None or not row.linked or not _covers(head, row):
        witnessed = head.size if head else 0
        raise NotYetWitnessed(statement=to_hex(row.id), index=row.log_index, witnessed_size=witnessed)
    log = session.get_one(SiteLogRow, (row.site, row.log_epoch))
    signed = parse_entry(row.entry)
    return {
        "statement": {
            "site": row.site,
            "device": row.device,
            "keyEpoch": row.key_epoch,
            "seq": row.seq,
            "prev": row.prev,
            "seenAtMs": row.seen_at_ms,
            "beaconBlock": row.beacon_block,
            "beaconHash": row.beacon_hash,
            "kind": name32(row.kind),
            "subject": row.subject,
            "quantity": row.quantity,
            "body": signed.statement.body,
        },
        "signature": signed.signature,
        "index": row.log_index,
        "headSize": head.size,
        "proof": tree_of(session, log).inclusion_proof(row.log_index, head.size),
    }


def movement_of(session: Session, site: bytes, kind: str, piece: bytes) -> Observed:
    """The newest movement of this piece that the ledger has not spent and that is linked.

    Raises:
        MovementMissing: there is none.
    """
    for row in rows_about(session, site, kind, piece):
        if row.linked and session.get(SpentRow, row.id) is None:
            return observed(row)
    raise MovementMissing(site=to_hex(site), kind=kind, piece=to_hex(piece))


def departure_resting_on(
    session: Session, site: bytes, crossing: bytes, *, since: datetime
) -> Observed | None:
    """A departure taken since then that rests on this crossing, where it came before the crossing did."""
    for row in rows_since(session, site, MOVEMENT_OUT, since):
        if to_hex(crossing) in observed(row).fields["rests_on"]:
            return observed(row)
    return None


def eligibility_of(session: Session, question: Question, *, terms: ClaimTerms, now: datetime) -> Eligibility:
    """How well the claims on a receipt hold at `now` (wall-clock), by creditable statements alone."""
    supports, against = [], []
    for piece in question.pieces:
        supports += _supports(session, question.site, piece)
        against += _against(session, question.site, piece)
    case = Case(
        pieces=question.pieces,
        supports=tuple(supports),
        against=tuple(against),
        interested=question.interested,
        watched_at=_watched_at(session, question),
    )
    return weigh(case, terms, now)


def _supports(session: Session, site: bytes, piece: bytes) -> list[Support]:
    """What the newest creditable arrival of the piece rests on, statement by statement."""
    arrived = next(_creditable(session, rows_about(session, site, MOVEMENT_IN, piece)), None)
    if arrived is None:
        return []
    rests_on = [from_hex(each) for each in observed(arrived).fields["rests_on"]]
    known = [row for row in (session.get(StatementRow, each) for each in rests_on) if row is not None]
    found = []
    for row in _creditable(session, known):
        source, at = _source(session, row), beacon_time(session, row.beacon_block)
        found += [Support(claim, piece, row.id, source, at) for claim in _claims(row)]
    return found


def _claims(row: StatementRow) -> tuple[Claim, ...]:
    spoken = SPEAKS_FOR.get(row.kind, ())
    read_tags = row.kind == "gate.crossing" and observed(row).fields["tags"]
    return (*spoken, Claim.IDENTITY) if read_tags else spoken


def _against(session: Session, site: bytes, piece: bytes) -> list[Against]:
    """The piece seen leaving after it last came: then it neither exists here nor is in place."""
    newest_in = next(iter(rows_about(session, site, MOVEMENT_IN, piece)), None)
    newest_out = next(iter(rows_about(session, site, MOVEMENT_OUT, piece)), None)
    if newest_out is None or (newest_in is not None and newest_in.log_index > newest_out.log_index):
        return []
    return [Against(claim, "seen leaving", newest_out.id) for claim in (Claim.EXISTS, Claim.PLACE)]


def _watched_at(session: Session, question: Question) -> datetime | None:
    """The newest sign of life of a device at the site that nobody interested has commissioned."""
    head = latest_equal(session, question.site)
    if head is None:
        return None
    newest = [
        row
        for device in parties.devices_at(session, question.site)
        if device.commissioner not in question.interested and not device.suspended
        if not is_disputed(session, device.device)
        if (row := watchful_row(session, head, device.device)) is not None
    ]
    if not newest:
        return None
    return max(beacon_time(session, row.beacon_block) for row in newest)


def _creditable(session: Session, rows: Iterable[StatementRow]) -> Iterator[StatementRow]:
    """Those that may support a claim: linked, under an equal head, by a device in standing and undisputed."""
    for row in rows:
        head = latest_equal(session, row.site)
        if head is None or not row.linked or not _covers(head, row):
            continue
        if parties.device(session, row.device).suspended or is_disputed(session, row.device):
            continue
        yield row


def _covers(head: HeadRow, row: StatementRow) -> bool:
    return row.log_epoch == head.epoch and row.log_index < head.size


def _source(session: Session, row: StatementRow) -> Source:
    device = parties.device(session, row.device)
    key = parties.key_of(session, row.device, row.key_epoch)
    return Source(row.device, key.address, device.host, device.commissioner)

"""What may be claimed of a receipt's goods, from which independent sources, and how fresh that is.

A claim that nobody refreshes decays to nothing: absence of evidence is failing evidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Final

FULL_BPS: Final = 10_000


class Claim(StrEnum):
    """What a receipt says of its goods, as far as devices can support it."""

    EXISTS = "exists"
    IDENTITY = "identity"
    QUANTITY = "quantity"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Source:
    """Who speaks in a statement: the key, the body that holds it, and the party that ordered the watching."""

    device: bytes
    key: str
    host: bytes
    commissioner: bytes


@dataclass(frozen=True, slots=True)
class Support:
    """A statement that speaks for a claim on one piece; `at` is its beacon's time, not the device's clock."""

    claim: Claim
    piece: bytes
    statement: bytes
    source: Source
    at: datetime


@dataclass(frozen=True, slots=True)
class Against:
    """A fact that speaks against a claim, by name, with the statement that shows it."""

    claim: Claim
    reason: str
    statement: bytes | None = None


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """What a product asks of each claim: how old it may be, and from how many independent sources.

    A claim holds in full up to its age limit and decays in a straight line to nothing at twice that age.
    """

    max_age: Mapping[Claim, timedelta]
    least_sources: Mapping[Claim, int]


STANDARD: Final = ClaimTerms(
    max_age={
        Claim.EXISTS: timedelta(minutes=15),
        Claim.IDENTITY: timedelta(days=7),
        Claim.QUANTITY: timedelta(hours=24),
        Claim.PLACE: timedelta(minutes=15),
    },
    least_sources={Claim.EXISTS: 2, Claim.IDENTITY: 1, Claim.QUANTITY: 1, Claim.PLACE: 1},
)


@dataclass(frozen=True, slots=True)
class ClaimFinding:
    """How well one claim holds: `score_bps` of 10 000, and what decided it."""

    claim: Claim
    score_bps: int
    sources: int
    newest: datetime | None
    statements: tuple[bytes, ...]
    against: tuple[Against, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What a lot may count for in lending: the weakest of its claims."""

    bps: int
    claims: tuple[ClaimFinding, ...]
    in_conflict: bool


@dataclass(frozen=True, slots=True)
class Case:
    """Everything known for and against the claims on the pieces of one receipt.

    `interested` are the parties that gain from the claim (operator, depositor): a source that one of them
    commissioned never suffices alone. `watched_at` is the newest sign of life of the supervision that the
    creditor commissioned: without it goods may have left unseen.
    """

    pieces: tuple[bytes, ...]
    supports: tuple[Support, ...]
    against: tuple[Against, ...]
    interested: frozenset[bytes]
    watched_at: datetime | None


def independent_sources(sources: Iterable[Source]) -> int:
    """The most sources of which no two share a key, the body that holds it, or a commissioning party."""
    distinct = sorted(set(sources), key=lambda source: (source.key, source.host, source.commissioner))
    for size in range(len(distinct), 1, -1):
        if any(_share_nothing(group) for group in combinations(distinct, size)):
            return size
    return min(len(distinct), 1)


def freshness_bps(age: timedelta, max_age: timedelta) -> int:
    """10 000 up to the limit, then in a straight line to 0 at twice the limit, rounded down."""
    if age <= max_age:
        return FULL_BPS
    left = 2 * max_age - age
    return max(0, FULL_BPS * left // max_age)


def weigh(case: Case, terms: ClaimTerms, now: datetime) -> Eligibility:
    """How well each claim holds now, and what the lot may count for: the weakest of them."""
    findings = tuple(_weigh_claim(claim, case, terms, now) for claim in Claim)
    return Eligibility(
        bps=min(finding.score_bps for finding in findings),
        claims=findings,
        in_conflict=bool(case.against),
    )


def _weigh_claim(claim: Claim, case: Case, terms: ClaimTerms, now: datetime) -> ClaimFinding:
    against = tuple(each for each in case.against if each.claim is claim)
    per_piece = [[s for s in case.supports if s.claim is claim and s.piece == piece] for piece in case.pieces]
    statements = tuple(dict.fromkeys(s.statement for found in per_piece for s in found))
    newest = _newest(claim, per_piece, case.watched_at)
    sources = min((independent_sources(s.source for s in found) for found in per_piece), default=0)
    score, reason = FULL_BPS, "holds"
    if against:
        score, reason = 0, against[0].reason
    elif sources < terms.least_sources[claim]:
        score, reason = 0, "too few independent sources"
    elif not all(_has_disinterested(found, case.interested) for found in per_piece):
        score, reason = 0, "only sources commissioned by those who gain"
    elif newest is None:
        score, reason = 0, "nobody watches for the creditor"
    else:
        score = freshness_bps(now - newest, terms.max_age[claim])
        reason = "holds" if score == FULL_BPS else "stale"
    return ClaimFinding(claim, score, sources, newest, statements, against, reason)


def _newest(
    claim: Claim, per_piece: Sequence[Sequence[Support]], watched_at: datetime | None
) -> datetime | None:
    """The instant from which the claim's age counts: of the piece worst off, or of the watch that goes on.

    That goods are still there and still in place is shown by a watch that saw nothing leave, so these two age
    with the watch; identity and quantity age with the reading.
    """
    if claim in (Claim.EXISTS, Claim.PLACE):
        return watched_at
    if not per_piece or not all(per_piece):
        return None
    return min(max(support.at for support in found) for found in per_piece)


def _has_disinterested(found: Sequence[Support], interested: frozenset[bytes]) -> bool:
    return any(support.source.commissioner not in interested for support in found)


def _share_nothing(group: Sequence[Source]) -> bool:
    keys = {source.key for source in group}
    hosts = {source.host for source in group}
    commissioners = {source.commissioner for source in group}
    return len(keys) == len(hosts) == len(commissioners) == len(group)

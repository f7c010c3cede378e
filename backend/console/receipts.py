"""What the page of a receipt says, put together from ledger, document and evidence.

Nothing that nobody stated is taken for well: a claim without evidence has no data, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlmodel import Session

from backend.evidence.looking import (
    PieceSeen,
    Sighting,
    measured_at,
    piece_seen,
    seals_of,
    sightings,
)
from backend.parties import actions as parties
from backend.parties.words import name
from backend.pledges import actions as pledges
from backend.pledges.rules import Pledge
from backend.receipts import actions as receipts
from backend.receipts.document import Document
from backend.receipts.looking import Delivery, deliveries_of, ordered_at, requested_at
from backend.receipts.rules import MASS_TOLERANCE_BPS, DocumentUnknown, Receipt, content_hash
from backend.receipts.shapes import ClaimHolds, ReceiptFull
from backend.units import BPS

SHOWN_PIECES: Final = 20
SHOWN_EVIDENCE: Final = 12
MOST: Final = 100


class Standing(StrEnum):
    """How a claim stands; `DOCUMENTED` rests on a document alone, `NO_DATA` on nothing."""

    HOLDS = "holds"
    WEAK = "weak"
    AGAINST = "against"
    DOCUMENTED = "documented"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimShown:
    """One of the eight claims: what speaks for it and against it, as facts and as statements.

    `said` and `against` are pairs of a code of the context `claim fact` and a value, which may be empty.
    """

    claim: str
    standing: Standing
    score_bps: int | None = None
    sources: int | None = None
    newest: datetime | None = None
    said: tuple[tuple[str, str], ...] = ()
    against: tuple[tuple[str, str], ...] = ()
    statements: tuple[Sighting, ...] = ()
    opposing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to the receipt: `what` is a code of the context `receipt step`."""

    at: datetime
    what: str
    who: str = ""
    detail: str = ""
    mass_kg: int | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """Who may act on the receipt now, since when, and under which pledge if under one."""

    party: str
    since: datetime
    pledge: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """The receipt's mass against what its pieces weighed when they came; None where one was not seen."""

    receipt_kg: int
    measured_kg: int | None
    unseen: int
    newest: datetime | None

    @property
    def agrees(self) -> bool | None:
        """Whether they differ by no more than the ledger tolerates; None where it cannot be said."""
        if self.measured_kg is None:
            return None
        return abs(self.measured_kg - self.receipt_kg) * BPS <= self.receipt_kg * MASS_TOLERANCE_BPS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptStory:
    """Everything that the page says."""

    content: bytes
    document: Document | None
    control: Control
    steps: tuple[Step, ...]
    measured: Measured
    claims: tuple[ClaimShown, ...]
    pieces: tuple[PieceSeen, ...]
    seals: tuple[Sighting, ...]
    names: dict[str, str]


def story_of(session: Session, shown: ReceiptFull, today: date, *, with_evidence: bool) -> ReceiptStory:
    """The story of a receipt that the reader may see.

    Args:
        session: a view of the bank.
        shown: the receipt as the API answers it.
        today: the bank's date, by which an insurance ends.
        with_evidence: whether the reader sees what devices said.
    """
    found = receipts.receipt(session, shown.id)
    over = pledges.pledges_over(session, found.id, MOST)
    deliveries = deliveries_of(session, found.id, MOST)
    document = _document(session, found)
    pieces = found.fingerprints[:SHOWN_PIECES] if with_evidence else ()
    orders = [each.id for each in shown.orders]
    return ReceiptStory(
        content=content_hash(found),
        document=document,
        control=_control(found, over),
        steps=tuple(sorted(_steps(session, found, shown, over, deliveries), key=lambda step: step.at)),
        measured=_measured(session, found),
        claims=(
            *(_by_evidence(session, each, with_evidence=with_evidence) for each in shown.standing.claims),
            *_by_paper(found, document, over, today),
        ),
        pieces=tuple(piece_seen(session, found.site, each) for each in pieces),
        seals=tuple(seals_of(session, found.site, orders)) if with_evidence else (),
        names=_names(session, found, over),
    )


def _document(session: Session, found: Receipt) -> Document | None:
    try:
        return receipts.document(session, found.document)
    except DocumentUnknown:
        return None


def _names(
    session: Session, found: Receipt, over: Sequence[tuple[Pledge, datetime | None]]
) -> dict[str, str]:
    """The legal names of everybody whom the page names."""
    ids = {
        found.holder,
        found.operator,
        *(each.pledgee for each, _ in over),
        *(each.pledgor for each, _ in over),
    }
    return {name(party): legal for party, legal in parties.names_of(session, ids).items()}


def _control(found: Receipt, over: Sequence[tuple[Pledge, datetime | None]]) -> Control:
    for pledge, let_go in reversed(over):
        if pledge.effective_at is not None and let_go is None:
            return Control(name(pledge.pledgee), pledge.effective_at, pledge.id)
    back = [let_go for pledge, let_go in over if pledge.effective_at is not None and let_go is not None]
    return Control(name(found.holder), max(back, default=found.issued_at), None)


def _steps(
    session: Session,
    found: Receipt,
    shown: ReceiptFull,
    over: Sequence[tuple[Pledge, datetime | None]],
    deliveries: Sequence[Delivery],
) -> list[Step]:
    steps = [
        Step(requested_at(session, found.request_id), "requested", mass_kg=found.mass_kg),
        Step(found.issued_at, "issued", name(found.operator), mass_kg=found.mass_kg),
    ]
    for pledge, let_go in over:
        told = (
            (pledge.endorsed_at, "endorsed", pledge.pledgor),
            (pledge.attorned_at, "attorned", found.operator),
            (pledge.registered_at, "registered", pledge.pledgee),
            (pledge.effective_at, "effective", pledge.pledgee),
            (pledge.withdrawn_at, "withdrawn", pledge.pledgor),
            (pledge.lapsed_at, "lapsed", pledge.pledgor),
            (let_go, "let_go", pledge.pledgee),
        )
        steps += [Step(at, what, name(who), str(pledge.id)) for at, what, who in told if at is not None]
    given = ordered_at(session, found.id, MOST)
    steps += [
        Step(given[each.id], "ordered", each.by, f"{each.id}: {each.gate}", each.mass_kg)
        for each in shown.orders
        if each.id in given
    ]
    steps += [
        Step(each.at, "delivered", name(found.operator), str(each.order_id), each.mass_kg)
        for each in deliveries
    ]
    return steps


def _measured(session: Session, found: Receipt) -> Measured:
    arrivals = measured_at(session, found.site, found.fingerprints)
    unseen = len(found.fingerprints) - len(arrivals)
    weighed = None if unseen else sum(each.quantity for each in arrivals.values())
    newest = max((each.received_at for each in arrivals.values()), default=None)
    return Measured(found.remaining_kg, weighed, unseen, newest)


def _by_evidence(session: Session, held: ClaimHolds, *, with_evidence: bool) -> ClaimShown:
    """A claim that devices speak for."""
    standing = Standing.WEAK
    if held.against:
        standing = Standing.AGAINST
    elif not held.statements:
        standing = Standing.NO_DATA
    elif held.score_bps == BPS:
        standing = Standing.HOLDS
    ids = [bytes.fromhex(each[2:]) for each in held.statements[:SHOWN_EVIDENCE]]
    return ClaimShown(
        claim=held.claim.value,
        standing=standing,
        score_bps=held.score_bps,
        sources=held.sources,
        newest=held.newest,
        said=((held.reason, ""),),
        statements=tuple(sightings(session, ids)) if with_evidence else (),
        opposing=tuple(held.against),
    )


def _by_paper(
    found: Receipt,
    document: Document | None,
    over: Sequence[tuple[Pledge, datetime | None]],
    today: date,
) -> tuple[ClaimShown, ...]:
    """Claims that no device can speak for: they rest on the document and on the ledger."""
    return (
        _quality(document),
        ClaimShown(
            claim="title",
            standing=Standing.AGAINST if _third_parties(document) else Standing.DOCUMENTED,
            said=(("held_on_ledger", name(found.holder)),),
            against=_third_parties(document),
        ),
        _exclusivity(over),
        insured(document, today),
    )


def _third_parties(document: Document | None) -> tuple[tuple[str, str], ...]:
    claims = () if document is None else document.get("third_party_claims", ())
    return tuple(("third_party", str(each)) for each in claims)


def _quality(document: Document | None) -> ClaimShown:
    goods: dict[str, Any] = {} if document is None else document.get("goods", {})
    said = [("document_says", str(goods["quality"]))] if goods.get("quality") else []
    said += [("certificate", str(each)) for each in goods.get("certificates", ())]
    standing = Standing.DOCUMENTED if said else Standing.NO_DATA
    return ClaimShown(claim="quality", standing=standing, said=tuple(said))


def _exclusivity(over: Sequence[tuple[Pledge, datetime | None]]) -> ClaimShown:
    """The registry refuses a second live receipt over a piece; a filing tells the world of the pledge."""
    filed = [each for each, let_go in over if each.registered_at is not None and let_go is None]
    said = [("one_receipt", ""), *(("filed", str(each.id)) for each in filed)]
    return ClaimShown(claim="exclusivity", standing=Standing.HOLDS, said=tuple(said))


def insured(document: Document | None, today: date) -> ClaimShown:
    """Whether the goods are insured, as the document has it on that day."""
    cover: dict[str, Any] | None = None if document is None else document.get("insurance")
    if cover is None:
        return ClaimShown(claim="insured", standing=Standing.NO_DATA)
    if not cover.get("insured"):
        return ClaimShown(claim="insured", standing=Standing.AGAINST, against=(("not_insured", ""),))
    until = date.fromisoformat(cover["until"])
    if until < today:
        return ClaimShown(
            claim="insured", standing=Standing.AGAINST, against=(("insurance_ended", cover["until"]),)
        )
    said = (("insurer", str(cover["insurer"])), ("insured_until", cover["until"]))
    return ClaimShown(claim="insured", standing=Standing.DOCUMENTED, said=said)

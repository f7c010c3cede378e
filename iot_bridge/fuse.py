"""From statements of several devices to movements: pure, whole-numbered, and with its arithmetic in view.

A movement needs a crossing and a ticket; one sensor alone never proves any. Where more than one reading fits,
nothing is guessed: the finding says why it cannot tell, and a person decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from iot_bridge.evidence.schema import cannot_tell

Direction = Literal["in", "out"]
PieceState = Literal["expected", "on_site", "gone"]
_LOG_ODDS: Final = (
    (9900, 4595),
    (9800, 3892),
    (9700, 3476),
    (9500, 2944),
    (9000, 2197),
    (8000, 1386),
    (7000, 847),
    (6000, 405),
    (0, 0),
)
"""From a confidence in basis points up to the log-odds of its lower end, in milli-nats: ln(p / (1 - p))."""


@dataclass(frozen=True, slots=True)
class CrossingSeen:
    """A crossing that no movement rests on yet."""

    statement: bytes
    device: str
    at_ms: int
    direction: Direction
    tags: tuple[int, ...]
    confidence_bps: int
    count_certain: bool


@dataclass(frozen=True, slots=True)
class TicketSeen:
    """A weighing that no movement rests on yet."""

    statement: bytes
    device: str
    at_ms: int
    net_kg: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of goods that is advised or on site; `tag` is None where it carries none."""

    fingerprint: bytes
    tag: int | None
    mass_kg: int
    state: PieceState


@dataclass(frozen=True, slots=True)
class Rules:
    """The lines the fusion decides by; a changed line is another version.

    Alone, neither a camera with a tag (`crossing_most` + `tag_read`) nor a scale (`ticket` + `mass_fits`)
    reaches `accept`.
    """

    version: str = "fusion-1"
    window_ms: int = 120_000
    mass_tolerance_bps: int = 30
    accept: int = 6500
    reject: int = 2000
    crossing_most: int = 3100
    ticket: int = 4200
    tag_read: int = 2200
    tag_not_read: int = -400
    mass_fits: int = 800


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source adds to the log-odds of a movement, in milli-nats."""

    device: str
    statement: bytes
    milli_nats: int
    said: str


@dataclass(frozen=True, slots=True)
class Movement:
    """A piece went in or out: proven by two sensors above the accept line."""

    direction: Direction
    piece: Piece
    crossing: CrossingSeen
    ticket: TicketSeen
    identified_by: Literal["tag", "mass"]
    contributions: tuple[Contribution, ...]
    accept: int
    rules: str

    @property
    def closes(self) -> tuple[bytes, ...]:
        """The statements that it rests on; no other movement may."""
        return self.crossing.statement, self.ticket.statement

    def fields(self) -> dict[str, Any]:
        """The body of the statement that says so."""
        tags = self.crossing.tags
        return {
            "mass_kg": self.ticket.net_kg,
            "identified_by": self.identified_by,
            "tag": tags[0] if tags else cannot_tell("no tag was read"),
            "from_ms": min(self.crossing.at_ms, self.ticket.at_ms),
            "to_ms": max(self.crossing.at_ms, self.ticket.at_ms),
            "rests_on": ["0x" + each.hex() for each in self.closes],
            "contributions": [
                {
                    "device": each.device,
                    "statement": "0x" + each.statement.hex(),
                    "milli_nats": each.milli_nats,
                    "said": each.said,
                }
                for each in self.contributions
            ],
            "sum_milli_nats": sum(each.milli_nats for each in self.contributions),
            "accept_milli_nats": self.accept,
            "rules": self.rules,
        }


@dataclass(frozen=True, slots=True)
class Unclear:
    """No movement, and why: for a person to decide, unless it is too weak to be more than noise."""

    reason: str
    closes: tuple[bytes, ...]
    at_ms: int
    contributions: tuple[Contribution, ...] = ()
    is_noise: bool = False


@dataclass(frozen=True, slots=True)
class _Pair:
    crossing: CrossingSeen
    ticket: TicketSeen
    piece: Piece
    by: Literal["tag", "mass"]

    def seen(self) -> tuple[CrossingSeen | TicketSeen, ...]:
        """Both readings."""
        return self.crossing, self.ticket


def fuse(
    crossings: Sequence[CrossingSeen],
    tickets: Sequence[TicketSeen],
    pieces: Sequence[Piece],
    rules: Rules,
    now_ms: int,
) -> list[Movement | Unclear]:
    """What can be said now of the open crossings and tickets; what is not in a result stays open.

    1. Pair each crossing with each ticket in the window, where exactly one piece fits both.
    2. A pair that shares nothing with another pair is judged at once.
    3. Pairs that share a crossing, a ticket or a piece wait; when the window of one closes, all are unclear.
    4. What fits nothing is unclear when its window closes, or where its time lies a window ahead.
    """
    pairs, misfits = _pairs(crossings, tickets, pieces, rules)
    results: list[Movement | Unclear] = []
    for group in _groups(pairs):
        if len(group) == 1:
            results.append(_judge(group[0], rules))
        elif any(_is_over(each, rules, now_ms) for pair in group for each in pair.seen()):
            results.append(_ambiguous(group))
    paired = {each.statement for pair in pairs for each in pair.seen()}
    alone: list[CrossingSeen | TicketSeen] = [*crossings, *tickets]
    results.extend(
        _alone(each, misfits.get(each.statement, []))
        for each in alone
        if each.statement not in paired and _is_over(each, rules, now_ms)
    )
    return results


def _pairs(
    crossings: Sequence[CrossingSeen], tickets: Sequence[TicketSeen], pieces: Sequence[Piece], rules: Rules
) -> tuple[list[_Pair], dict[bytes, list[str]]]:
    """The pairs that exactly one piece fits; for each statement, why its other pairs fit none."""
    pairs: list[_Pair] = []
    misfits: dict[bytes, list[str]] = {}
    for crossing in crossings:
        candidates = _candidates(crossing, pieces, crossings)
        for ticket in tickets:
            if abs(crossing.at_ms - ticket.at_ms) > rules.window_ms:
                continue
            found = _identify(crossing, ticket, candidates, rules)
            if isinstance(found, _Pair):
                pairs.append(found)
            else:
                misfits.setdefault(crossing.statement, []).append(found)
                misfits.setdefault(ticket.statement, []).append(found)
    return pairs, misfits


def milli_nats_of(confidence_bps: int) -> int:
    """The log-odds of a confidence, rounded down to the table's step."""
    return next(log_odds for low, log_odds in _LOG_ODDS if confidence_bps >= low)


def fits(mass_kg: int, net_kg: int, tolerance_bps: int) -> bool:
    """Whether a weighing is within the tolerance of an advised mass."""
    return abs(mass_kg - net_kg) * 10_000 <= mass_kg * tolerance_bps


def _candidates(
    crossing: CrossingSeen, pieces: Iterable[Piece], crossings: Iterable[CrossingSeen]
) -> list[Piece]:
    """The pieces this crossing may have been: none whose tag was read at another one of its direction."""
    state = "expected" if crossing.direction == "in" else "on_site"
    elsewhere = {tag for each in crossings if each.direction == crossing.direction for tag in each.tags}
    return [
        each for each in pieces if each.state == state and each.tag not in elsewhere.difference(crossing.tags)
    ]


def _identify(
    crossing: CrossingSeen, ticket: TicketSeen, candidates: Sequence[Piece], rules: Rules
) -> _Pair | str:
    """The one piece that both readings fit, or why there is none."""
    if len(crossing.tags) > 1:
        return f"{len(crossing.tags)} tags were read at one crossing"
    if crossing.tags:
        tag = crossing.tags[0]
        known = [each for each in candidates if each.tag == tag]
        if len(known) != 1:
            return f"tag {tag} belongs to {len(known) or 'no'} pieces that could go {crossing.direction}"
        if not fits(known[0].mass_kg, ticket.net_kg, rules.mass_tolerance_bps):
            return f"tag {tag} is of a piece of {known[0].mass_kg} kg, the scale read {ticket.net_kg} kg"
        return _Pair(crossing, ticket, known[0], "tag")
    known = [each for each in candidates if fits(each.mass_kg, ticket.net_kg, rules.mass_tolerance_bps)]
    if len(known) != 1:
        count = len(known) or "no"
        return (
            f"no tag was read, and {count} pieces of about {ticket.net_kg} kg could go {crossing.direction}"
        )
    return _Pair(crossing, ticket, known[0], "mass")


def _groups(pairs: Sequence[_Pair]) -> list[list[_Pair]]:
    """The pairs, those together that share a crossing, a ticket or a piece, directly or through others."""
    groups: list[tuple[set[bytes], list[_Pair]]] = []
    for pair in pairs:
        keys = {pair.crossing.statement, pair.ticket.statement, pair.piece.fingerprint}
        joined = [group for group in groups if group[0] & keys]
        groups = [group for group in groups if not group[0] & keys]
        groups.append(
            (
                keys.union(*(group[0] for group in joined)),
                [*(each for group in joined for each in group[1]), pair],
            )
        )
    return [group for _, group in groups]


def _judge(pair: _Pair, rules: Rules) -> Movement | Unclear:
    contributions = tuple(_contributions(pair, rules))
    closes = (pair.crossing.statement, pair.ticket.statement)
    at_ms, total = max(pair.crossing.at_ms, pair.ticket.at_ms), sum(each.milli_nats for each in contributions)
    if total < rules.reject:
        return Unclear(f"{total} milli-nats are noise", closes, at_ms, contributions, is_noise=True)
    if not pair.crossing.count_certain:
        return Unclear("the crossing may be of several pieces that touch", closes, at_ms, contributions)
    if total < rules.accept:
        return Unclear(f"{total} milli-nats are below {rules.accept}", closes, at_ms, contributions)
    return Movement(
        pair.crossing.direction,
        pair.piece,
        pair.crossing,
        pair.ticket,
        pair.by,
        contributions,
        rules.accept,
        rules.version,
    )


def _contributions(pair: _Pair, rules: Rules) -> Iterable[Contribution]:
    crossing, ticket, piece = pair.crossing, pair.ticket, pair.piece
    eye: Mapping[str, Any] = {"device": crossing.device, "statement": crossing.statement}
    scale: Mapping[str, Any] = {"device": ticket.device, "statement": ticket.statement}
    seen = min(rules.crossing_most, milli_nats_of(crossing.confidence_bps))
    yield Contribution(
        **eye, milli_nats=seen, said=f"a crossing {crossing.direction}, {crossing.confidence_bps} bps"
    )
    if pair.by == "tag":
        yield Contribution(**eye, milli_nats=rules.tag_read, said=f"tag {piece.tag} read")
    elif piece.tag is not None:
        yield Contribution(**eye, milli_nats=rules.tag_not_read, said=f"tag {piece.tag} not read")
    yield Contribution(**scale, milli_nats=rules.ticket, said=f"net {ticket.net_kg} kg")
    yield Contribution(**scale, milli_nats=rules.mass_fits, said=f"fits the piece's {piece.mass_kg} kg")


def _ambiguous(group: Sequence[_Pair]) -> Unclear:
    crossings = {pair.crossing.statement for pair in group}
    tickets = {pair.ticket.statement for pair in group}
    pieces = {pair.piece.fingerprint for pair in group}
    reason = (
        f"{len(crossings)} crossings, {len(tickets)} tickets and {len(pieces)} pieces fit each other"
        f" in {len(group)} ways"
    )
    at_ms = max(each.at_ms for pair in group for each in pair.seen())
    return Unclear(reason, (*sorted(crossings), *sorted(tickets)), at_ms)


def _alone(lone: CrossingSeen | TicketSeen, misfits: Sequence[str]) -> Unclear:
    missing = "no ticket came" if isinstance(lone, CrossingSeen) else "no crossing was seen"
    return Unclear("; ".join(dict.fromkeys(misfits)) or missing, (lone.statement,), lone.at_ms)


def _is_over(seen: CrossingSeen | TicketSeen, rules: Rules, now_ms: int) -> bool:
    """A time ahead is over too, as a clock stepped back leaves it: else it would meet a later lot."""
    return abs(now_ms - seen.at_ms) > rules.window_ms

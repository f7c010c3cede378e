"""How sure a crossing is, from the figures that decided it, each named with what it was held against."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from iot_bridge.perceive.crossing import Reason
from iot_bridge.perceive.passage import Gate, Passage
from iot_bridge.perceive.settings import Tuning
from iot_bridge.perceive.tracks import PART_SHARE, Track

FULL: Final = 10_000
MOST: Final = 9_900
"""One camera alone is never wholly sure."""
GOOD_FRAMES: Final = 8
GOOD_TRAVEL: Final = 3.0
STRAIGHT: Final = 0.7
MOSTLY_SEEN: Final = 0.8
LEAST: Final = 0.3
"""What the weakest figure leaves of the confidence."""


def judged(
    track: Track, passage: Passage, gate: Gate, others: Sequence[Track], tuning: Tuning
) -> tuple[int, bool, tuple[Reason, ...]]:
    """Confidence in basis points, whether the count is certain, and the reasons for both.

    Args:
        track: the thing that passed.
        passage: how.
        gate: the line that it passed.
        others: all things followed now.
        tuning: the pipeline's figures.
    """
    way = [sight for sight in track.sights if sight.frame >= passage.before.frame]
    seen = [sight for sight in way if sight.seen]
    distances = [gate.distance(sight) for sight in seen]
    path = sum(abs(b - a) for a, b in pairwise(distances))
    straight = passage.travel / path if path > 0 else 0.0
    shares = (
        track.hits / GOOD_FRAMES,
        len(seen) / len(way) / MOSTLY_SEEN,
        passage.travel / gate.travel / GOOD_TRAVEL,
        straight / STRAIGHT,
    )
    confidence = 1.0
    for share in shares:
        confidence *= LEAST + (1 - LEAST) * min(1.0, share)
    certain, doubts = _count(track, passage, gate, others, tuning)
    reasons = (
        Reason("frames_seen", track.hits, tuning.confirm_frames, "followed as one thing"),
        Reason("travel_px", round(passage.travel), round(gate.travel), "moved across the line"),
        Reason(
            "lesser_edge_px", round(passage.edges), round(gate.travel * 0.25), "its slower edge moved too"
        ),
        Reason(
            "margin_px", round(abs(gate.distance(track.last))), round(gate.margin), "middle past the line"
        ),
        Reason(
            "seen_bps",
            round(FULL * len(seen) / len(way)),
            round(FULL * MOSTLY_SEEN),
            "of the frames on its way",
        ),
        Reason("straight_bps", round(FULL * straight), round(FULL * STRAIGHT), "travel over path"),
        *doubts,
    )
    return round(MOST * confidence * (1.0 if certain else 0.8)), certain, reasons


def _count(
    track: Track, passage: Passage, gate: Gate, others: Sequence[Track], tuning: Tuning
) -> tuple[bool, tuple[Reason, ...]]:
    """Whether the thing is one, and what speaks against it."""
    since, doubts = passage.before.frame, []
    company = sum(not sight.alone for sight in track.sights if sight.frame >= since)
    if company:
        doubts.append(Reason("company_frames", company, 0, "seen as one with another thing"))
    parted = sum(_parted(track, other, since, tuning) for other in others)
    if parted:
        doubts.append(Reason("parted_things", parted, 0, "something came off it on its way"))
    if any(other.number == track.born_of and _parted(other, track, since, tuning) for other in others):
        doubts.append(Reason("parted_from", track.born_of, None, "came off another thing on its way"))
    covers = 10_000 * passage.at.rect.area / gate.picture_px
    if tuning.one_item_bps is not None and covers > tuning.several_items * tuning.one_item_bps:
        limit = round(tuning.several_items * tuning.one_item_bps)
        doubts.append(Reason("covers_bps", round(covers), limit, "larger than one item"))
    return not doubts, tuple(doubts)


def _parted(track: Track, other: Track, since: int, tuning: Tuning) -> bool:
    """Whether another thing, too large to be a part of it, came off a thing after a frame."""
    return (
        other.born_of == track.number
        and other.sights[0].frame >= since
        and other.hits >= tuning.confirm_frames
        and other.area >= PART_SHARE * track.area
    )

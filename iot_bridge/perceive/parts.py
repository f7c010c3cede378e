"""Tells a part from a thing: what goes along with something much larger, nearly touching, is its part."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from iot_bridge.perceive.passage import Gate
from iot_bridge.perceive.tracks import PART_SHARE, Sight, Track

NEAR_SHARE: Final = 0.03
"""It is nearer to it than this share of the working copy's longer side, by the median."""
TOGETHER: Final = 0.6
"""In this share of the frames that show the part, its whole is there too."""
ALONG: Final = 0.5
"""Meanwhile the whole moves across the line at least this share of the part's way."""


def whole_of(track: Track, tracks: Sequence[Track], gate: Gate, length_px: int) -> Track | None:
    """The larger thing of which a track shows a part, None where it is a thing of its own."""
    return next((other for other in tracks if _is_part(track, other, gate, length_px)), None)


def _is_part(track: Track, other: Track, gate: Gate, length_px: int) -> bool:
    if track.area >= PART_SHARE * other.area:
        return False
    shown = {sight.frame: sight for sight in other.sights if sight.seen}
    seen = [sight for sight in track.sights if sight.seen]
    pairs = [(sight, shown[sight.frame]) for sight in seen if sight.frame in shown]
    if len(pairs) < max(2, TOGETHER * len(seen)):
        return False
    if median(part.rect.gap(whole.rect) for part, whole in pairs) > NEAR_SHARE * length_px:
        return False
    parts, wholes = zip(*pairs, strict=True)
    way = _way(parts, gate)
    return way * _way(wholes, gate) > 0 and abs(_way(wholes, gate)) >= ALONG * abs(way)


def _way(sights: Sequence[Sight], gate: Gate) -> float:
    """How far the middle went across the line, signed."""
    return gate.distance(sights[-1]) - gate.distance(sights[0])

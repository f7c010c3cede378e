"""Decides when a thing went over the line: sides held over frames, travel, and both its edges moving."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from iot_bridge.perceive.blobs import Rect
from iot_bridge.perceive.line import Line, Point
from iot_bridge.perceive.settings import Tuning
from iot_bridge.perceive.tracks import BORDER_PX, Sight, Track

EDGE_SHARE: Final = 0.25
"""Each edge of a thing must move this share of the travel demanded; what only grows does not pass."""
END_SLACK: Final = 0.02


@dataclass(frozen=True, slots=True)
class Passage:
    """A thing went over the line, with the figures that decided. Lengths in source pixels.

    Args:
        t_s: between two frames, where the middle was on the line.
        before: the farthest sight on the side it came from.
        at: the first sight past the line.
        to_positive: towards the side of positive distance.
        travel: across the line, from `before` to the newest sight.
        edges: how far the edge that moved less did move.
    """

    t_s: float
    before: Sight
    at: Sight
    to_positive: bool
    travel: float
    edges: float


@dataclass(slots=True)
class _Side:
    sign: int = 0
    since: int = 0
    beyond: int = 0


class Gate:
    """Keeps, for each track, the side of the line on which it was surely seen last.

    Args:
        line: in source pixels.
        size: width and height of the working copy.
        scale: source pixels per pixel of the working copy, across and down.
        tuning: the pipeline's figures.
    """

    def __init__(self, line: Line, size: tuple[int, int], scale: tuple[float, float], tuning: Tuning) -> None:
        self._line = line
        self._size = size
        self._scale = scale
        self._tuning = tuning
        longer = max(size[0] * scale[0], size[1] * scale[1])
        self.margin = tuning.margin_bps * longer / 10_000
        self.travel = tuning.travel_bps * longer / 10_000
        self._sides: dict[int, _Side] = {}

    @property
    def picture_px(self) -> int:
        """Pixels of the working copy."""
        return self._size[0] * self._size[1]

    def forget_all_but(self, tracks: set[int]) -> None:
        """Drop the sides of things that are gone."""
        self._sides = {number: side for number, side in self._sides.items() if number in tracks}

    def distance(self, sight: Sight) -> float:
        """Signed source pixels from the line to the middle of a thing."""
        return self._line.distance(self.point(sight.rect.middle))

    def point(self, place: Point) -> Point:
        """A place of the working copy in source pixels."""
        return place[0] * self._scale[0], place[1] * self._scale[1]

    def see(self, track: Track) -> Passage | None:
        """The passage that the newest sight of a track completes, if it does."""
        sight = track.last
        if not sight.seen:
            return None
        distance = self.distance(sight)
        sign = (distance >= self.margin) - (distance <= -self.margin)
        side = self._sides.setdefault(track.number, _Side())
        if side.sign == 0:
            side.sign, side.since = sign, len(track.sights) - 1
        if sign == side.sign:
            side.beyond = 0
        elif sign != 0:
            side.beyond += 1
        if side.beyond < self._tuning.side_frames or track.hits < self._tuning.confirm_frames:
            return None
        return self._passed(track.sights, side)

    def _passed(self, sights: Sequence[Sight], side: _Side) -> Passage | None:
        to_positive = side.sign < 0
        past = sights[side.since :]
        before = max(
            (sight for sight in past if sight.seen), key=lambda sight: side.sign * self.distance(sight)
        )
        travel = abs(self.distance(sights[-1]) - self.distance(before))
        edges = self._edges(before.rect, sights[-1].rect, -side.sign)
        if travel < self.travel or edges < EDGE_SHARE * self.travel:
            return None
        step = next(
            (a, b)
            for a, b in reversed(list(pairwise(past)))
            if side.sign * self.distance(a) >= 0 > side.sign * self.distance(b)
        )
        side.sign, side.since, side.beyond = -side.sign, len(sights) - 1, 0
        (first, second), (near, far) = step, (abs(self.distance(step[0])), abs(self.distance(step[1])))
        share = near / (near + far)
        if not self._within(first.rect.middle, second.rect.middle, share):
            return None
        t_s = first.t_s + share * (second.t_s - first.t_s)
        return Passage(t_s, before, second, to_positive, travel, edges)

    def _within(self, first: Point, second: Point, share: float) -> bool:
        """Whether the way from one point to another meets the line between its ends."""
        (x, y), (u, v) = self.point(first), self.point(second)
        along = self._line.along((x + share * (u - x), y + share * (v - y)))
        return -END_SLACK <= along <= 1 + END_SLACK

    def _edges(self, before: Rect, now: Rect, sign: int) -> float:
        """How far the edge that moved less did move that way; an edge at the border does not count."""
        moves = [
            sign * (pick(self._corners(now)) - pick(self._corners(before)))
            for pick, pinned in ((min, self._pinned), (max, self._pinned))
            if not pinned(before, pick) and not pinned(now, pick)
        ]
        return min(moves, default=self.travel)

    def _corners(self, rect: Rect) -> list[float]:
        places = (
            (rect.left, rect.top),
            (rect.right, rect.top),
            (rect.left, rect.bottom),
            (rect.right, rect.bottom),
        )
        return [self._line.distance(self.point(place)) for place in places]

    def _pinned(self, rect: Rect, pick: Callable[[list[float]], float]) -> bool:
        """Whether the edge on one side of a thing is where the picture ends."""
        width, height = self._size
        inner = Rect(
            max(rect.left, BORDER_PX),
            max(rect.top, BORDER_PX),
            min(rect.right, width - BORDER_PX),
            min(rect.bottom, height - BORDER_PX),
        )
        return pick(self._corners(inner)) != pick(self._corners(rect))

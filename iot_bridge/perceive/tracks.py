"""Follows things from frame to frame: nearest blob by assignment, with memory of size, speed and company.

1. Each track says where it should be now.
2. Fragments that lie where one track should be, and close together, are one thing again.
3. Tracks and blobs are assigned at the least total cost.
4. A blob where several tracks should be holds them all; each keeps its size and moves with the blob's edges.
5. What is left starts a track, or is out of sight for a while and then lost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from iot_bridge.perceive.blobs import Blob, Rect
from iot_bridge.perceive.settings import Tuning

FAR: Final = 3.0
"""What it costs to leave a track without a blob; no pair may cost more."""
SHORTEST_S: Final = 0.1
"""Cameras repeat pictures, so a thing may move in one step as far as in several."""
TENFOLD: Final = math.log(10)
"""A thing does not become ten times as large, or a tenth, from one frame to the next."""
SPEED_KEPT: Final = 0.6
SIZE_KEPT: Final = 0.8
NEW_SPEED: Final = 1.0
"""Greatest speed of a thing just found, in picture lengths per second."""
KNOWN_SPEED_CHANGE: Final = 0.4
"""The same for the change of a known speed within one second."""
INSIDE_SHARE: Final = 0.6
FRAGMENT_GAP: Final = 0.25
GROWTH: Final = 1.3
COMPANY_SHARE: Final = 0.4
PATIENT_FRAMES: Final = 2.5
"""A slow source does not lose a thing between two of its frames."""
HASTY_PATIENCE: Final = 0.5
"""What remains of the patience with a thing just found, or on its way out of the picture."""
BORDER_PX: Final = 2.0
PART_SHARE: Final = 0.35
"""What is smaller than this share of a thing may be a part of it."""
WHOLE: Final = 1.2
"""A blob up to this many times a track's own extent holds that track alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Where a track was at one frame: seen alone, seen in company (one blob with others), or not seen."""

    frame: int
    t_s: float
    rect: Rect
    seen: bool
    alone: bool
    fragments: int
    pixels: float


@dataclass(slots=True)
class Track:
    """One thing that is followed."""

    number: int
    sights: list[Sight]
    width: float
    height: float
    speed: tuple[float, float] = (0.0, 0.0)
    hits: int = 1
    born_of: int | None = None
    """The track out of whose blob this one came."""

    @property
    def area(self) -> float:
        """Of its box, as remembered."""
        return self.width * self.height

    @property
    def last(self) -> Sight:
        """Where it was at the newest frame."""
        return self.sights[-1]

    def last_seen(self) -> Sight:
        """Where it was when it was last seen."""
        return next(sight for sight in reversed(self.sights) if sight.seen)

    def expected(self, t_s: float) -> Rect:
        """Where it should be at a time, at its speed."""
        dt = t_s - self.last.t_s
        return self.last.rect.moved(self.speed[0] * dt, self.speed[1] * dt)


class Tracker:
    """Keeps the tracks of one camera.

    Args:
        size: width and height of the working copy.
        frame_rate: of the source, per second.
        tuning: the pipeline's figures.
    """

    def __init__(self, size: tuple[int, int], frame_rate: float, tuning: Tuning) -> None:
        self._size = size
        self._length = max(size)
        self._tuning = tuning
        self._patience = max(tuning.lost_after_s, PATIENT_FRAMES / frame_rate)
        self._numbers = 0
        self.tracks: list[Track] = []

    def step(self, frame: int, t_s: float, found: Sequence[Blob]) -> list[Track]:
        """The tracks after one more frame; those lost are gone from it."""
        self._lose(t_s)
        expected = [track.expected(t_s) for track in self.tracks]
        pieces = [(blob, 1) for blob in found]
        pieces = self._joined(pieces, expected)
        pairs = self._assigned(pieces, expected, t_s)
        company = self._company(pieces, expected, pairs)
        for at, track in enumerate(self.tracks):
            if at in company:
                continue
            if at in pairs:
                blob, fragments = pieces[pairs[at]]
                self._see(
                    track,
                    Sight(
                        frame=frame,
                        t_s=t_s,
                        rect=blob.rect,
                        seen=True,
                        alone=True,
                        fragments=fragments,
                        pixels=blob.pixels,
                    ),
                )
            else:
                track.sights.append(
                    Sight(
                        frame=frame,
                        t_s=t_s,
                        rect=expected[at],
                        seen=False,
                        alone=True,
                        fragments=0,
                        pixels=0.0,
                    )
                )
        self._see_company(frame, t_s, pieces, expected, company)
        taken = {*pairs.values(), *company.values()}
        for at, (blob, fragments) in enumerate(pieces):
            if at not in taken:
                self._start(frame, t_s, blob, fragments)
        return self.tracks

    def _joined(self, pieces: list[tuple[Blob, int]], expected: list[Rect]) -> list[tuple[Blob, int]]:
        """Step 2: fragments within one track's place, joined where they nearly touch."""
        for at, track in enumerate(self.tracks):
            if track.hits < self._tuning.confirm_frames:
                continue
            place = expected[at]
            inside = [p for p in pieces if p[0].rect.overlap(place) >= INSIDE_SHARE * p[0].rect.area]
            if len(inside) < 2:  # noqa: PLR2004 - one piece is whole
                continue
            inside.sort(key=lambda piece: -piece[0].pixels)
            whole, used = inside[0], [inside[0]]
            for piece in inside[1:]:
                union = whole[0].rect.around(piece[0].rect)
                near = whole[0].rect.gap(piece[0].rect) <= FRAGMENT_GAP * min(track.width, track.height)
                if near and union.width <= GROWTH * track.width and union.height <= GROWTH * track.height:
                    whole = (Blob(union, whole[0].pixels + piece[0].pixels), whole[1] + piece[1])
                    used.append(piece)
            if len(used) > 1:
                pieces = [piece for piece in pieces if piece not in used] + [whole]
        return pieces

    def _assigned(self, pieces: list[tuple[Blob, int]], expected: list[Rect], t_s: float) -> dict[int, int]:
        """Step 3: track → piece, where the cost is bearable."""
        if not pieces or not self.tracks:
            return {}
        costs = np.full((len(self.tracks), len(pieces)), FAR)
        for row, track in enumerate(self.tracks):
            for column, (blob, _) in enumerate(pieces):
                costs[row, column] = self._cost(track, expected[row], blob.rect, t_s)
        rows, columns = linear_sum_assignment(costs)
        return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if costs[r, c] < FAR}

    def _cost(self, track: Track, place: Rect, rect: Rect, t_s: float) -> float:
        dt = max(t_s - track.last_seen().t_s, SHORTEST_S)
        young = track.hits < self._tuning.confirm_frames
        speed = NEW_SPEED if young else KNOWN_SPEED_CHANGE
        size = max(place.width, place.height, rect.width, rect.height)
        (x, y), (u, v) = place.middle, rect.middle
        distance = math.hypot(u - x, v - y)
        reach = 0.5 * size + speed * self._length * dt
        ratio = abs(math.log(rect.area / track.area))
        if distance > reach or ratio > TENFOLD:
            return FAR
        cost = distance / reach + (1.0 - place.likeness(rect)) + 0.3 * ratio + (0.5 if young else 0.0)
        return min(FAR, cost)

    def _company(
        self, pieces: list[tuple[Blob, int]], expected: list[Rect], pairs: dict[int, int]
    ) -> dict[int, int]:
        """Step 4: tracks that share a piece with others → that piece."""
        together: dict[int, list[int]] = {}
        owners = {piece: at for at, piece in pairs.items()}
        for at, track in enumerate(self.tracks):
            if at in pairs or track.hits < self._tuning.confirm_frames:
                continue
            shares = [
                (blob.rect.overlap(expected[at]) / expected[at].area, -piece)
                for piece, (blob, _) in enumerate(pieces)
                if piece in owners and self._holds_more(self.tracks[owners[piece]], blob.rect, track)
            ]
            share, piece = max(shares, default=(0.0, 0))
            if share >= COMPANY_SHARE:
                together.setdefault(-piece, []).append(at)
        return {at: piece for piece, members in together.items() for at in sorted([*members, owners[piece]])}

    def _holds_more(self, owner: Track, rect: Rect, other: Track) -> bool:
        """Whether a piece is larger than the track to which it was assigned, by a track of like size."""
        confirmed = owner.hits >= self._tuning.confirm_frames
        alike = other.area >= PART_SHARE * owner.area
        return (
            confirmed and alike and (rect.width > WHOLE * owner.width or rect.height > WHOLE * owner.height)
        )

    def _see_company(
        self,
        frame: int,
        t_s: float,
        pieces: list[tuple[Blob, int]],
        expected: list[Rect],
        company: dict[int, int],
    ) -> None:
        for piece in sorted(set(company.values())):
            blob = pieces[piece][0]
            members = [at for at in company if company[at] == piece]
            places = [expected[at] for at in members]
            for at, rect in zip(members, aligned(places, blob.rect), strict=True):
                sight = Sight(
                    frame=frame, t_s=t_s, rect=rect, seen=True, alone=False, fragments=1, pixels=blob.pixels
                )
                self._see(self.tracks[at], sight)

    def _see(self, track: Track, sight: Sight) -> None:
        before = track.last_seen()
        dt = sight.t_s - before.t_s
        (x, y), (u, v) = before.rect.middle, sight.rect.middle
        kept = 0.0 if track.hits == 1 else SPEED_KEPT
        track.speed = (
            kept * track.speed[0] + (1 - kept) * (u - x) / dt,
            kept * track.speed[1] + (1 - kept) * (v - y) / dt,
        )
        if sight.alone:
            track.width = SIZE_KEPT * track.width + (1 - SIZE_KEPT) * sight.rect.width
            track.height = SIZE_KEPT * track.height + (1 - SIZE_KEPT) * sight.rect.height
        track.hits += 1
        track.sights.append(sight)

    def _start(self, frame: int, t_s: float, blob: Blob, fragments: int) -> None:
        self._numbers += 1
        track = Track(
            self._numbers,
            [
                Sight(
                    frame=frame,
                    t_s=t_s,
                    rect=blob.rect,
                    seen=True,
                    alone=True,
                    fragments=fragments,
                    pixels=blob.pixels,
                )
            ],
            blob.rect.width,
            blob.rect.height,
        )
        for other in self.tracks:
            if len(other.sights) > 1:
                place = other.sights[-2].rect
                if place.overlap(blob.rect) >= INSIDE_SHARE * blob.rect.area:
                    track.born_of = other.number
        self.tracks.append(track)

    def _lose(self, t_s: float) -> None:
        def kept(track: Track) -> bool:
            young = track.hits < self._tuning.confirm_frames
            hasty = young or self._is_leaving(track)
            patience = self._patience * (HASTY_PATIENCE if hasty else 1.0)
            return t_s - track.last_seen().t_s <= patience

        self.tracks = [track for track in self.tracks if kept(track)]

    def _is_leaving(self, track: Track) -> bool:
        """Whether it was last seen at an edge of the picture and moving out of it."""
        rect, (right, down) = track.last_seen().rect, track.speed
        width, height = self._size
        return (
            (rect.left <= BORDER_PX and right < 0)
            or (rect.right >= width - BORDER_PX and right > 0)
            or (rect.top <= BORDER_PX and down < 0)
            or (rect.bottom >= height - BORDER_PX and down > 0)
        )


def aligned(places: Sequence[Rect], blob: Rect) -> list[Rect]:
    """Each place moved so that the outermost ones touch the edges of the blob that holds them all."""
    left = min(place.left for place in places)
    right = max(place.right for place in places)
    top = min(place.top for place in places)
    bottom = max(place.bottom for place in places)
    moved = []
    for place in places:
        dx = [blob.left - left] * (place.left == left) + [blob.right - right] * (place.right == right)
        dy = [blob.top - top] * (place.top == top) + [blob.bottom - bottom] * (place.bottom == bottom)
        moved.append(place.moved(sum(dx) / len(dx) if dx else 0.0, sum(dy) / len(dy) if dy else 0.0))
    return moved

"""Reads AprilTags of family 36h11 and says which of them travel with a thing."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2

from iot_bridge.capture.frame import Picture
from iot_bridge.perceive.crossing import Box

FEWEST_READS: Final = 2
MOVES_WITH: Final = 0.4
"""A tag belongs to a thing when it moved at least this share of the way the thing moved."""
NOT_STILL_PX: Final = 4.0
SETTLED_READS: Final = 3
SETTLED_PAUSE: Final = 4
"""Once a tag was read often enough, the thing is searched again only every so many frames."""
WINDOWS_PX: Final = (5, 21)
"""Neighbourhoods in which black is told from white."""


@dataclass(frozen=True, slots=True)
class TagRead:
    """A tag and where its middle stands, in source pixels."""

    tag: int
    x: float
    y: float


@cache
def _detector() -> cv2.aruco.ArucoDetector:
    figures = cv2.aruco.DetectorParameters()
    figures.adaptiveThreshWinSizeMin, figures.adaptiveThreshWinSizeMax = WINDOWS_PX
    figures.adaptiveThreshWinSizeStep = WINDOWS_PX[1] - WINDOWS_PX[0]
    return cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11), figures)


def tags_in(image: Picture, within: Box | None = None) -> list[TagRead]:
    """The tags in a picture or in a part of it, by number.

    Args:
        image: shape (height, width, 3), uint8.
        within: only this part is searched; the whole picture when None.
    """
    box = within or Box(0, 0, image.shape[1], image.shape[0])
    part = image[max(box.y, 0) : box.y + box.height, max(box.x, 0) : box.x + box.width]
    if min(part.shape[:2]) < 1:
        return []
    corners, numbers, _ = _detector().detectMarkers(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY))
    if not corners:
        return []
    reads = [
        TagRead(
            int(number),
            float(four[0, :, 0].mean()) + max(box.x, 0),
            float(four[0, :, 1].mean()) + max(box.y, 0),
        )
        for number, four in zip(numbers.ravel(), corners, strict=True)
    ]
    return sorted(reads, key=lambda read: (read.tag, read.x, read.y))


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A tag read on a thing, and where the middle of the thing stood then."""

    frame: int
    read: TagRead
    x: float
    y: float


class TagBook:
    """What was read on each thing that is followed."""

    def __init__(self) -> None:
        self._searched: dict[int, tuple[int, float, float]] = {}
        self._sightings: dict[int, list[_Sighting]] = defaultdict(list)

    def is_due(self, track: int, frame: int, middle: tuple[float, float]) -> bool:
        """Whether a thing is worth searching for tags again; notes that it was, if so.

        Args:
            track: number of the thing.
            frame: index of the frame.
            middle: of the thing, in source pixels; one that has not moved shows nothing new.
        """
        before = self._searched.get(track)
        if before is not None:
            counts = Counter(sighting.read.tag for sighting in self._sightings.get(track, ()))
            settled = max(counts.values(), default=0) >= SETTLED_READS
            still = math.hypot(middle[0] - before[1], middle[1] - before[2]) < NOT_STILL_PX
            if still or frame < before[0] + (SETTLED_PAUSE if settled else 1):
                return False
        self._searched[track] = (frame, *middle)
        return True

    def note(self, track: int, frame: int, middle: tuple[float, float], read: TagRead) -> None:
        """Keep a tag read on a thing whose middle stood there, in source pixels."""
        self._sightings[track].append(_Sighting(frame, read, *middle))

    def reads_of(self, track: int, since: int) -> dict[int, int]:
        """How often each tag of a thing was read since a frame, by number.

        Only tags read at least twice that moved with the thing: one on the wall behind it does not.
        """
        found: dict[int, list[_Sighting]] = defaultdict(list)
        for sighting in self._sightings.get(track, ()):
            if sighting.frame >= since:
                found[sighting.read.tag].append(sighting)
        return {tag: len(found[tag]) for tag in sorted(found) if _travels(found[tag])}

    def forget_all_but(self, tracks: set[int]) -> None:
        """Drop what was read on things that are gone."""
        for gone in self._sightings.keys() - tracks:
            del self._sightings[gone]
        self._searched = {number: when for number, when in self._searched.items() if number in tracks}


def _travels(sightings: list[_Sighting]) -> bool:
    if len(sightings) < FEWEST_READS:
        return False
    first, last = sightings[0], sightings[-1]
    way = math.hypot(last.x - first.x, last.y - first.y)
    moved = math.hypot(last.read.x - first.read.x, last.read.y - first.read.y)
    return moved >= max(NOT_STILL_PX, MOVES_WITH * way)

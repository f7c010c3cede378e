"""Reads AprilTags of family 36h11 and says which of them travel with a thing."""

import math
from collections import defaultdict
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


@dataclass(frozen=True, slots=True)
class TagRead:
    """A tag and where its middle stands, in source pixels."""

    tag: int
    x: float
    y: float


@cache
def _detector() -> cv2.aruco.ArucoDetector:
    figures = cv2.aruco.DetectorParameters()
    figures.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_NONE
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


class TagBook:
    """What was read on each thing that is followed."""

    def __init__(self) -> None:
        self._reads: dict[int, dict[int, list[tuple[TagRead, float, float]]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def note(self, track: int, middle: tuple[float, float], read: TagRead) -> None:
        """Keep a tag read on a thing whose middle stood there, in source pixels."""
        self._reads[track][read.tag].append((read, *middle))

    def of(self, track: int) -> tuple[int, ...]:
        """Tags read at least twice that moved with the thing; a tag on the wall behind it does not."""
        return tuple(sorted(tag for tag, reads in self._reads.get(track, {}).items() if _travels(reads)))

    def reads(self, track: int) -> int:
        """How often any tag was read on the thing."""
        return sum(len(reads) for reads in self._reads.get(track, {}).values())

    def forget_all_but(self, tracks: set[int]) -> None:
        """Drop what was read on things that are gone."""
        for gone in self._reads.keys() - tracks:
            del self._reads[gone]


def _travels(reads: list[tuple[TagRead, float, float]]) -> bool:
    if len(reads) < FEWEST_READS:
        return False
    (first, x, y), (last, u, v) = reads[0], reads[-1]
    way = math.hypot(u - x, v - y)
    moved = math.hypot(last.x - first.x, last.y - first.y)
    return moved >= max(NOT_STILL_PX, MOVES_WITH * way)

"""Connected areas of motion as upright boxes."""

from dataclasses import dataclass
from typing import Self

import cv2

from iot_bridge.perceive.exposure import Mask


@dataclass(frozen=True, slots=True)
class Rect:
    """An upright rectangle in pixels of the working copy, by its edges."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Extent from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Extent from top to bottom."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Width by height."""
        return self.width * self.height

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def moved(self, dx: float, dy: float) -> Self:
        """The same rectangle elsewhere."""
        return type(self)(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def overlap(self, other: "Rect") -> float:
        """Area that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)

    def likeness(self, other: "Rect") -> float:
        """Area that both cover over the area that either covers."""
        both = self.overlap(other)
        return both / (self.area + other.area - both)

    def gap(self, other: "Rect") -> float:
        """Pixels between the two, 0 where they touch."""
        across = max(self.left, other.left) - min(self.right, other.right)
        down = max(self.top, other.top) - min(self.bottom, other.bottom)
        return max(0.0, across, down)

    def around(self, other: "Rect") -> Self:
        """The smallest rectangle that holds both."""
        return type(self)(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class Blob:
    """One area of motion: the box around it and how many pixels of it move."""

    rect: Rect
    pixels: float


def blobs(moving: Mask, *, smallest_px: float, thinnest_px: float) -> list[Blob]:
    """The areas of a mask, from the top of the picture down.

    Args:
        moving: shape (height, width), uint8, 255 where something moves.
        smallest_px: least number of pixels.
        thinnest_px: least number of pixels over the longer side of the box.
    """
    count, _, figures, _ = cv2.connectedComponentsWithStats(moving, connectivity=8)
    found = []
    for x, y, width, height, pixels in figures[1:count].tolist():
        if pixels >= max(smallest_px, thinnest_px * max(width, height)):
            found.append(Blob(Rect(x, y, x + width, y + height), pixels))
    return sorted(found, key=lambda blob: (blob.rect.top, blob.rect.left, blob.rect.bottom, blob.rect.right))

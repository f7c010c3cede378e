"""Drawing with smooth edges: shapes in picture pixels on a canvas that is finer than the picture."""

from collections.abc import Sequence
from typing import Final, Self

import cv2
import numpy as np

from iot_bridge.capture.frame import Picture

FINE: Final = 3
"""Canvas pixels per picture pixel."""

Colour = tuple[int, int, int]
"""Blue, green, red."""
Place = tuple[float, float]


class Canvas:
    """A picture under construction, with how far each pixel covers what is behind it.

    Args:
        width: in picture pixels.
        height: in picture pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.pixels = np.zeros((height * FINE, width * FINE, 4), np.uint8)

    def polygon(self, corners: Sequence[Place], colour: Colour) -> Self:
        """A filled area."""
        points = np.round(np.array(corners, np.float64) * FINE).astype(np.int32)
        cv2.fillPoly(self.pixels, [points], (*colour, 255))
        return self

    def box(self, corner: Place, opposite: Place, colour: Colour) -> Self:
        """A filled upright rectangle."""
        (x, y), (u, v) = corner, opposite
        return self.polygon([(x, y), (u, y), (u, v), (x, v)], colour)

    def line(self, start: Place, end: Place, colour: Colour, thick: float = 1.0) -> Self:
        """A straight line."""
        a, b = (tuple(round(v * FINE) for v in place) for place in (start, end))
        cv2.line(self.pixels, a, b, (*colour, 255), max(1, round(thick * FINE)))
        return self

    def disc(self, middle: Place, radii: Place, colour: Colour, thick: float | None = None) -> Self:
        """An ellipse, filled or as a ring."""
        at = (round(middle[0] * FINE), round(middle[1] * FINE))
        axes = (max(1, round(radii[0] * FINE)), max(1, round(radii[1] * FINE)))
        width = -1 if thick is None else max(1, round(thick * FINE))
        cv2.ellipse(self.pixels, at, axes, 0, 0, 360, (*colour, 255), width)
        return self

    def shaded(self, corner: Place, opposite: Place, shades: Sequence[Colour]) -> Self:
        """A rectangle whose colour runs through the shades from its top to its bottom."""
        x, y, u, v = (round(value * FINE) for value in (*corner, *opposite))
        steps = np.linspace(0, len(shades) - 1, max(1, v - y))
        whole = np.array(shades, np.float64)
        column = np.stack([np.interp(steps, range(len(shades)), whole[:, c]) for c in range(3)], axis=1)
        self.pixels[y:v, x:u, :3] = np.round(column).astype(np.uint8)[:, None]
        self.pixels[y:v, x:u, 3] = 255
        return self

    def text(self, place: Place, words: str, colour: Colour, size: float = 0.5) -> Self:
        """Words whose base line starts at a place."""
        at = (round(place[0] * FINE), round(place[1] * FINE))
        face, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size * FINE * 1.6))
        cv2.putText(self.pixels, words, at, face, size * FINE, (*colour, 255), thick, cv2.LINE_AA)
        return self

    def stamp(self, corner: Place, image: Picture) -> Self:
        """A picture made for the fine canvas, laid on as it is."""
        x, y = round(corner[0] * FINE), round(corner[1] * FINE)
        height, width = image.shape[:2]
        self.pixels[y : y + height, x : x + width, :3] = image
        self.pixels[y : y + height, x : x + width, 3] = 255
        return self

    def mirrored(self) -> Self:
        """The same, seen in a mirror, from here on."""
        self.pixels = np.ascontiguousarray(self.pixels[:, ::-1])
        return self

    def finished(self) -> "Sprite":
        """The drawing at the size of the picture."""
        fine = self.pixels.astype(np.float32)
        fine[..., :3] *= fine[..., 3:] / 255  # else the empty canvas would darken every edge
        height, width = fine.shape[0] // FINE, fine.shape[1] // FINE
        small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
        return Sprite(np.asarray(small, np.float32))


class Sprite:
    """A drawn thing that can be laid on a picture anywhere.

    Args:
        premultiplied: shape (height, width, 4), float32: blue, green, red times cover, and cover, 0 … 255.
    """

    def __init__(self, premultiplied: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        self.pixels = premultiplied
        self.height, self.width = premultiplied.shape[:2]

    def lay_on(
        self, picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]], left: float, top: int, blur_px: int
    ) -> None:
        """Lay it on a float picture of shape (height, width, 3), between pixels and smeared along its way."""
        whole = int(np.floor(left))
        moved = cv2.warpAffine(
            cv2.copyMakeBorder(self.pixels, 0, 0, blur_px, blur_px + 1, cv2.BORDER_CONSTANT),
            np.array([[1, 0, left - whole], [0, 1, 0]], np.float64),
            (self.width + 2 * blur_px + 1, self.height),
        )
        if blur_px > 1:
            moved = cv2.blur(moved, (blur_px, 1))
        start = whole - blur_px
        first, last = max(0, start), min(picture.shape[1], start + moved.shape[1])
        if first >= last:
            return
        part = moved[:, first - start : last - start]
        under = picture[top : top + self.height, first:last]
        under *= 1 - part[..., 3:] / 255
        under += part[..., :3]

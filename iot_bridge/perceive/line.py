"""The gate line: where it is, on which side a point lies, and which way a motion went over it."""

import math
import re
from dataclasses import dataclass
from typing import Final, Self

from iot_bridge.perceive.crossing import Direction
from iot_bridge.perceive.errors import LineImpassable, LineMalformed, LineOutsidePicture, LineTooShort

WRITTEN: Final = re.compile(r"\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*")
ROOM_BPS: Final = 500
"""Each side of the line must offer this share of the picture's extent across it."""
LENGTH_BPS: Final = 400
"""The line must be this share of the picture's shorter side long."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A segment in source pixels, y downwards; its ends may lie outside the picture."""

    x1: int
    y1: int
    x2: int
    y2: int

    def __post_init__(self) -> None:
        if (self.x1, self.y1) == (self.x2, self.y2):
            raise LineMalformed(line=self.text(), expected="two different ends, for example 0,216,768,216")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The line written as `X1,Y1,X2,Y2`.

        Raises:
            LineMalformed: the text is anything else, or both ends are the same.
        """
        found = WRITTEN.fullmatch(text)
        if found is None:
            raise LineMalformed(line=repr(text), expected="X1,Y1,X2,Y2, for example 0,216,768,216")
        return cls(*(int(number) for number in found.groups()))

    def text(self) -> str:
        """The line as `parse` takes it."""
        return f"{self.x1},{self.y1},{self.x2},{self.y2}"

    def length(self) -> float:
        """Pixels from end to end."""
        return math.hypot(self.x2 - self.x1, self.y2 - self.y1)

    def distance(self, point: Point) -> float:
        """Signed pixels from the endless line to a point; motion across it changes the sign."""
        across = (self.x2 - self.x1) * (point[1] - self.y1) - (self.y2 - self.y1) * (point[0] - self.x1)
        return across / self.length()

    def along(self, point: Point) -> float:
        """Where a point stands along the line: 0 at the first end, 1 at the second."""
        dx, dy = self.x2 - self.x1, self.y2 - self.y1
        return ((point[0] - self.x1) * dx + (point[1] - self.y1) * dy) / (dx * dx + dy * dy)

    def direction(self, *, to_positive: bool) -> Direction:
        """Which way a motion towards the side of positive or of negative distance goes, in image terms.

        A line that is more upright than level is crossed to the left or right, any other up or down.
        """
        right, down = -(self.y2 - self.y1), self.x2 - self.x1
        sign = 1 if to_positive else -1
        if abs(right) >= abs(down):
            return "right" if right * sign > 0 else "left"
        return "down" if down * sign > 0 else "up"

    def inside(self, *, width: int, height: int) -> tuple[Point, Point]:
        """The ends of the part of the line that lies in a picture of this size.

        Raises:
            LineOutsidePicture: no part of it does.
        """
        enter, leave = 0.0, 1.0
        for start, step, extent in (
            (self.x1, self.x2 - self.x1, width),
            (self.y1, self.y2 - self.y1, height),
        ):
            if step == 0:
                if not 0 <= start <= extent:
                    raise LineOutsidePicture(line=self.text(), picture=f"{width}x{height}")
                continue
            low, high = sorted((-start / step, (extent - start) / step))
            enter, leave = max(enter, low), min(leave, high)
        if enter >= leave:
            raise LineOutsidePicture(line=self.text(), picture=f"{width}x{height}")
        return self._at(enter), self._at(leave)

    def _at(self, share: float) -> Point:
        return self.x1 + share * (self.x2 - self.x1), self.y1 + share * (self.y2 - self.y1)

    def require_passable(self, *, width: int, height: int) -> None:
        """Refuse a line that things in a picture of this size cannot wholly pass.

        Raises:
            LineOutsidePicture: no part of it lies in the picture.
            LineTooShort: the part inside is shorter than 4 % of the picture's shorter side.
            LineImpassable: a side of it offers less than 5 % of the picture's extent across the line.
        """
        first, second = self.inside(width=width, height=height)
        length, shortest = math.dist(first, second), min(width, height) * LENGTH_BPS / 10_000
        if length < shortest:
            raise LineTooShort(line=self.text(), inside_px=round(length), needed_px=math.ceil(shortest))
        corners = [self.distance(corner) for corner in ((0, 0), (width, 0), (0, height), (width, height))]
        room, needed = min(max(corners), -min(corners)), (max(corners) - min(corners)) * ROOM_BPS / 10_000
        if room < needed:
            raise LineImpassable(
                line=self.text(),
                picture=f"{width}x{height}",
                room_px=round(max(room, 0)),
                needed_px=math.ceil(needed),
            )

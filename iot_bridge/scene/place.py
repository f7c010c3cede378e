"""Where things are in the rendered yard: the size of its pictures, its gate line, and which way is in."""

from collections.abc import Mapping
from typing import Final, Literal

from iot_bridge.perceive.crossing import Direction
from iot_bridge.perceive.line import Line

WIDTH: Final = 960
HEIGHT: Final = 540
FRAME_RATE: Final = 12.5
GATE_X: Final = 480
GATE_LINE: Final = Line(GATE_X, 60, GATE_X, HEIGHT)
"""The gate line of the rendered yard, in the pixels of its pictures."""
DIRECTIONS: Final[Mapping[Direction, Literal["in", "out"]]] = {"right": "in", "left": "out"}
"""The warehouse is on the right, the road on the left."""

FLOOR_Y: Final = 322
"""Where the wall meets the floor."""
LANE_Y: Final = 462
"""Where wheels stand."""

"""Everything that decides what the eye sees, in one frozen record: it is hashed into every crossing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from iot_bridge.perceive.errors import AreaMalformed, TuningMalformed
from iot_bridge.perceive.line import Line

Polygon = tuple[tuple[int, int], ...]
"""Corners in source pixels, in order around the area."""

CORNERS: Final = 3


@dataclass(frozen=True, slots=True)
class Tuning:
    """The figures of the pipeline; one set serves all scenes (docs/perception.md measures the defaults)."""

    working_px: int = 480
    """Longer side of the copy that is searched for motion."""
    warm_up_s: float = 3.0
    """How long frames are held at the start, so that the empty scene is known before the first is judged."""
    remembers_s: float = 20.0
    """How far back the picture of the empty scene reaches: a thing that stands longer fades into it."""
    contrast: float = 20.0
    """Grey levels by which a thing must differ from the empty scene, where the camera's noise is low."""
    noise_factor: float = 9.0
    """The same as a multiple of the camera's noise, where that is more."""
    daylight: float = 90.0
    """Mean grey level up to which a dark scene is brightened, at most four times."""
    light_cell_px: int = 40
    """Side of the cells in which exposure is followed."""
    smallest_bps: float = 4.0
    """Least share of the picture that a thing covers."""
    thinnest_px: float = 4.0
    """Least thickness of a thing in the working copy: pixels over its longer side; a scratch is thinner."""
    confirm_frames: int = 3
    """In how many frames a thing must be seen before it is followed as one."""
    side_frames: int = 2
    """In how many frames running it must be seen on the other side of the line."""
    lost_after_s: float = 0.7
    """How long a thing may be out of sight and still be the same one."""
    margin_bps: float = 80.0
    """How far past the line counts as past it, as a share of the picture's longer side."""
    travel_bps: float = 300.0
    """How far a thing must have moved across the line in all, as a share of the picture's longer side."""
    one_item_bps: float | None = None
    """Share of the picture that one item covers, where it was calibrated."""
    several_items: float = 1.6
    """From this many times that share on the count is uncertain."""
    tags: bool = True
    """Whether AprilTags are looked for."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not (math.isfinite(value) and (value > 0 or each.name == "tags")):
                raise TuningMalformed(setting=each.name, value=value, expected="a number above 0")


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What one gate camera watches: its line, the areas it ignores, and the pipeline's figures."""

    line: Line
    ignored: Sequence[Polygon] = ()
    tuning: Tuning = field(default_factory=Tuning)

    def __post_init__(self) -> None:
        for polygon in self.ignored:
            if len(polygon) < CORNERS:
                raise AreaMalformed(area=polygon, expected="at least 3 corners")
        object.__setattr__(self, "ignored", tuple(tuple(polygon) for polygon in self.ignored))

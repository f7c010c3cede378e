"""Frames for tests of perception: boxes that move over a rough floor, with noise, all from one seed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import cv2
import numpy as np

from iot_bridge.capture.frame import Frame, Picture
from iot_bridge.perceive.crossing import Crossing
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.line import Line
from iot_bridge.perceive.settings import GateSettings, Tuning

WIDTH: Final = 320
HEIGHT: Final = 180
RATE: Final = 12.5
MIDDLE: Final = Line(160, 0, 160, 180)

Way = Callable[[float], tuple[float, float] | None]
"""Where the middle of a box is at a time, None where it is not there."""


def drive(start: float, end: float, *, at_s: float, lasts_s: float, y: float = 100) -> Way:
    """A level way from one x to another; the box is there only while it drives."""

    def where(t_s: float) -> tuple[float, float] | None:
        share = (t_s - at_s) / lasts_s
        return (start + share * (end - start), y) if 0 <= share <= 1 else None

    return where


def frames(ways: Sequence[Way], lasts_s: float, *, side: int = 34, seed: int = 3) -> Iterator[Frame]:
    """A sequence in memory, its wall clock starting at 0."""
    chance = np.random.default_rng(seed)
    floor = chance.integers(90, 130, (HEIGHT // 4, WIDTH // 4, 1)).astype(np.uint8)
    empty = cv2.resize(np.repeat(floor, 3, axis=2), (WIDTH, HEIGHT)).astype(np.int16)
    for index in range(round(lasts_s * RATE)):
        t_s = index / RATE
        picture = empty + chance.normal(0, 2, empty.shape).astype(np.int16)
        image: Picture = picture.clip(0, 255).astype(np.uint8)
        for way in ways:
            place = way(t_s)
            if place is not None:
                x, y = round(place[0]), round(place[1])
                cv2.rectangle(
                    image, (x - side // 2, y - side // 2), (x + side // 2, y + side // 2), (30, 40, 200), -1
                )
        yield Frame(image, index, t_s, round(t_s * 1000))


def watched(
    seen: Iterator[Frame] | Sequence[Frame], line: Line = MIDDLE, tuning: Tuning | None = None
) -> list[Crossing]:
    """Every crossing of a sequence."""
    watcher = GateWatcher(GateSettings(line, tuning=tuning or Tuning(tags=False)))
    crossings = [crossing for frame in seen for crossing in watcher.see(frame)]
    return crossings + watcher.finish()

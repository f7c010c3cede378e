"""Plays a real clip before the lens, crossing by crossing.

The clip is watched once to find its crossings. On command the pictures around one of them are shown in real
time, then the scene stands still. A way that the clip does not show is shown by playing a crossing backwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path
from typing import Final, Self

from iot_bridge.capture.frame import Frame, Picture
from iot_bridge.capture.source import open_source
from iot_bridge.perceive.crossing import Crossing, Direction
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.line import Line
from iot_bridge.perceive.settings import GateSettings
from iot_bridge.scene.errors import ClipHasNoCrossing, ClipTooLong

BEFORE_S: Final = 3.0
AFTER_S: Final = 2.0
ALONE_S: Final = 0.9
"""A crossing is shown only when the next ones before and after it are at least this far."""
CLEAR_S: Final = 0.4
"""A showing keeps this far from crossings that it is not about."""
OPPOSITE: Final[dict[Direction, Direction]] = {"left": "right", "right": "left", "up": "down", "down": "up"}
LONGEST_FRAMES: Final = 6_000

Showing = list[tuple[float, Picture]]
"""Pictures, with seconds from the first."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip in memory, with the crossings of its gate line that no other one comes close to.

    Args:
        frames: all of them.
        alone: the crossings that can be shown, each with the time before and after it that is its own.
    """

    frames: tuple[Frame, ...]
    alone: tuple[tuple[Crossing, float, float], ...]

    @classmethod
    def load(cls, path: Path, line: Line) -> Self:
        """Read and watch a clip.

        Raises:
            CaptureRefused: it cannot be read.
            ClipTooLong: it has more than 6 000 pictures.
            ClipHasNoCrossing: nothing crosses the line alone.
        """
        watcher = GateWatcher(GateSettings(line))
        frames: list[Frame] = []
        seen: list[Crossing] = []
        with open_source(str(path)) as source:
            for frame in source.frames():
                if len(frames) >= LONGEST_FRAMES:
                    raise ClipTooLong(path=path, most=LONGEST_FRAMES)
                frames.append(frame)
                seen += watcher.see(frame)
        seen += watcher.finish()
        alone = _alone(seen)
        if not alone:
            raise ClipHasNoCrossing(path=path, line=line.text(), crossings=len(seen))
        return cls(tuple(frames), alone)

    @property
    def frame_rate(self) -> float:
        """Pictures per second."""
        return self.frames[-1].index / self.frames[-1].t_s

    def showings(self, direction: Direction) -> Iterator[Showing]:
        """Without end, one crossing that way after the other.

        Raises:
            ClipHasNoCrossing: the clip has none that way, nor against it.
        """
        forward = [each for each in self.alone if each[0].direction == direction]
        backward = [each for each in self.alone if each[0].direction == OPPOSITE[direction]]
        if not forward and not backward:
            raise ClipHasNoCrossing(direction=direction, crossings=len(self.alone))
        return self._cycle(forward or backward, reverse=not forward)

    def _cycle(self, crossings: list[tuple[Crossing, float, float]], *, reverse: bool) -> Iterator[Showing]:
        for crossing, before_s, after_s in cycle(crossings):
            first, last = crossing.t_s - before_s, crossing.t_s + after_s
            shown = [frame for frame in self.frames if first <= frame.t_s <= last]
            if reverse:
                yield [(shown[-1].t_s - frame.t_s, frame.image) for frame in reversed(shown)]
            else:
                yield [(frame.t_s - shown[0].t_s, frame.image) for frame in shown]


def _alone(seen: list[Crossing]) -> tuple[tuple[Crossing, float, float], ...]:
    """The crossings with room around them, each with the seconds before and after that are its own."""
    times = [
        float("-inf"),
        *(crossing.t_s for crossing in sorted(seen, key=lambda each: each.t_s)),
        float("inf"),
    ]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return tuple(
        (crossing, min(BEFORE_S, before - CLEAR_S), min(AFTER_S, after - CLEAR_S))
        for crossing, before, after in zip(
            sorted(seen, key=lambda each: each.t_s), gaps[:-1], gaps[1:], strict=True
        )
        if min(before, after) >= ALONE_S
    )

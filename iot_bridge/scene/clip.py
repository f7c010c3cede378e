"""Plays a real clip before the lens, crossing by crossing.

The clip is watched once to find its crossings. On command the pictures around one of them are shown in real
time, then the scene stands still. A way that the clip does not show is shown by playing a crossing backwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final, Self

from iot_bridge.capture.frame import Frame, Picture
from iot_bridge.capture.source import open_source
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.perceive.crossing import Crossing, Direction
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.line import Line
from iot_bridge.perceive.settings import GateSettings

BEFORE_S: Final = 3.0
AFTER_S: Final = 2.0
ALONE_S: Final = 1.5
OPPOSITE: Final[dict[Direction, Direction]] = {"left": "right", "right": "left", "up": "down", "down": "up"}
LONGEST_FRAMES: Final = 6_000


class ClipHasNoCrossing(EdgeError):
    """Nothing in the clip goes over that line alone, so nothing can be shown at the gate."""

    code = "scene.clip_has_no_crossing"


class ClipTooLong(EdgeError):
    """The clip has more pictures than are kept in memory; cut it shorter."""

    code = "scene.clip_too_long"


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip in memory, with the crossings of its gate line that no other one comes close to."""

    frames: tuple[Frame, ...]
    alone: tuple[Crossing, ...]

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
                    raise ClipTooLong(path=str(path), most=LONGEST_FRAMES)
                frames.append(frame)
                seen += watcher.see(frame)
        seen += watcher.finish()
        times = [crossing.t_s for crossing in seen]
        alone = tuple(each for each in seen if sum(abs(each.t_s - t) < ALONE_S for t in times) == 1)
        if not alone:
            raise ClipHasNoCrossing(path=str(path), line=line.text(), crossings=len(seen))
        return cls(tuple(frames), alone)

    def showings(self, direction: Direction) -> Iterator[list[tuple[float, Picture]]]:
        """Without end, one crossing that way after the other: its pictures, with seconds from the first."""
        forward = [each for each in self.alone if each.direction == direction]
        backward = [each for each in self.alone if each.direction == OPPOSITE[direction]]
        if not forward and not backward:
            raise ClipHasNoCrossing(direction=direction, crossings=len(self.alone))
        for crossing in cycle(forward or backward):
            yield self._around(crossing, reverse=not forward)

    def _around(self, crossing: Crossing, *, reverse: bool) -> list[tuple[float, Picture]]:
        before, after = (AFTER_S, BEFORE_S) if reverse else (BEFORE_S, AFTER_S)
        shown = [frame for frame in self.frames if crossing.t_s - before <= frame.t_s <= crossing.t_s + after]
        if reverse:
            end = shown[-1].t_s
            return [(end - frame.t_s, frame.image) for frame in reversed(shown)]
        return [(frame.t_s - shown[0].t_s, frame.image) for frame in shown]

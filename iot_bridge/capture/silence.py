"""Notices that a camera went silent, whatever its source is stuck in."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from iot_bridge.capture.errors import CaptureRefused
from iot_bridge.capture.frame import Frame, wall_clock_ms
from iot_bridge.capture.source import Source

SILENCE_S: Final = 2.0
AHEAD: Final = 64
"""Frames that may wait for perception; then the source waits too, and nothing is dropped."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No frame came for a while: the gate was not watched.

    Args:
        since_ms: wall clock of the last frame, or of the start where there was none.
        lasted_ms: how long ago that is.
        over: False while it lasts; True when a frame ended it.
    """

    since_ms: int
    lasted_ms: int
    over: bool


class SilenceWatch:
    """Tells from the times of frames when a source is silent; told of time, it reads no clock.

    Args:
        limit_s: how long a source may take for its next frame.
        now_s: monotonic seconds at the start.
        now_ms: wall clock at the start.
    """

    def __init__(self, limit_s: float, *, now_s: float, now_ms: int) -> None:
        self._limit_s = limit_s
        self._last_s = now_s
        self._last_ms = now_ms
        self._told = False

    def frame(self, *, now_s: float, now_ms: int) -> Silence | None:
        """Note a frame; the finding that it ended, if the source had been silent."""
        lasted_s = now_s - self._last_s
        ended = Silence(self._last_ms, round(lasted_s * 1000), over=True)
        silent = self._told or lasted_s >= self._limit_s
        self._last_s, self._last_ms, self._told = now_s, now_ms, False
        return ended if silent else None

    def nothing(self, *, now_s: float) -> Silence | None:
        """The finding that the source is silent, once per silence."""
        lasted_s = now_s - self._last_s
        if self._told or lasted_s < self._limit_s:
            return None
        self._told = True
        return Silence(self._last_ms, round(lasted_s * 1000), over=False)


def watched(
    source: Source, *, limit_s: float = SILENCE_S, clock: Callable[[], float] = time.monotonic
) -> Iterator[Frame | Silence]:
    """A live source's frames, and a finding whenever none came for too long.

    A thread reads the source, so the finding comes in time even where a read is stuck.

    Raises:
        CaptureRefused: the source refused; raised here after its last frame.
    """
    arrived: queue.Queue[Frame | CaptureRefused | None] = queue.Queue(AHEAD)
    reader = threading.Thread(target=_read, args=(source, arrived), daemon=True, name="camera")
    reader.start()
    watch = SilenceWatch(limit_s, now_s=clock(), now_ms=wall_clock_ms())
    while True:
        try:
            item = arrived.get(timeout=limit_s / 8)
        except queue.Empty:
            finding = watch.nothing(now_s=clock())
        else:
            if item is None:
                return
            if isinstance(item, CaptureRefused):
                raise item
            finding = watch.frame(now_s=clock(), now_ms=item.captured_at_ms)
            if finding is not None:
                yield finding
            yield item
            continue
        if finding is not None:
            yield finding


def _read(source: Source, arrived: "queue.Queue[Frame | CaptureRefused | None]") -> None:
    try:
        for frame in source.frames():
            arrived.put(frame)
    except CaptureRefused as refusal:
        arrived.put(refusal)
    else:
        arrived.put(None)

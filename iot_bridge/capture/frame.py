"""What every camera source yields: one picture and when it was taken."""

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""Shape (height, width, 3): blue, green, red, 0 … 255."""


def steady_s() -> float:
    """Seconds on a clock that nobody can step, and that counts a suspended machine's sleep where it can."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    Args:
        image: shape (height, width, 3), uint8, in the order blue, green, red.
        index: counts from 0, without gaps, in the order of presentation.
        t_s: presentation time in seconds, 0 at the source's first frame.
        captured_at_ms: wall clock, milliseconds since 1970 UTC, when the bridge had the picture in hand.
        captured_at_s: the same moment by `steady_s`; how long something lasted is told by it.
    """

    image: Picture
    index: int
    t_s: float
    captured_at_ms: int
    captured_at_s: float = field(default_factory=steady_s)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Frame)
            and (self.index, self.t_s, self.captured_at_ms) == (other.index, other.t_s, other.captured_at_ms)
            and np.array_equal(self.image, other.image)
        )

    __hash__ = None  # type: ignore[assignment]  # a picture can be changed in place


def wall_clock_ms() -> int:
    """Milliseconds since 1970, UTC, by this machine's clock: a claim, as every device time is."""
    return time.time_ns() // 1_000_000

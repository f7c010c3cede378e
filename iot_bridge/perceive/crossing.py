"""What perception states: one thing went over the line, and why it is believed."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["left", "right", "up", "down"]
"""Which way the thing moved across the line, as a person sees it in the picture."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in source pixels, from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One measured figure behind a decision, and what it was held against.

    Args:
        name: what was measured, with its unit as the last word.
        score: the figure, whole; None where it could not be told.
        threshold: what decided; None where the figure only informs.
        said: what was found, in words.
    """

    name: str
    score: int | None
    threshold: int | None
    said: str


@dataclass(frozen=True, slots=True)
class Crossing:
    """One thing went over the line.

    Args:
        t_s: presentation time at which the middle of the thing passed the line, between two frames.
        captured_at_ms: wall clock of `frame`.
        frame: index of the first frame that shows the middle past the line.
        decided_frame: index of the frame at which the crossing was certain enough to state.
        direction: of the motion across the line, in image terms.
        confidence_bps: how well the figures in `reasons` stand above their thresholds, 0 … 10 000.
        count_certain: False when the thing may be several that touch, or a part of one.
        track: number of the thing among those followed, from 1.
        tags: AprilTag 36h11 numbers read on the thing, ascending; empty when none was readable.
        box: the thing at `frame`.
        reasons: the figures behind all this.
        seen_frames: up to five frame indices that show the thing before, at and after the line, ascending.
        pipeline: hash over code and settings; the same frames and the same hash give the same crossing.
    """

    t_s: float
    captured_at_ms: int
    frame: int
    decided_frame: int
    direction: Direction
    confidence_bps: int
    count_certain: bool
    track: int
    tags: tuple[int, ...]
    box: Box
    reasons: tuple[Reason, ...]
    seen_frames: tuple[int, ...]
    pipeline: bytes

"""What in a picture is not the empty scene: exposure levelled, then each pixel against its own past."""

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from iot_bridge.capture.frame import Picture
from iot_bridge.perceive.exposure import Exposure, Mask
from iot_bridge.perceive.settings import Tuning

SURE: Final = 200
"""The subtractor marks shadows 127 and things 255."""
SAMPLES: Final = 31
SEEDING_FRAMES: Final = 30
MOST_BRIGHTENED: Final = 4.0
DIFFERENCE_TO_DEVIATION: Final = math.sqrt(math.pi) / 2
"""The mean distance of two normal draws is 2 / sqrt(pi) of their deviation."""


class Foreground:
    """Tells moving things from the empty scene.

    Args:
        start: small pictures of the first seconds, all of one shape (height, width, 3), at least one.
        frame_rate: of the source, per second.
        allowed: shape (height, width), 0 where motion is ignored.
        tuning: the pipeline's figures.
    """

    def __init__(self, start: Sequence[Picture], frame_rate: float, allowed: Mask, tuning: Tuning) -> None:
        empty = _middle(start)
        brighten = min(MOST_BRIGHTENED, max(1.0, tuning.daylight / max(1.0, float(empty.mean()))))
        empty = np.asarray(cv2.convertScaleAbs(empty, alpha=brighten), np.uint8)
        self.noise = brighten * _noise(start)
        self._share = 1.0 / max(2.0, tuning.remembers_s * frame_rate)
        self._allowed = allowed
        self._exposure = Exposure(empty, tuning.light_cell_px)
        threshold = max(tuning.contrast, tuning.noise_factor * self.noise)
        self._subtractor = cv2.createBackgroundSubtractorKNN(
            history=max(2, round(tuning.remembers_s * frame_rate)),
            dist2Threshold=threshold * threshold,
            detectShadows=True,
        )
        self._opening = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
        self._closing = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))
        self._moving: Mask = np.zeros(empty.shape[:2], np.uint8)
        self._count = 0
        for _ in range(SEEDING_FRAMES):
            self._subtract(_softened(empty), -1.0)

    def of(self, picture: Picture) -> Mask:
        """255 where a thing is, else 0; shape (height, width)."""
        levelled = _softened(self._exposure.levelled(picture, self._moving))
        found = cv2.bitwise_and(self._subtract(levelled, self._share), self._allowed)
        found = cv2.morphologyEx(found, cv2.MORPH_OPEN, self._opening)
        self._moving = np.asarray(cv2.morphologyEx(found, cv2.MORPH_CLOSE, self._closing), np.uint8)
        self._exposure.learn(levelled, self._moving, self._share)
        return self._moving

    def _subtract(self, picture: Picture, share: float) -> Mask:
        # The subtractor draws from OpenCV's generator of this thread: a seed per frame makes it replayable.
        self._count += 1
        cv2.setRNGSeed(self._count)
        marked: Mask = np.asarray(self._subtractor.apply(picture, learningRate=share), np.uint8)
        return np.where(marked > SURE, 255, 0).astype(np.uint8)


def _middle(start: Sequence[Picture]) -> Picture:
    """The empty scene as the median in time: what covers a pixel for less than half of it is not in it."""
    picks = np.linspace(0, len(start) - 1, min(len(start), SAMPLES)).astype(int)
    return np.asarray(np.median(np.stack([start[pick] for pick in picks]), axis=0), np.uint8)


def _noise(start: Sequence[Picture]) -> float:
    """Standard deviation of a pixel's noise in grey levels, from differences of neighbouring frames."""
    if len(start) < 2:  # noqa: PLR2004 - one frame has no neighbour, so its noise cannot be told
        return 0.0
    picks = np.unique(np.linspace(1, len(start) - 1, 11).astype(int))
    middles = [
        float(np.mean(cv2.absdiff(_softened(start[k]), _softened(start[k - 1]))[::4, ::4].clip(0, 20)))
        for k in picks
    ]
    return float(np.median(middles)) * DIFFERENCE_TO_DEVIATION


def _softened(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)

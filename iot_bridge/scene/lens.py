"""What a real camera adds to a scene: shake, drifting light, sensor noise, all of it from one seed."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iot_bridge.capture.frame import Picture
from iot_bridge.scene.backdrop import Light

Floats = NDArray[np.float32]

NOISE: Final[dict[Light, float]] = {"day": 2.6, "night": 5.0}
"""Standard deviation of a pixel's noise in grey levels."""
SHAKE_PX: Final = 0.35
SHAKE_KEPT: Final = 0.7
DRIFT: Final = ((47.0, 0.030), (11.0, 0.012), (3.7, 0.006))
"""Periods in seconds and strengths of the slow changes of light."""
SLACK: Final = 61


class Lens:
    """Turns scenes into pictures.

    Args:
        seed: the same seed and the same scenes give the same pictures.
        size: width and height of the pictures.
    """

    def __init__(self, seed: int, size: tuple[int, int]) -> None:
        self._draw = np.random.default_rng(seed)
        self._phases = self._draw.uniform(0, 2 * math.pi, len(DRIFT))
        shape = (size[1] + SLACK, size[0] + SLACK, 3)
        self._grain: Floats = self._draw.standard_normal(shape, np.float32)
        self._offset = np.zeros(2)
        self._size = size

    def picture(self, scene: Floats, t_s: float, light: Light) -> Picture:
        """A scene as this camera shows it at a time; shape (height, width, 3), uint8."""
        width, height = self._size
        pull = self._draw.normal(0, SHAKE_PX, 2)
        self._offset = SHAKE_KEPT * self._offset + (1 - SHAKE_KEPT) * 2 * pull
        turn = np.array([[1, 0, self._offset[0]], [0, 1, self._offset[1]]], np.float64)
        shaken = cv2.warpAffine(scene, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        drift = sum(
            share * math.sin(2 * math.pi * t_s / period + phase)
            for (period, share), phase in zip(DRIFT, self._phases, strict=True)
        )
        lit = cv2.multiply(shaken, np.full(4, 1 + drift))
        return self.grained(np.asarray(lit, np.float32), NOISE[light])

    def grained(self, picture: Floats, deviation: float) -> Picture:
        """A picture with sensor noise of this deviation, whole and within 0 … 255."""
        width, height = self._size
        x, y = (int(value) for value in self._draw.integers(0, SLACK, 2))
        grain = self._grain[y : y + height, x : x + width]
        return np.asarray(
            cv2.convertScaleAbs(np.maximum(cv2.scaleAdd(grain, deviation, picture), 0)), np.uint8
        )

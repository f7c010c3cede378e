"""Takes the camera's own changes of exposure and colour out of a picture, cell by cell."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iot_bridge.capture.frame import Picture

Mask = NDArray[np.uint8]
Floats = NDArray[np.float32]

GAIN_RANGE: Final = (0.2, 5.0)
VALID_SHARE: Final = 0.3
"""A cell tells its gain only while this share of it shows the empty scene."""
FEWEST_CELLS: Final = 4
LOST_SHARE: Final = 0.6
"""When more of the picture than this seems to move, the light has changed, not the scene."""


class Exposure:
    """Follows the light against a reference picture of the empty scene.

    Args:
        reference: shape (height, width, 3), uint8.
        cell_px: side of a cell.
    """

    def __init__(self, reference: Picture, cell_px: int) -> None:
        height, width = reference.shape[:2]
        self._reference: Floats = reference.astype(np.float32)
        self._cells = (max(2, round(width / cell_px)), max(2, round(height / cell_px)))
        self._wide = cv2.getStructuringElement(cv2.MORPH_RECT, (9, 9))

    def levelled(self, picture: Picture, moving: Mask) -> Picture:
        """The picture as it would be in the reference's light.

        Args:
            picture: same shape as the reference.
            moving: shape (height, width), 255 where something stood in the frame before; such places do not
                tell the light.
        """
        hidden: Mask = np.asarray(cv2.dilate(moving, self._wide), np.uint8)
        if cv2.countNonZero(hidden) > LOST_SHARE * hidden.size:
            hidden = np.zeros_like(hidden)
        height, width = moving.shape
        gains = cv2.resize(self._gains(picture, hidden), (width, height), interpolation=cv2.INTER_LINEAR)
        levelled: Floats = picture.astype(np.float32) * gains + np.float32(0.5)
        return np.clip(levelled, 0, 255).astype(np.uint8)

    def learn(self, levelled: Picture, moving: Mask, share: float) -> None:
        """Move the reference a little towards the levelled picture, where nothing moves."""
        cv2.accumulateWeighted(levelled, self._reference, share, cv2.bitwise_not(moving))

    def _gains(self, picture: Picture, hidden: Mask) -> Floats:
        """Per cell and colour: how many times brighter the reference is; shape (rows, columns, 3)."""
        shown: Floats = (hidden == 0).astype(np.float32)
        wanted = self._averages(self._reference * shown[..., None])
        found = self._averages(picture.astype(np.float32) * shown[..., None])
        gains: Floats = (wanted + np.float32(1e-3)) / (found + np.float32(1e-3))
        told = self._averages(shown) > VALID_SHARE
        known = gains[told] if np.count_nonzero(told) >= FEWEST_CELLS else gains.reshape(-1, 3)
        gains[~told] = np.median(known, axis=0)
        return np.asarray(cv2.medianBlur(np.clip(gains, *GAIN_RANGE).astype(np.float32), 3), np.float32)

    def _averages(self, values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, self._cells, interpolation=cv2.INTER_AREA), np.float32)

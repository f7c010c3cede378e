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
WHOLE_SHARE: Final = 0.95
"""It is remembered only while nearly all of it does: what enters a cell is not light."""
LIKELY_CHANGE: Final = 0.1
PACE: Final = 0.2
UNLIKELY_PACE: Final = 0.05
"""How fast a cell's gain is remembered, where it follows the rest of the picture and where it does not."""
SWITCHED: Final = 0.25
"""A change of the whole picture's light by more than e to this, from one frame to the next, is a lamp's."""
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
        self._known: Floats = np.ones((self._cells[1], self._cells[0], 3), np.float32)
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
        shares = self._averages(shown)
        told = shares > VALID_SHARE
        # A hidden cell keeps what it was seen to need, times what the light did since where it is seen.
        seen = told if np.count_nonzero(told) >= FEWEST_CELLS else np.ones_like(told)
        change = np.median(gains[seen] / self._known[seen], axis=0).astype(np.float32)
        self._known *= change
        gains[~told] = self._known[~told]
        likely = np.abs(np.log(gains / self._known)).max(axis=2) < LIKELY_CHANGE
        unlikely = UNLIKELY_PACE if np.abs(np.log(change)).max() < SWITCHED else 1.0
        pace = np.where(shares > WHOLE_SHARE, np.where(likely, PACE, unlikely), 0.0)
        self._known += (pace[..., None] * (gains - self._known)).astype(np.float32)
        return np.asarray(cv2.medianBlur(np.clip(gains, *GAIN_RANGE).astype(np.float32), 3), np.float32)

    def _averages(self, values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, self._cells, interpolation=cv2.INTER_AREA), np.float32)

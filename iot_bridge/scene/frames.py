"""Pictures into a folder that others read while it grows: each appears whole, old ones go."""

from collections import deque
from pathlib import Path
from typing import Final

import cv2

from iot_bridge.capture.folder import ENDED, FRAMES, frame_name
from iot_bridge.capture.frame import Picture

QUALITY: Final = 88


class FrameFolder:
    """The newest pictures of a sequence.

    Args:
        path: made if it is not there; pictures of an earlier run in it are removed.
        keep: how many stay.
    """

    def __init__(self, path: Path, keep: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        for old in [*path.glob(FRAMES), path / ENDED]:
            old.unlink(missing_ok=True)
        self._path = path
        self._keep = keep
        self._names: deque[Path] = deque()
        self.count = 0

    def add(self, picture: Picture, t_ms: int) -> Path:
        """Write the next picture as JPEG, so that a reader sees all of it or nothing."""
        _, written = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        place = self._path / frame_name(self.count, t_ms)
        part = place.with_suffix(".part")
        part.write_bytes(written.tobytes())
        part.replace(place)
        self.count += 1
        self._names.append(place)
        while len(self._names) > self._keep:
            self._names.popleft().unlink(missing_ok=True)
        return place

    def end(self) -> None:
        """Say that no more pictures come."""
        (self._path / ENDED).touch()

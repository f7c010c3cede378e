"""Frames out of a folder of pictures: finished, or growing while it is read.

A name that ends in `-t` and milliseconds, as in `frame-00000012-t0000000960.jpg`, says when it was taken.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np

from iot_bridge.capture.errors import FrameRateUnknown, PictureUnreadable, SourceEmpty, SourceMissing
from iot_bridge.capture.frame import Frame, Picture, wall_clock_ms

PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
TIMED: Final = re.compile(r"-t(\d{1,15})$")
ENDED: Final = "ended"
"""A file of this name in the folder says that no more pictures will come."""
FRAMES: Final = "frame-*-t*.jpg"
"""Which names `frame_name` gives."""
LOOK_EVERY_S: Final = 0.01


def frame_name(number: int, t_ms: int) -> str:
    """The name of a picture whose number in its sequence and whose time are known."""
    return f"frame-{number:08d}-t{t_ms:010d}.jpg"


class FolderSource:
    """The pictures of a folder by name.

    Args:
        path: the folder.
        frame_rate: per second; None where names carry times.
        live: start at the newest picture and wait for more until the folder says that it ended.
    """

    def __init__(self, path: Path, *, frame_rate: float | None = None, live: bool = False) -> None:
        if not path.is_dir():
            raise SourceMissing(path=path)
        self._path = path
        self._rate = frame_rate
        self._live = live
        self._closed = False

    @property
    def length(self) -> int | None:
        """How many pictures there are; None while it grows."""
        return None if self._live else len(self._names())

    def frames(self) -> Iterator[Frame]:
        """The pictures as frames; times count from the first one.

        Raises:
            SourceEmpty: a finished folder holds no picture.
            FrameRateUnknown: a name carries no time and no frame rate was given.
            PictureUnreadable: a file is not a picture.
        """
        index, first_s = 0, None
        for path in self._growing() if self._live else self._finished():
            image = self._read(path)
            if image is None:
                continue
            t_s = self._time_of(path, index)
            first_s = t_s if first_s is None else first_s
            yield Frame(image, index, t_s - first_s, wall_clock_ms())
            index += 1

    def close(self) -> None:
        """End the iteration; idempotent."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _names(self) -> list[str]:
        return sorted(each.name for each in self._path.iterdir() if each.suffix.lower() in PICTURES)

    def _finished(self) -> Iterator[Path]:
        names = self._names()
        if not names:
            raise SourceEmpty(source=self._path, expected="*.jpg, *.png or *.bmp")
        for name in names:
            if self._closed:
                return
            yield self._path / name

    def _growing(self) -> Iterator[Path]:
        newest = ""
        while not self._closed:
            ended = (self._path / ENDED).exists()
            fresh = [name for name in self._names() if name > newest]
            for name in fresh if newest else fresh[-1:]:
                newest = name
                yield self._path / name
            if ended and not fresh:
                return
            if not fresh:
                time.sleep(LOOK_EVERY_S)

    def _read(self, path: Path) -> Picture | None:
        """The picture, or None where a growing folder has dropped it already."""
        try:
            written = np.frombuffer(path.read_bytes(), np.uint8)
        except FileNotFoundError:
            if self._live:
                return None
            raise SourceMissing(path=path) from None
        image = cv2.imdecode(written, cv2.IMREAD_COLOR) if written.size else None
        if image is None:
            raise PictureUnreadable(path=path, bytes=written.size)
        return np.asarray(image, np.uint8)

    def _time_of(self, path: Path, index: int) -> float:
        timed = TIMED.search(path.stem)
        if timed is not None:
            return int(timed.group(1)) / 1000
        if self._rate is None:
            raise FrameRateUnknown(picture=path.name, expected="a frame rate, or names that end in -t<ms>")
        return index / self._rate

"""A camera for tests: writes pictures of a gate into a folder as time goes; boxes cross on command."""

import threading
import time
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iot_bridge.capture.folder import frame_name

WIDTH: Final = 960
HEIGHT: Final = 540
LINE: Final = "480,60,480,540"
DIRECTIONS: Final = {"right": "in", "left": "out"}
_EVERY_S: Final = 0.08
_STEP_PX: Final = 14
_BOX: Final = 170
_TAGS: Final = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)

Picture = NDArray[np.uint8]


class GateInFront:
    """The camera and what goes past it; a thread that writes a picture every 80 ms."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._chance = np.random.default_rng(1)
        self._ground = self._empty()
        self._noise = self._chance.normal(0, 3, (8, HEIGHT, WIDTH, 3)).astype(np.int16)
        self._way: list[tuple[int, int | None]] = []
        self._number = 0
        self._ended = threading.Event()
        self.is_silent = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cross(self, direction: str, tag: int | None = None) -> None:
        """Let a box go past, to the right or left, with this tag on it."""
        places = list(range(-_BOX, WIDTH, _STEP_PX))
        self._way = [(x, tag) for x in (places if direction == "right" else places[::-1])]

    def is_clear(self) -> bool:
        """Whether the box has gone past."""
        return not self._way

    def stop(self) -> None:
        """Put the camera away."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        started_s = time.monotonic()
        while not self._ended.is_set():
            if not self.is_silent:
                self._write(self._picture())
            self._number += 1
            self._ended.wait(max(0.0, started_s + self._number * _EVERY_S - time.monotonic()))

    def _write(self, picture: Picture) -> None:
        name = frame_name(self._number, round(self._number * _EVERY_S * 1000))
        fresh = self._folder / f"{name}.part"
        fresh.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        fresh.replace(self._folder / name)

    def _empty(self) -> Picture:
        ground = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        cv2.rectangle(ground, (0, 400), (WIDTH, HEIGHT), (90, 95, 100), -1)
        for x, y, shade in self._chance.integers((0, 0, 80), (WIDTH, 400, 160), (40, 3)).tolist():
            cv2.rectangle(ground, (x, y), (x + 30, y + 20), (shade, shade, shade), -1)
        return ground

    def _picture(self) -> Picture:
        picture = self._ground.copy()
        if self._way:
            x, tag = self._way.pop(0)
            cv2.rectangle(picture, (x, 260), (x + _BOX, 260 + _BOX), (40, 45, 60), -1)
            if tag is not None:
                _stick(picture, x + 33, tag)
        noise = self._noise[self._number % len(self._noise)]
        return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def _stick(picture: Picture, x: int, tag: int) -> None:
    """Put a tag on the box, as much of it as is in the picture."""
    marker = cv2.copyMakeBorder(
        cv2.aruco.generateImageMarker(_TAGS, tag, 80), 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=(255,)
    )
    left, right = max(0, x), min(WIDTH, x + marker.shape[1])
    if left < right:
        picture[290 : 290 + marker.shape[0], left:right] = marker[:, left - x : right - x, None]

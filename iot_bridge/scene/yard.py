"""Draws the rendered yard: a gate by day and by night, and a truck that carries a tagged coil past it.

Every picture has what real ones have: sensor noise, light that drifts, a camera that trembles, a shadow.
"""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from iot_bridge.capture.frame import Picture
from iot_bridge.scene.place import HEIGHT, WIDTH

Way = Literal["enter", "leave"]
Lit = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
"""A picture before its values are whole again: shape (height, width, 3), or (…, 1) for light alone."""
GROUND_Y: Final = 330
ROAD_Y: Final = 470
TRUCK: Final = (300, 92)
COIL_RADIUS: Final = 92
TAG_PX: Final = 84
CROSSES_IN_S: Final = 3.2
NOISE: Final = 2.2
NIGHT: Final = 0.42
LAMP: Final = (700, 150)


@dataclass(frozen=True, slots=True)
class Passing:
    """A truck on its way: which tag its coil carries, which way it goes, and since when."""

    tag: int
    way: Way
    since_s: float

    def is_over(self, t_s: float) -> bool:
        """It has left the picture."""
        return t_s - self.since_s >= CROSSES_IN_S

    def left_edge(self, t_s: float) -> int:
        """Where the truck's left side is, in pixels; beyond the picture at both ends of its way."""
        share = min(1.0, max(0.0, (t_s - self.since_s) / CROSSES_IN_S))
        inward = -TRUCK[0] + share * (WIDTH + TRUCK[0])
        return int(inward if self.way == "enter" else WIDTH - TRUCK[0] - inward)


class Yard:
    """One yard; the same seed draws the same pictures."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._empty = self._draw_empty()
        self.night = False

    def picture(self, t_s: float, passing: Passing | None) -> Picture:
        """The yard at a time: shape (540, 960, 3), uint8, BGR."""
        scene = self._empty.copy()
        if passing is not None and not passing.is_over(t_s):
            self._draw_truck(scene, passing, t_s)
        lit = scene.astype(np.float32) * self._light(t_s)
        shaken = self._shake(lit)
        noise = self._random.normal(0.0, NOISE, (HEIGHT, WIDTH, 1)).astype(np.float32)
        picture: Picture = np.clip(shaken + noise, 0, 255).astype(np.uint8)
        return picture

    def _draw_empty(self) -> Picture:
        """Sky, a hall with its door, concrete with joints, the gate's posts and its painted line."""
        scene = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        scene[:] = np.linspace(205, 168, HEIGHT, dtype=np.uint8)[:, None, None]
        cv2.rectangle(scene, (520, 70), (WIDTH, GROUND_Y), (150, 146, 138), -1)
        for x in range(520, WIDTH, 40):
            cv2.line(scene, (x, 70), (x, GROUND_Y), (134, 130, 123), 2)
        cv2.rectangle(scene, (660, 150), (860, GROUND_Y), (92, 90, 86), -1)
        cv2.rectangle(scene, (0, 210), (430, GROUND_Y), (126, 140, 124), -1)
        cv2.rectangle(scene, (0, GROUND_Y), (WIDTH, HEIGHT), (142, 146, 148), -1)
        for x in range(-200, WIDTH + 200, 160):
            cv2.line(scene, (x + 120, GROUND_Y), (x, HEIGHT), (128, 131, 133), 2)
        cv2.line(scene, (0, ROAD_Y + 40), (WIDTH, ROAD_Y + 40), (120, 124, 126), 2)
        cv2.line(scene, (480, GROUND_Y), (480, HEIGHT), (70, 190, 220), 8)
        for x in (452, 500):
            cv2.rectangle(scene, (x, 60), (x + 12, GROUND_Y + 8), (60, 120, 200), -1)
        grain = self._random.integers(-9, 10, (HEIGHT // 2, WIDTH // 2, 1)).astype(np.int16)
        coarse = cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)[:, :, None]
        empty: Picture = np.clip(scene.astype(np.int16) + coarse, 0, 255).astype(np.uint8)
        return empty

    def _draw_truck(self, scene: Picture, passing: Passing, t_s: float) -> None:
        left, (width, height) = passing.left_edge(t_s), TRUCK
        bed = ROAD_Y - height
        shadow = scene.copy()
        cv2.ellipse(
            shadow, (left + width // 2, ROAD_Y + 12), (width // 2 + 8, 20), 0, 0, 360, (64, 66, 68), -1
        )
        cv2.addWeighted(shadow, 0.4, scene, 0.6, 0, dst=scene)
        cab = left + width - 74 if passing.way == "enter" else left
        load = left if passing.way == "enter" else left + 74
        cv2.rectangle(scene, (load, bed + 30), (load + width - 74, ROAD_Y + 6), (52, 54, 58), -1)
        cv2.rectangle(scene, (cab, bed - 62), (cab + 74, ROAD_Y + 6), (46, 62, 150), -1)
        cv2.rectangle(scene, (cab + 12, bed - 50), (cab + 62, bed - 8), (96, 84, 60), -1)
        for wheel in (left + 44, left + 130, left + width - 44):
            cv2.circle(scene, (wheel, ROAD_Y - 6), 26, (28, 28, 30), -1)
            cv2.circle(scene, (wheel, ROAD_Y - 6), 10, (120, 120, 122), -1)
        cradle = load + (width - 74) // 2
        wedge = np.array(
            [[cradle - 84, bed + 32], [cradle + 84, bed + 32], [cradle + 60, bed - 8], [cradle - 60, bed - 8]]
        )
        cv2.fillPoly(scene, [wedge], (48, 50, 54))
        self._draw_coil(scene, cradle, bed + 62 - COIL_RADIUS, passing.tag)

    @staticmethod
    def _draw_coil(scene: Picture, x: int, y: int, tag: int) -> None:
        """A coil seen on its face, with windings, bands, and the tag on a white plate."""
        cv2.circle(scene, (x, y), COIL_RADIUS, (74, 78, 84), -1)
        for radius in range(40, COIL_RADIUS, 7):
            cv2.circle(scene, (x, y), radius, (92, 97, 104), 1)
        for dx in (-1, 1):
            cv2.line(scene, (x + dx * 66, y - 62), (x + dx * 66, y + 62), (40, 42, 44), 4)
        family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
        drawn = cv2.aruco.generateImageMarker(family, tag, TAG_PX)
        plate = cv2.copyMakeBorder(drawn, 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=(245,))
        half = plate.shape[0] // 2
        left, right = max(0, x - half), min(WIDTH, x - half + plate.shape[1])
        if left < right:
            shown = plate[:, left - x + half : right - x + half]
            scene[y - half : y - half + plate.shape[0], left:right] = shown[:, :, None]

    def _light(self, t_s: float) -> Lit:
        """Daylight that breathes by two parts in a hundred; at night a lamp over the gate."""
        breath = 1.0 + 0.02 * np.sin(t_s / 9.0)
        if not self.night:
            return np.full((1, 1, 1), breath, np.float32)
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        lamp = np.exp(-(((x - LAMP[0] + 220) / 520) ** 2 + ((y - LAMP[1] - 160) / 330) ** 2))
        light: Lit = ((NIGHT + 0.38 * lamp) * breath).astype(np.float32)[:, :, None]
        return light

    def _shake(self, image: Lit) -> Lit:
        """The mast trembles by a few tenths of a pixel."""
        dx, dy = self._random.normal(0.0, 0.15, 2)
        moved = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        shaken: Lit = cv2.warpAffine(image, moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE).astype(
            np.float32
        )
        return shaken

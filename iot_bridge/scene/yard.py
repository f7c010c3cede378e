"""The rendered yard: what drives through it, and its picture at any time."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from iot_bridge.capture.frame import Frame, Picture
from iot_bridge.perceive.crossing import Direction
from iot_bridge.scene.backdrop import Light, backdrop, light_on
from iot_bridge.scene.errors import TagUnknown, TooManyCoils
from iot_bridge.scene.lens import Lens
from iot_bridge.scene.place import DIRECTIONS, FRAME_RATE, GATE_X, HEIGHT, LANE_Y, WIDTH
from iot_bridge.scene.vehicles import COILS_ON, LAMPS, SIZES, Heading, Vehicle, vehicle

Floats = NDArray[np.float32]

SPEED: Final[dict[Vehicle, float]] = {"truck": 320.0, "forklift": 280.0}
"""Pixels per second."""
SMEAR_S: Final[dict[Light, float]] = {"day": 1 / 100, "night": 1 / 60}
"""How long the shutter is open."""
TAGS: Final = 587
"""How many numbers family 36h11 has."""
HEADING: Final[dict[str, Heading]] = {
    way: "right" if direction == "right" else "left" for direction, way in DIRECTIONS.items()
}
"""Which way a vehicle drives to go in, and to go out."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A vehicle drives through the yard.

    Args:
        starts_s: when its front enters the picture.
        heading: the way it drives.
        tags: of the coils on it, none for an empty vehicle.
        kind: of vehicle.
    """

    starts_s: float
    heading: Heading
    tags: tuple[int, ...]
    kind: Vehicle = "truck"

    def __post_init__(self) -> None:
        if len(self.tags) > COILS_ON[self.kind]:
            raise TooManyCoils(vehicle=self.kind, coils=len(self.tags), room=COILS_ON[self.kind])
        for tag in self.tags:
            if not 0 <= tag < TAGS:
                raise TagUnknown(tag=tag, expected=f"0 … {TAGS - 1}")

    @property
    def width(self) -> int:
        """Of the vehicle, in pixels."""
        return SIZES[self.kind][0]

    @property
    def crosses_s(self) -> float:
        """When its middle is on the gate line: the truth that perception is held against."""
        way = GATE_X + self.width / 2 if self.heading == "right" else WIDTH - GATE_X + self.width / 2
        return self.starts_s + way / SPEED[self.kind]

    @property
    def ends_s(self) -> float:
        """When its end has left the picture."""
        return self.starts_s + (WIDTH + self.width) / SPEED[self.kind]

    @property
    def direction(self) -> Direction:
        """Of its crossing, in image terms."""
        return self.heading

    def left(self, t_s: float) -> float:
        """Its left edge in the picture."""
        way = SPEED[self.kind] * (t_s - self.starts_s)
        return way - self.width if self.heading == "right" else WIDTH - way


class Yard:
    """The scene and its camera.

    Args:
        seed: of the camera's noise, shake and drifting light.
        light: at the start.
    """

    def __init__(self, seed: int = 1, light: Light = "day") -> None:
        self.light: Light = light
        self._lens = Lens(seed, (WIDTH, HEIGHT))
        self._drives: list[Drive] = []

    def admit(self, drive: Drive) -> None:
        """Let a vehicle drive through."""
        self._drives.append(drive)

    def is_free(self, t_s: float) -> bool:
        """Whether nothing drives, nor will, from a time on."""
        return all(drive.ends_s <= t_s for drive in self._drives)

    def picture(self, t_s: float) -> Picture:
        """What the camera shows at a time; to be asked for in the order of time."""
        self._drives = [drive for drive in self._drives if drive.ends_s > t_s]
        scene = backdrop().copy()
        for drive in self._drives:
            if drive.starts_s <= t_s:
                self._lay(scene, drive, t_s)
        scene *= light_on(self.light)
        if self.light == "night":
            for drive in self._drives:
                if drive.starts_s <= t_s:
                    _shine(scene, drive, t_s)
        return self._lens.picture(scene, t_s, self.light)

    def _lay(self, scene: Floats, drive: Drive, t_s: float) -> None:
        sprite = vehicle(drive.kind, drive.heading, drive.tags)
        left = drive.left(t_s)
        _darken(scene, left, sprite.width)
        bounce = round(0.8 * float(np.sin(9.0 * (t_s - drive.starts_s))))
        smear = max(1, round(SPEED[drive.kind] * SMEAR_S[self.light]))
        sprite.lay_on(scene, left, LANE_Y - sprite.height + bounce, smear)


def _darken(scene: Floats, left: float, width: int) -> None:
    """The soft shadow under a vehicle."""
    first, last = max(0, round(left) - 24), min(WIDTH, round(left) + width + 12)
    if first >= last:
        return
    top, bottom = LANE_Y - 26, LANE_Y + 16
    shade = np.zeros((bottom - top, last - first), np.float32)
    start, end = round(left) - 6 - first, round(left) + width - 14 - first
    cv2.rectangle(shade, (start, 14), (end, 30), (0.5,), -1)
    shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), 7), np.float32)
    scene[top:bottom, first:last] *= 1 - shade[..., None]


def _shine(scene: Floats, drive: Drive, t_s: float) -> None:
    """Headlights and their patch of light on the ground before the vehicle."""
    ahead = 1 if drive.heading == "right" else -1
    x, y = LAMPS[drive.kind]
    left, top = drive.left(t_s), LANE_Y - SIZES[drive.kind][1]
    lamp_x, lamp_y = left + (x if ahead > 0 else drive.width - x), top + y
    front = left + (drive.width if ahead > 0 else 0)
    rows, columns = np.mgrid[top : LANE_Y + 30, 0:WIDTH].astype(np.float32)
    patch = np.exp(-(((columns - front - ahead * 20) / 42) ** 2) - ((rows - LANE_Y) / 12) ** 2) * 34
    lamp = np.exp(-(((columns - lamp_x) / 10) ** 2) - ((rows - lamp_y) / 10) ** 2) * 170
    scene[top : LANE_Y + 30] += (patch + lamp)[..., None] * np.array([0.8, 0.95, 1.0], np.float32)


def rendered(
    drives: list[Drive],
    lasts_s: float,
    *,
    light: Light = "day",
    seed: int = 1,
    frame_rate: float = FRAME_RATE,
) -> list[Frame]:
    """A sequence of the yard in memory, its wall clock starting at 0."""
    yard = Yard(seed, light)
    for drive in drives:
        yard.admit(drive)
    times = [index / frame_rate for index in range(int(lasts_s * frame_rate))]
    return [Frame(yard.picture(t_s), index, t_s, round(t_s * 1000)) for index, t_s in enumerate(times)]

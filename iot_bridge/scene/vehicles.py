"""Trucks and forklifts that carry steel coils, each coil with its AprilTag plate."""

from functools import lru_cache
from typing import Final, Literal

import cv2
import numpy as np

from iot_bridge.capture.frame import Picture
from iot_bridge.scene.paint import FINE, Canvas, Colour, Sprite

Vehicle = Literal["truck", "forklift"]
Heading = Literal["left", "right"]

TAG_PX: Final = 60
PLATE_PX: Final = 84
BLACK: Final[Colour] = (22, 22, 24)
TYRE: Final[Colour] = (34, 34, 36)
STEEL: Final[tuple[Colour, ...]] = (
    (150, 146, 140),
    (214, 210, 204),
    (232, 230, 226),
    (188, 184, 178),
    (132, 128, 124),
    (92, 90, 88),
    (70, 68, 68),
)
"""From the top of a coil to its underside."""
COIL: Final = (150, 132)
"""Width and height of a coil."""
SIZES: Final[dict[Vehicle, tuple[int, int]]] = {"truck": (470, 236), "forklift": (330, 226)}
LAMPS: Final[dict[Vehicle, tuple[int, int]]] = {"truck": (464, 157), "forklift": (134, 44)}
"""Where the headlight is, from the upper left corner of a vehicle that heads right."""
COILS_ON: Final[dict[Vehicle, int]] = {"truck": 2, "forklift": 1}


@lru_cache(maxsize=32)
def vehicle(kind: Vehicle, heading: Heading, tags: tuple[int, ...]) -> Sprite:
    """A vehicle with one coil per tag; its lowest row is where its wheels stand."""
    canvas = Canvas(*SIZES[kind])
    if kind == "truck":
        _truck(canvas)
        places = [(178.0, 52.0)] if len(tags) == 1 else [(112.0, 52.0), (268.0, 52.0)]
    else:
        _forklift(canvas)
        places = [(168.0, 44.0)]
    width = SIZES[kind][0]
    mirrored = heading == "left"  # vehicles are drawn heading right
    if mirrored:
        canvas.mirrored()
        places = [(width - x - COIL[0], y) for x, y in places]
    for (x, y), tag in zip(places, tags, strict=False):
        _coil(canvas, x, y, tag)
    return canvas.finished()


def tag_picture(tag: int, pixels: int) -> Picture:
    """The AprilTag 36h11 of a number, without its white margin; shape (pixels, pixels, 3)."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    drawn = cv2.aruco.generateImageMarker(dictionary, tag, pixels)
    return np.asarray(cv2.cvtColor(drawn, cv2.COLOR_GRAY2BGR), np.uint8)


def _wheel(canvas: Canvas, x: float, radius: float, bottom: float) -> None:
    middle = (x, bottom - radius)
    canvas.disc(middle, (radius, radius), TYRE).disc(middle, (radius * 0.62, radius * 0.62), (120, 122, 124))
    canvas.disc(middle, (radius * 0.55, radius * 0.55), (84, 86, 90)).disc(middle, (radius * 0.2,) * 2, TYRE)
    for turn in np.linspace(0, 2 * np.pi, 6, endpoint=False):
        at = (
            middle[0] + radius * 0.38 * float(np.cos(turn)),
            middle[1] + radius * 0.38 * float(np.sin(turn)),
        )
        canvas.disc(at, (radius * 0.07,) * 2, (40, 40, 42))


def _truck(canvas: Canvas) -> None:
    blue, dark = (128, 66, 28), (92, 46, 20)
    canvas.box((6, 186), (460, 200), (58, 58, 62)).box((4, 176), (352, 190), (88, 92, 96))
    canvas.box((4, 172), (362, 214), (34, 40, 128)).box((4, 172), (362, 178), (26, 28, 34))
    canvas.box((4, 208), (362, 214), (24, 26, 70)).box((4, 190), (362, 194), (206, 210, 214))
    for x in range(20, 350, 42):
        canvas.box((x, 179), (x + 3, 208), (26, 30, 96))
    canvas.box((330, 70), (362, 178), (30, 34, 42)).box((334, 76), (340, 172), (60, 66, 78))
    for x in (104, 254):
        canvas.polygon([(x, 174), (x + 26, 154), (x + 46, 174)], (60, 92, 122))
        canvas.polygon([(x + 90, 174), (x + 110, 154), (x + 136, 174)], (60, 92, 122))
    canvas.polygon(
        [(360, 190), (360, 66), (372, 54), (436, 54), (452, 106), (464, 120), (464, 196), (360, 196)], blue
    )
    canvas.polygon([(404, 70), (432, 70), (446, 108), (404, 108)], (196, 188, 168))
    canvas.polygon([(404, 70), (414, 70), (428, 108), (404, 108)], (216, 210, 194))
    canvas.box((372, 72), (394, 106), dark).line((400, 60), (400, 190), dark, 1.4)
    canvas.box((406, 124), (420, 128), (200, 196, 190)).box((448, 150), (464, 164), (150, 220, 240))
    canvas.box((440, 178), (468, 196), (52, 52, 54)).polygon(
        [(372, 54), (436, 54), (420, 40), (380, 44)], blue
    )
    canvas.box((362, 120), (462, 126), (210, 206, 200))
    for x in (56, 112, 302, 418):
        _wheel(canvas, x, 30, 234)
    canvas.box((4, 182), (10, 192), (40, 40, 200))


def _forklift(canvas: Canvas) -> None:
    yellow, shade = (40, 176, 236), (28, 128, 178)
    canvas.polygon(
        [(8, 200), (8, 132), (26, 118), (64, 118), (70, 150), (140, 150), (140, 206), (14, 206)], yellow
    )
    canvas.polygon([(8, 200), (8, 160), (140, 176), (140, 206), (14, 206)], shade)
    canvas.line((40, 120), (58, 34), BLACK, 5).line((126, 150), (122, 34), BLACK, 5)
    canvas.box((50, 28), (132, 36), BLACK)
    canvas.polygon([(62, 148), (62, 112), (74, 112), (80, 138), (102, 138), (102, 148)], (36, 36, 40))
    canvas.disc((84, 70), (11, 12), (120, 150, 190)).box((70, 82), (96, 124), (60, 120, 220))
    canvas.polygon([(73, 62), (95, 62), (92, 54), (76, 54)], (60, 200, 250))
    canvas.line((94, 92), (112, 108), (60, 120, 220), 8).line((112, 120), (106, 98), BLACK, 3)
    canvas.box((138, 18), (176, 214), (28, 28, 32)).box((142, 18), (147, 214), (54, 54, 60))
    canvas.box((158, 18), (162, 214), (60, 60, 66)).box((168, 60), (186, 184), BLACK)
    for y in (40, 96, 150):
        canvas.box((138, y), (176, y + 5), (48, 48, 54))
    canvas.box((162, 174), (328, 186), (32, 32, 36))
    _wheel(canvas, 40, 23, 225)
    _wheel(canvas, 128, 28, 225)


def _coil(canvas: Canvas, x: float, y: float, tag: int) -> None:
    width, height = COIL
    middle = y + height / 2
    canvas.disc((x + width - 14, middle), (14, height / 2), (104, 102, 100))
    canvas.shaded((x + 14, y), (x + width - 14, y + height), STEEL)
    canvas.disc((x + 14, middle), (14, height / 2), (150, 146, 142))
    for ring in range(4, 14, 3):
        canvas.disc((x + 14, middle), (ring, height / 2 * ring / 14), (112, 110, 108), 0.5)
    canvas.disc((x + 14, middle), (5, height * 0.2), (34, 34, 36))
    for strap in (0.24, 0.86):
        left = x + 14 + strap * (width - 28)
        canvas.box((left, y), (left + 5, y + height), (54, 56, 60)).box(
            (left - 2, middle), (left + 7, middle + 8), BLACK
        )
    left, top = x + width / 2 - PLATE_PX / 2 + 4, middle - PLATE_PX / 2 + 2
    canvas.box((left, top), (left + PLATE_PX, top + PLATE_PX), (236, 238, 238))
    inset = (PLATE_PX - TAG_PX) / 2
    canvas.stamp((left + inset, top + 6), tag_picture(tag, TAG_PX * FINE))
    canvas.text((left + inset, top + PLATE_PX - 5), f"COIL {tag:03d}", BLACK, 0.36)

"""The empty yard by day and by night: road and fence on the left, the warehouse and its gate on the right."""

from functools import cache
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from iot_bridge.scene.paint import Canvas
from iot_bridge.scene.place import FLOOR_Y, GATE_X, HEIGHT, WIDTH

Light = Literal["day", "night"]
Floats = NDArray[np.float32]

NIGHT_TINT: Final = np.array([0.40, 0.30, 0.26], np.float32)
LAMP: Final = np.array([0.62, 0.86, 1.0], np.float32)


@cache
def backdrop() -> Floats:
    """The empty scene in plain daylight; shape (HEIGHT, WIDTH, 3), float32. Copy it before drawing on it."""
    return _textured(_drawn())


@cache
def light_on(light: Light) -> Floats:
    """What share of daylight each place has, per colour; shape (HEIGHT, WIDTH, 3)."""
    if light == "day":
        return np.repeat(_vignette()[..., None], 3, axis=2)
    pool = np.zeros((HEIGHT, WIDTH), np.float32)
    for x, y, wide, high, bright in (
        (500, 330, 330, 250, 0.85),
        (800, 300, 260, 220, 0.55),
        (150, 420, 240, 130, 0.2),
    ):
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        pool += bright * np.exp(-(((columns - x) / wide) ** 2) - ((rows - y) / high) ** 2)
    return ((NIGHT_TINT + pool[..., None] * LAMP * 0.62) * _vignette()[..., None]).astype(np.float32)


def _drawn() -> Floats:
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.shaded((0, 0), (WIDTH, 250), [(214, 176, 140), (226, 204, 182), (232, 222, 212)])
    for x, wide, high in ((20, 60, 26), (110, 90, 40), (220, 70, 30), (330, 110, 46), (430, 80, 30)):
        canvas.disc((x, 262), (wide, high), (88, 112, 96)).disc(
            (x + 30, 268), (wide * 0.7, high * 0.7), (74, 98, 82)
        )
    canvas.box((60, 214), (190, 262), (168, 172, 178)).box((60, 208), (190, 216), (120, 124, 132))
    for x in range(72, 184, 22):
        canvas.box((x, 226), (x + 12, 238), (140, 128, 112))
    canvas.box((0, 258), (GATE_X, FLOOR_Y), (126, 142, 138))
    for x in range(0, GATE_X, 14):
        canvas.line((x, 236), (x, FLOOR_Y), (104, 108, 110), 1.2)
    for y in (236, 262, 288, 314):
        canvas.line((0, y), (GATE_X, y), (112, 116, 118), 1.2)
    _floor(canvas)
    _warehouse(canvas)
    return np.asarray(canvas.finished().pixels[..., :3], np.float32)


def _floor(canvas: Canvas) -> None:
    canvas.shaded((0, FLOOR_Y), (WIDTH, HEIGHT), [(112, 112, 110), (128, 129, 128), (142, 143, 143)])
    for x in range(-400, 1500, 150):
        canvas.line((x * 0.7 + 144, FLOOR_Y), (x, HEIGHT), (112, 113, 113), 1.0)
    for y in (352, 402, 478):
        canvas.line((0, y), (WIDTH, y), (114, 115, 115), 1.0)
    canvas.polygon([(0, 500), (WIDTH, 500), (WIDTH, 508), (0, 508)], (96, 196, 222))
    canvas.polygon([(0, 350), (WIDTH, 350), (WIDTH, 354), (0, 354)], (96, 190, 214))
    for y in range(356, 500, 24):
        canvas.polygon([(473, y), (487, y), (487, y + 14), (473, y + 14)], (214, 216, 216))


def _warehouse(canvas: Canvas) -> None:
    canvas.box((GATE_X + 16, 34), (WIDTH, FLOOR_Y), (156, 148, 134))
    for x in range(GATE_X + 16, WIDTH, 12):
        canvas.box((x, 34), (x + 5, FLOOR_Y), (144, 136, 122)).box(
            (x + 5, 34), (x + 7, FLOOR_Y), (172, 164, 150)
        )
    canvas.box((GATE_X + 8, 22), (WIDTH, 38), (96, 84, 70))
    canvas.box((640, 118), (872, FLOOR_Y), (52, 50, 48)).box((632, 110), (880, 120), (70, 66, 62))
    for k, x in enumerate((660, 724, 788)):
        canvas.disc((x + 30, 294), (28, 28), (112 + 8 * k, 110 + 8 * k, 108 + 8 * k))
        for radius in (24, 19, 14):
            canvas.disc((x + 30, 294), (radius, radius), (88, 86, 84), 0.8)
        canvas.disc((x + 30, 294), (9, 9), (30, 30, 30))
    canvas.box((652, 208), (862, 214), (60, 96, 170)).box((652, 140), (658, 320), (60, 96, 170))
    canvas.box((856, 140), (862, 320), (60, 96, 170)).box((690, 176), (820, 208), (120, 140, 158))
    canvas.box((528, 132), (614, 182), (120, 74, 30)).text((538, 164), "GATE 1", (240, 240, 240), 0.62)
    canvas.box((896, 160), (944, 208), (60, 60, 200)).text((902, 190), "BAY 3", (240, 240, 240), 0.4)
    for x in (GATE_X - 8,):
        canvas.box((x, 60), (x + 24, FLOOR_Y + 26), (60, 62, 66)).box(
            (x + 3, 60), (x + 21, FLOOR_Y + 26), (70, 190, 226)
        )
        for y in range(70, FLOOR_Y + 20, 36):
            canvas.polygon([(x + 3, y + 18), (x + 21, y), (x + 21, y + 14), (x + 3, y + 32)], (34, 34, 36))
    canvas.box((GATE_X - 2, 46), (GATE_X + 60, 58), (70, 72, 76)).box(
        (GATE_X + 30, 58), (GATE_X + 58, 66), (200, 236, 250)
    )


def _textured(scene: Floats) -> Floats:
    """Concrete is never plain: stains, grain and tyre marks, always the same ones."""
    draw = np.random.default_rng(41)
    rough = cv2.resize(
        draw.normal(0, 1, (34, 60)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.GaussianBlur(draw.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 0.8)
    strength = np.full((HEIGHT, 1), 0.4, np.float32)
    strength[FLOOR_Y:] = 1.0
    marks = np.zeros((HEIGHT, WIDTH), np.float32)
    for y in (430, 446, 470, 484):
        cv2.line(marks, (0, y + 3), (WIDTH, y - 3), (1.0,), 9)
    marks = cv2.GaussianBlur(marks, (0, 0), 5) * (0.6 + 0.4 * np.clip(rough, -1, 1))
    return scene + (5.0 * rough + 4.0 * fine)[..., None] * strength[..., None] - 16.0 * marks[..., None]


def _vignette() -> Floats:
    rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    return np.asarray(1.0 - 0.16 * (rows**2 + columns**2) / 2, np.float32)

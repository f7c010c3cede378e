"""The gate line: sides, directions, and lines that nothing could pass."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iot_bridge.perceive.errors import LineImpassable, LineMalformed, LineOutsidePicture, LineTooShort
from iot_bridge.perceive.line import Line

PIXEL = st.integers(-500, 1500)
PLACE = st.tuples(st.floats(-500, 1500), st.floats(-500, 1500))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    ends = (draw(PIXEL), draw(PIXEL)), (draw(PIXEL), draw(PIXEL))
    assume(ends[0] != ends[1])
    return Line(*ends[0], *ends[1])


@pytest.mark.parametrize(
    ("line", "right_to_left", "direction"),
    [
        (Line(100, 0, 100, 200), (-1, 0), "left"),
        (Line(100, 200, 100, 0), (-1, 0), "left"),
        (Line(100, 0, 100, 200), (1, 0), "right"),
        (Line(0, 100, 200, 100), (0, -1), "up"),
        (Line(200, 100, 0, 100), (0, 1), "down"),
        (Line(0, 0, 90, 100), (1, -0.9), "right"),
    ],
)
def test_a_motion_is_named_as_a_person_sees_it_however_the_line_was_drawn(
    line: Line, right_to_left: tuple[float, float], direction: str
) -> None:
    step = (line.x1 + right_to_left[0], line.y1 + right_to_left[1])
    assert line.direction(to_positive=line.distance(step) > 0) == direction


@given(lines(), PLACE)
def test_drawing_a_line_from_its_other_end_changes_no_direction(
    line: Line, place: tuple[float, float]
) -> None:
    other = Line(line.x2, line.y2, line.x1, line.y1)
    assume(abs(line.distance(place)) > 1e-6)
    assert line.direction(to_positive=line.distance(place) > 0) == other.direction(
        to_positive=other.distance(place) > 0
    )


@given(lines())
def test_towards_one_side_is_the_opposite_of_towards_the_other(line: Line) -> None:
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    assert opposite[line.direction(to_positive=True)] == line.direction(to_positive=False)


@given(lines(), st.floats(0, 1), st.floats(-300, 300))
def test_distance_is_pixels_across_the_line(line: Line, share: float, away: float) -> None:
    dx, dy = (line.x2 - line.x1) / line.length(), (line.y2 - line.y1) / line.length()
    on = (line.x1 + share * (line.x2 - line.x1), line.y1 + share * (line.y2 - line.y1))
    place = (on[0] - away * dy, on[1] + away * dx)
    assert line.distance(place) == pytest.approx(away, abs=1e-6)
    assert line.along(place) == pytest.approx(share, abs=1e-6)


@given(lines())
def test_the_written_line_reads_back(line: Line) -> None:
    assert Line.parse(line.text()) == line
    assert Line.parse(f" {line.text().replace(',', ' , ')} ") == line


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4", "1;2;3;4", "5,5,5,5"])
def test_a_line_that_is_not_four_whole_numbers_is_refused(text: str) -> None:
    with pytest.raises(LineMalformed):
        Line.parse(text)


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (Line(2, 0, 2, 400), LineImpassable),
        (Line(0, 398, 640, 398), LineImpassable),
        (Line(639, 0, 639, 400), LineImpassable),
        (Line(700, 0, 700, 400), LineOutsidePicture),
        (Line(-50, -50, -1, 300), LineOutsidePicture),
        (Line(320, 200, 325, 200), LineTooShort),
    ],
)
def test_a_line_that_things_cannot_wholly_pass_is_refused(
    line: Line, refusal: type[LineImpassable | LineOutsidePicture | LineTooShort]
) -> None:
    with pytest.raises(refusal):
        line.require_passable(width=640, height=400)


@given(st.integers(40, 600), st.integers(-100, 0), st.integers(400, 700))
def test_an_upright_line_away_from_the_border_is_passable(x: int, top: int, bottom: int) -> None:
    Line(x, top, x, bottom).require_passable(width=640, height=400)


@given(lines())
def test_the_part_of_a_line_inside_the_picture_is_inside_and_on_the_line(line: Line) -> None:
    try:
        ends = line.inside(width=640, height=400)
    except LineOutsidePicture:
        return
    for x, y in ends:
        assert -1e-6 <= x <= 640 + 1e-6
        assert -1e-6 <= y <= 400 + 1e-6
        assert math.isclose(line.distance((x, y)), 0, abs_tol=1e-6)

"""Following things: numbers that stay, things that pass each other, parts, and what is lost."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iot_bridge.perceive.blobs import Blob, Rect
from iot_bridge.perceive.settings import Tuning
from iot_bridge.perceive.tracks import Tracker, aligned

STEP_S = 0.08


def square(x: float, y: float, side: float = 30) -> Blob:
    return Blob(Rect(x - side / 2, y - side / 2, x + side / 2, y + side / 2), side * side)


def follow(frames: Sequence[Sequence[Blob]]) -> Tracker:
    tracker = Tracker((480, 270), 1 / STEP_S, Tuning())
    for number, found in enumerate(frames):
        tracker.step(number, number * STEP_S, found)
    return tracker


@given(st.floats(1, 20), st.floats(-6, 6), st.integers(5, 20))
def test_a_thing_that_moves_steadily_keeps_its_number(right: float, down: float, count: int) -> None:
    tracker = follow([[square(60 + right * k, 135 + down * k)] for k in range(count)])
    assert [(track.number, track.hits) for track in tracker.tracks] == [(1, count)]


@given(st.permutations([0, 1, 2]))
def test_the_order_in_which_blobs_are_found_does_not_matter(order: list[int]) -> None:
    places = [(60.0, 60.0), (60.0, 135.0), (60.0, 210.0)]
    frames = [
        [square(x + 5 * k, y) for x, y in (places if k == 0 else [places[i] for i in order])]
        for k in range(8)
    ]
    tracker = follow(frames)
    assert {track.number: round(track.last.rect.middle[1]) for track in tracker.tracks} == {
        1: 60,
        2: 135,
        3: 210,
    }


@settings(max_examples=30)
@given(st.floats(6, 14))
def test_two_things_that_pass_each_other_in_one_blob_keep_their_numbers_and_ways(step: float) -> None:
    frames = []
    for k in range(int(400 / step)):
        a, b = square(40 + step * k, 130), square(440 - step * k, 140)
        joined = a.rect.overlap(b.rect) > 0
        frames.append([Blob(a.rect.around(b.rect), a.pixels + b.pixels)] if joined else [a, b])
    tracker = follow(frames)
    ways = {track.number: track.speed[0] for track in tracker.tracks}
    assert ways[1] > 0 > ways[2]


def test_a_thing_out_of_sight_for_a_moment_is_still_the_same_one() -> None:
    frames = [[square(60 + 6 * k, 135)] if k not in (8, 9, 10) else [] for k in range(20)]
    assert [track.number for track in follow(frames).tracks] == [1]


def test_a_thing_out_of_sight_for_long_is_another_one_when_it_is_back() -> None:
    frames = [[square(60 + 2 * k, 135)] if not 8 <= k < 30 else [] for k in range(36)]
    assert [track.number for track in follow(frames).tracks] == [2]


def test_a_thing_that_left_at_the_border_is_not_the_next_one_that_comes_in_there() -> None:
    frames = (
        [[square(409 + 8 * k, 135)] for k in range(8)]
        + [[]] * 6
        + [[square(462 - 8 * k, 135)] for k in range(6)]
    )
    assert [track.number for track in follow(frames).tracks] == [2]


def test_fragments_of_a_known_thing_are_one_again() -> None:
    whole = [[square(60 + 6 * k, 135, 40)] for k in range(8)]
    split = [
        [
            Blob(Rect(40 + 6 * k, 115, 80 + 6 * k, 132), 680),
            Blob(Rect(40 + 6 * k, 137, 80 + 6 * k, 155), 720),
        ]
        for k in range(8, 14)
    ]
    (track,) = follow([*whole, *split]).tracks
    assert (track.number, track.hits, track.last.fragments) == (1, 14, 2)


def test_nothing_found_leaves_nothing_to_follow() -> None:
    assert follow([[]] * 5).tracks == []


@given(
    st.lists(
        st.tuples(st.floats(0, 400), st.floats(0, 200), st.floats(5, 60), st.floats(5, 60)),
        min_size=2,
        max_size=4,
    )
)
def test_things_in_one_blob_reach_to_its_edges(boxes: list[tuple[float, float, float, float]]) -> None:
    places = [Rect(x, y, x + width, y + height) for x, y, width, height in boxes]
    blob = places[0]
    for place in places[1:]:
        blob = blob.around(place)
    moved = aligned(places, blob)
    assert min(place.left for place in moved) == pytest.approx(blob.left)
    assert max(place.bottom for place in moved) == pytest.approx(blob.bottom)
    assert [(m.width, m.height) for m in moved] == [
        (pytest.approx(p.width), pytest.approx(p.height)) for p in places
    ]

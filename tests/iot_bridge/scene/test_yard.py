"""The rendered yard and the clip before the lens: what perception says is what was shown."""

from pathlib import Path

import numpy as np
import pytest

from iot_bridge.capture.frame import Frame
from iot_bridge.perceive.crossing import Crossing
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.settings import GateSettings
from iot_bridge.perceive.tags import tags_in
from iot_bridge.scene.backdrop import Light
from iot_bridge.scene.clip import Clip
from iot_bridge.scene.errors import (
    ClipHasNoCrossing,
    CommandMalformed,
    InwardUnknown,
    TagUnknown,
    TooManyCoils,
)
from iot_bridge.scene.place import GATE_LINE, HEIGHT, WIDTH
from iot_bridge.scene.stage import ClipStage, YardStage
from iot_bridge.scene.yard import Drive, Yard, rendered
from tests.iot_bridge.boxes import MIDDLE, drive, frames
from tests.iot_bridge.clips import encode


def watched(seen: list[Frame]) -> list[Crossing]:
    watcher = GateWatcher(GateSettings(GATE_LINE))
    return [crossing for frame in seen for crossing in watcher.see(frame)] + watcher.finish()


@pytest.mark.parametrize("light", ["day", "night"])
def test_what_drives_over_the_gate_is_seen_with_direction_time_and_tag(light: Light) -> None:
    drives = [Drive(3.5, "right", (7,)), Drive(9.0, "left", (586,))]
    found = watched(rendered(drives, 14, light=light))
    assert [(each.direction, each.tags) for each in found] == [("right", (7,)), ("left", (586,))]
    assert [each.t_s for each in found] == [pytest.approx(each.crosses_s, abs=0.3) for each in drives]
    assert all(each.count_certain for each in found)
    assert {reason.said for reason in found[0].reasons} >= {"tag 7"}


def test_a_forklift_and_a_truck_with_two_coils_are_one_thing_each() -> None:
    drives = [Drive(3.5, "left", (12,), "forklift"), Drive(9.5, "right", (1, 2))]
    found = watched(rendered(drives, 15))
    assert [(each.direction, each.tags) for each in found] == [("left", (12,)), ("right", (1, 2))]


def test_nightfall_and_daybreak_let_nothing_cross() -> None:
    yard = Yard(seed=5)
    seen = []
    for index in range(110):
        yard.light = "night" if 50 <= index < 80 else "day"
        seen.append(Frame(yard.picture(index / 12.5), index, index / 12.5, 0))
    assert watched(seen) == []


def test_a_vehicle_that_leaves_right_after_nightfall_is_seen() -> None:
    yard = Yard(seed=2)
    yard.admit(Drive(5.5, "left", (9,)))
    seen = []
    for index in range(135):
        yard.light = "night" if index >= 60 else "day"
        seen.append(Frame(yard.picture(index / 12.5), index, index / 12.5, 0))
    assert [(each.direction, each.tags) for each in watched(seen)] == [("left", (9,))]


def test_the_same_seed_renders_the_same_pictures_and_another_one_others() -> None:
    first, again, other = (rendered([], 0.3, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first[0].image.shape == (HEIGHT, WIDTH, 3)


def test_two_pictures_of_a_still_yard_differ_as_a_sensors_do() -> None:
    one, two = (frame.image.astype(np.int16) for frame in rendered([], 0.2)[:2])
    assert 1.0 < float(np.abs(one - two).mean()) < 6.0


def test_a_tag_is_read_on_the_coil_and_none_in_the_empty_yard() -> None:
    crossing = Drive(0.0, "right", (321,))
    yard = Yard()
    assert tags_in(yard.picture(0.0)) == []
    yard.admit(crossing)
    assert [read.tag for read in tags_in(yard.picture(crossing.crosses_s))] == [321]


def test_a_vehicle_carries_no_more_coils_than_it_has_room_for_and_no_unknown_tag() -> None:
    with pytest.raises(TooManyCoils):
        Drive(0.0, "right", (1, 2), "forklift")
    with pytest.raises(TagUnknown):
        Drive(0.0, "right", (587,))


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("enter", 7),
        ("enter", {"tag": "7"}),
        ("leave", {"tags": 7}),
        ("enter", {"vehicle": "ship"}),
        ("jump", {}),
    ],
)
def test_a_command_that_the_yard_does_not_know_is_refused(command: str, given: object) -> None:
    with pytest.raises(CommandMalformed):
        YardStage(Yard()).begin(command, given, 0.0)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in which a box goes to the right at 5.5 s."""
    path = tmp_path_factory.mktemp("clip") / "boxes.mp4"
    return encode(path, frames([drive(-20, 340, at_s=4, lasts_s=3)], 9))


def test_a_clip_shows_one_crossing_for_each_command_and_stands_between(boxes: Path) -> None:
    stage = ClipStage(Clip.load(boxes, MIDDLE), MIDDLE, "right")
    watcher = GateWatcher(GateSettings(MIDDLE))
    commands = {20: ("enter", {}), 150: ("leave", {}), 250: ("play_until", {"direction": "right"})}
    seen = []
    for index in range(350):
        t_s = index / stage.frame_rate
        if index in commands:
            assert stage.is_over(t_s)
            stage.begin(*commands[index], t_s)
        seen += watcher.see(Frame(stage.picture(t_s), index, t_s, 0))
    assert [crossing.direction for crossing in seen] == ["right", "left", "right"]


def test_a_clip_in_which_nothing_crosses_alone_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(ClipHasNoCrossing):
        Clip.load(encode(tmp_path / "still.mp4", frames([], 2)), MIDDLE)


def test_a_clip_has_nothing_for_a_way_that_it_does_not_show_even_backwards(boxes: Path) -> None:
    stage = ClipStage(Clip.load(boxes, MIDDLE), MIDDLE, None)
    with pytest.raises(ClipHasNoCrossing):
        stage.begin("play_until", {"direction": "up"}, 0.0)
    with pytest.raises(InwardUnknown):
        stage.begin("enter", {}, 0.0)
    with pytest.raises(CommandMalformed):
        stage.begin("play_until", {"direction": "sideways"}, 0.0)

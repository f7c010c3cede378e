"""From frames to crossings: what is counted, what is not, what is refused, and that a replay is the same."""

from dataclasses import replace

import numpy as np
import pytest

from iot_bridge.capture.frame import Frame
from iot_bridge.perceive.errors import (
    AreaMalformed,
    FrameMalformed,
    FrameOutOfOrder,
    FrameSizeChanged,
    LineImpassable,
    TuningMalformed,
)
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.line import Line
from iot_bridge.perceive.pipeline import pipeline_hash
from iot_bridge.perceive.settings import GateSettings, Tuning
from tests.iot_bridge.boxes import HEIGHT, MIDDLE, WIDTH, drive, frames, watched

THERE = drive(-20, 340, at_s=4, lasts_s=3)
BACK = drive(340, -20, at_s=9, lasts_s=3)


def test_a_thing_that_goes_there_and_back_crosses_once_each_way_at_the_time_its_middle_passes() -> None:
    there, back = watched(frames([THERE, BACK], 13))
    assert (there.direction, back.direction) == ("right", "left")
    assert there.t_s == pytest.approx(5.5, abs=0.1)
    assert back.t_s == pytest.approx(10.5, abs=0.1)
    assert there.count_certain
    assert there.confidence_bps > 9_000
    assert there.box.x < 160 < there.box.x + there.box.width


def test_every_crossing_says_why_it_is_believed_with_figures_above_their_thresholds() -> None:
    (crossing,) = watched(frames([THERE], 8))
    reasons = {reason.name: reason for reason in crossing.reasons}
    assert {"frames_seen", "travel_px", "lesser_edge_px", "margin_px", "seen_bps", "straight_bps"} <= set(
        reasons
    )
    assert all(
        reason.score is not None and reason.threshold is not None and reason.score >= reason.threshold
        for reason in crossing.reasons
    )


def test_the_frames_of_a_crossing_show_before_at_and_after_and_are_in_hand_when_it_is_stated() -> None:
    (crossing,) = watched(frames([THERE], 8))
    assert crossing.frame in crossing.seen_frames
    assert min(crossing.seen_frames) < crossing.frame <= crossing.decided_frame
    assert max(crossing.seen_frames) <= crossing.decided_frame
    assert crossing.decided_frame - crossing.frame <= 3
    assert crossing.captured_at_ms == round(crossing.frame * 80)


def test_the_same_frames_give_the_same_crossings_bit_for_bit() -> None:
    assert watched(frames([THERE, BACK], 13)) == watched(frames([THERE, BACK], 13))


def test_two_watchers_side_by_side_do_not_disturb_each_other() -> None:
    alone = watched(frames([THERE, BACK], 13))
    first, second = (GateWatcher(GateSettings(MIDDLE, tuning=Tuning(tags=False))) for _ in range(2))
    seen = []
    for frame, other in zip(frames([THERE, BACK], 13), frames([BACK], 13, seed=9), strict=True):
        seen += first.see(frame)
        second.see(other)
    assert seen == alone


def test_a_thing_that_turns_before_the_line_does_not_cross() -> None:
    ways = [drive(-20, 135, at_s=4, lasts_s=2), drive(135, -20, at_s=6, lasts_s=2)]
    assert watched(frames(ways, 10)) == []


def test_a_thing_that_trembles_on_the_line_does_not_cross() -> None:
    def trembles(t_s: float) -> tuple[float, float] | None:
        return (160 + 3 * float(np.sin(9 * t_s)), 100) if t_s > 3.5 else None

    assert watched(frames([trembles], 12)) == []


def test_a_thing_that_passes_beside_a_short_line_does_not_cross_it() -> None:
    line = Line(160, 120, 160, 180)
    assert watched(frames([drive(-20, 340, at_s=4, lasts_s=3, y=40)], 8), line) == []
    assert len(watched(frames([drive(-20, 340, at_s=4, lasts_s=3, y=150)], 8), line)) == 1


def test_two_things_side_by_side_cross_as_two() -> None:
    ways = [drive(-20, 340, at_s=4, lasts_s=3, y=40), drive(-20, 340, at_s=4.2, lasts_s=3, y=130)]
    assert [crossing.direction for crossing in watched(frames(ways, 9))] == ["right", "right"]


def test_a_thing_that_covers_more_than_one_item_should_is_counted_as_uncertain() -> None:
    tuning = Tuning(tags=False, one_item_bps=80)
    (crossing,) = watched(frames([THERE], 8), tuning=tuning)
    assert not crossing.count_certain
    assert "covers_bps" in {reason.name for reason in crossing.reasons}


def test_a_clip_shorter_than_the_warm_up_is_judged_when_it_ends() -> None:
    (crossing,) = watched(frames([drive(-20, 340, at_s=0.2, lasts_s=2)], 2.6))
    assert crossing.direction == "right"


def test_a_thing_in_the_first_frame_is_told_from_the_empty_scene() -> None:
    (crossing,) = watched(frames([drive(60, 340, at_s=0, lasts_s=2)], 6))
    assert crossing.t_s == pytest.approx(0.71, abs=0.2)


def test_what_moves_in_an_ignored_area_is_not_seen() -> None:
    area = ((0, 60), (WIDTH, 60), (WIDTH, 140), (0, 140))
    watcher = GateWatcher(GateSettings(MIDDLE, (area,), Tuning(tags=False)))
    assert [crossing for frame in frames([THERE], 8) for crossing in watcher.see(frame)] == []


def test_a_picture_without_motion_gives_nothing() -> None:
    assert watched(frames([], 8)) == []


def test_a_line_that_nothing_can_pass_is_refused_at_the_first_frame() -> None:
    with pytest.raises(LineImpassable):
        watched(frames([], 1), Line(3, 0, 3, 180))


def test_a_frame_that_is_no_picture_of_bytes_is_refused() -> None:
    watcher = GateWatcher(GateSettings(MIDDLE))
    with pytest.raises(FrameMalformed):
        watcher.see(Frame(np.zeros((HEIGHT, WIDTH), np.uint8), 0, 0.0, 0))


def test_a_frame_of_another_size_is_refused() -> None:
    watcher = GateWatcher(GateSettings(MIDDLE))
    watcher.see(Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 0, 0.0, 0))
    with pytest.raises(FrameSizeChanged):
        watcher.see(Frame(np.zeros((HEIGHT, WIDTH + 2, 3), np.uint8), 1, 0.1, 0))


@pytest.mark.parametrize(("index", "t_s"), [(0, 0.2), (1, 0.0)])
def test_a_frame_that_is_not_later_than_the_last_is_refused(index: int, t_s: float) -> None:
    watcher = GateWatcher(GateSettings(MIDDLE))
    blank = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    watcher.see(Frame(blank, 0, 0.0, 0))
    with pytest.raises(FrameOutOfOrder):
        watcher.see(Frame(blank, index, t_s, 0))


def test_any_setting_changes_the_pipelines_hash_and_the_same_settings_keep_it() -> None:
    settings = GateSettings(MIDDLE)
    assert pipeline_hash(settings) == pipeline_hash(GateSettings(MIDDLE))
    others = [
        GateSettings(Line(161, 0, 160, 180)),
        GateSettings(MIDDLE, (((0, 0), (9, 0), (9, 9)),)),
        replace(settings, tuning=Tuning(contrast=21)),
        replace(settings, tuning=Tuning(tags=False)),
    ]
    assert len({pipeline_hash(each) for each in [settings, *others]}) == 5
    (crossing,) = watched(frames([THERE], 8))
    assert crossing.pipeline == pipeline_hash(GateSettings(MIDDLE, tuning=Tuning(tags=False)))


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(TuningMalformed):
        Tuning(working_px=0)
    with pytest.raises(AreaMalformed):
        GateSettings(MIDDLE, (((0, 0), (1, 1)),))

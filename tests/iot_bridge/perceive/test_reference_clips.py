"""Real clips with crossings counted by hand, where the reference data is given by TALLYSTICK_REFERENCE."""

import json
import os
from pathlib import Path
from typing import Any, Final

from iot_bridge.capture.source import open_source
from iot_bridge.perceive.crossing import Crossing
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.line import Line
from iot_bridge.perceive.settings import GateSettings

WITHIN_S: Final = 0.5


def clips() -> dict[str, Any]:
    """What was counted by hand, for each clip whose crossings were."""
    folder = os.environ.get("TALLYSTICK_REFERENCE")
    if folder is None:
        return {}
    files = sorted((Path(folder) / "video").glob("*.gt.json"))
    counted = {file.name.replace(".gt.json", ".mp4"): json.loads(file.read_text("utf-8")) for file in files}
    return {
        str(Path(folder) / "video" / name): truth for name, truth in counted.items() if "crossings" in truth
    }


def watched(clip: str, truth: Any) -> list[Crossing]:
    (line,) = truth["lines"]
    watcher = GateWatcher(GateSettings(Line(*line["a"], *line["b"])))
    with open_source(clip) as source:
        crossings = [crossing for frame in source.frames() for crossing in watcher.see(frame)]
    return crossings + watcher.finish()


def test_every_crossing_counted_by_hand_is_found_in_time_and_none_is_invented() -> None:
    for clip, truth in clips().items():
        found = watched(clip, truth)
        for counted in truth["crossings"]:
            fitting = [
                each
                for each in found
                if each.direction == counted["direction"] and abs(each.t_s - counted["t"]) <= WITHIN_S
            ]
            assert fitting, f"{clip}: {counted['object']} at {counted['t']} s was missed"
            found.remove(min(fitting, key=lambda each: abs(each.t_s - counted["t"])))
        assert found == [], f"{clip}: invented"


def test_a_real_clip_says_the_same_when_it_is_replayed() -> None:
    for clip, truth in list(clips().items())[-1:]:
        first, second = watched(clip, truth), watched(clip, truth)
        assert [c.box for c in first] == [c.box for c in second]
        assert [(c.t_s, c.confidence_bps, c.reasons) for c in first] == [
            (c.t_s, c.confidence_bps, c.reasons) for c in second
        ]

"""`tallystick-bridge watch` and `yard`, as a person or a script uses them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iot_bridge.__main__ import main
from iot_bridge.scene.place import GATE_LINE
from tests.iot_bridge.boxes import drive, frames
from tests.iot_bridge.clips import encode

LINE = "160,0,160,180"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box that goes to the right at 5.5 s and back at 10.5 s."""
    ways = [drive(-20, 340, at_s=4, lasts_s=3), drive(340, -20, at_s=9, lasts_s=3)]
    return encode(tmp_path_factory.mktemp("clip") / "boxes.mp4", frames(ways, 13))


def printed(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_says_each_crossing_and_then_the_sums(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--video", str(clip), "--line", LINE, "--json"]) == 0
    there, back, last = printed(capsys)
    assert (there["direction"], back["direction"]) == ("right", "left")
    assert there["t_s"] == pytest.approx(5.5, abs=0.15)
    assert there["frame"] == pytest.approx(69, abs=2)
    assert 0 < there["confidence_bps"] <= 10_000
    assert {"name", "score", "threshold", "said"} == set(there["reasons"][0])
    summary = last["summary"]
    assert {key: summary[key] for key in ("left", "right", "up", "down", "frames")} == {
        "left": 1,
        "right": 1,
        "up": 0,
        "down": 0,
        "frames": 162,
    }
    assert summary["fps"] == pytest.approx(12.5, abs=0.05)


def test_two_runs_print_the_same_bytes(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["watch", "--video", str(clip), "--line", LINE, "--json"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert main(arguments) == 0
    assert capsys.readouterr().out == first


def test_a_person_reads_lines(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--video", str(clip), "--line", LINE]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 3
    assert "right" in told[0]
    assert "1 left, 1 right, 0 up, 0 down in 162 frames at 12.5" in told[2]


def test_an_ignored_area_is_not_watched(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["watch", "--video", str(clip), "--line", LINE, "--json", "--ignore", "0,0,320,0,320,180,0,180"])
        == 0
    )
    assert printed(capsys)[-1]["summary"]["left"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--line", "1,2,3"], "line.malformed"),
        (["--line", "2,0,2,180"], "line.impassable"),
        (["--line", "900,0,900,180"], "line.outside_picture"),
        (["--line", LINE, "--ignore", "1,2"], "perceive.area_malformed"),
    ],
)
def test_a_bad_line_or_area_says_what_was_expected(
    clip: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["watch", "--video", str(clip), *arguments]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""


def test_a_missing_file_says_what_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--video", "gone.mp4", "--line", LINE]) == 2
    assert "capture.source_missing" in capsys.readouterr().err


def test_the_yard_lets_a_coil_in_on_command_and_watch_sees_it_with_its_tag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = subprocess.run(
        [sys.executable, "-m", "iot_bridge", "yard", "--frames", str(tmp_path / "frames"), "--keep", "1000"],
        input='{"bogus": 1}\nnot json\n{"enter": {"tag": 999}}\n{"enter": {"tag": 7, "mass_kg": 23950}}\n',
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    answers = [json.loads(line) for line in yard.stdout.splitlines()]
    assert [next(iter(answer)) for answer in answers] == [
        "ready",
        "refused",
        "refused",
        "refused",
        "crossed",
        "done",
        "ended",
    ]
    assert [answer["refused"] for answer in answers[1:4]] == [
        "scene.command_malformed",
        "scene.command_malformed",
        "scene.tag_unknown",
    ]
    crossed = answers[4]["crossed"]
    assert (crossed["tags"], crossed["direction"], crossed["way"]) == ([7], "right", "in")
    assert main(["watch", "--video", str(tmp_path / "frames"), "--line", GATE_LINE.text(), "--json"]) == 0
    (seen, _) = printed(capsys)
    assert (seen["direction"], seen["tags"]) == ("right", [7])

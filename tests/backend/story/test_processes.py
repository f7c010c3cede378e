"""The parts of a running system are heard, missed by name when they end, and ended in their order."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.story.processes import ProcessEnded, Processes, ProcessSilent
from backend.story.stage import GateLineMissing, GateView

SAYS_READY = "import json, sys\nprint('a word for people')\nprint(json.dumps({'ready': True}), flush=True)\n"
ECHOES = (
    SAYS_READY + "for line in sys.stdin:\n    print(json.dumps({'heard': json.loads(line)}), flush=True)\n"
)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Processes]:
    for name, program in (("echo", ECHOES), ("brief", SAYS_READY), ("failing", "raise SystemExit(3)\n")):
        (tmp_path / f"{name}.py").write_text(program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with Processes(logs=tmp_path / "logs", environment=environment) as running:
        yield running
        pids = [each.popen for each in running.running]
    assert all(each.poll() is not None for each in pids)


def test_a_part_is_heard_and_answers_and_what_is_no_json_goes_to_its_log(parts: Processes) -> None:
    echo = parts.start("echo", "echo")
    assert echo.wait_for(lambda line: "ready" in line, within_s=20) == {"ready": True}
    echo.send({"enter": 7})
    assert echo.wait_for(lambda line: "heard" in line, within_s=20) == {"heard": {"enter": 7}}
    parts.require_alive()
    assert "a word for people" in echo.log.read_text("utf-8")


def test_a_part_that_says_nothing_in_time_is_named(parts: Processes) -> None:
    echo = parts.start("echo", "echo")
    with pytest.raises(ProcessSilent) as silent:
        echo.wait_for(lambda line: "never" in line, within_s=0.2)
    assert silent.value.facts["name"] == "echo"


def test_a_part_that_ended_is_named_with_its_log(parts: Processes) -> None:
    failing = parts.start("failing", "failing")
    with pytest.raises(ProcessEnded) as ended:
        failing.wait_for(lambda _: True, within_s=20)
    assert ended.value.facts["log"] == failing.log
    with pytest.raises(ProcessEnded):
        parts.require_alive()
    with pytest.raises(ProcessEnded):
        failing.send({"any": "thing"})


def test_a_part_that_is_to_end_by_itself_must_end_well(parts: Processes) -> None:
    parts.finish(parts.start("brief", "brief"), within_s=20)
    with pytest.raises(ProcessEnded):
        parts.finish(parts.start("failing", "failing"), within_s=20)


def test_a_clip_at_the_gate_needs_its_line_and_its_way_in() -> None:
    with pytest.raises(GateLineMissing):
        GateView(video=Path(sys.executable))

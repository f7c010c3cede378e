"""The wall clock of a bridge stepped by an hour while it runs: nothing is lost, renumbered or made up.

A device's time is a claim; order is the log's, age counts from the beacon, durations are by a steady clock.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from iot_bridge.capture.frame import Frame, wall_clock_ms
from iot_bridge.capture.source import Source, open_source
from iot_bridge.evidence.statement import statement_id
from iot_bridge.fuse import Movement, Rules, Unclear
from iot_bridge.fusing import Fusion
from iot_bridge.record import Observation
from iot_bridge.yard import Yard, note
from tests.iot_bridge.edge import BEACON, CAMERA, FUSION, SCALE, Edge, crossing, ticket
from tests.iot_bridge.gate_pictures import GateInFront
from tests.iot_bridge.test_camera import camera, stated
from tests.iot_bridge.waiting import until

HOUR_MS = 3_600_000
NOON_MS = 1_780_000_000_000
MINUTE_MS = 60_000
ADVICE = "tag,mill,heat,coil,mass_kg\n7,Baosteel,H24-1187,C0001,23940\n8,Baosteel,H24-1187,C0002,18200\n"
STEPS = pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS], ids=["an hour ahead", "an hour back"])


class SteppedSource:
    """A camera's frames on a machine whose wall clock is stepped meanwhile."""

    def __init__(self, source: Source) -> None:
        self.step_ms = 0
        self._source = source

    @property
    def length(self) -> int | None:
        return self._source.length

    def frames(self) -> Iterator[Frame]:
        for frame in self._source.frames():
            yield replace(frame, captured_at_ms=frame.captured_at_ms + self.step_ms)

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.mark.timeout(280)
@STEPS
def test_a_camera_goes_on_states_the_step_and_no_hour_that_nobody_watched(
    edge: Edge, tmp_path: Path, step_ms: int
) -> None:
    gate = GateInFront(tmp_path / "pictures")
    source = SteppedSource(open_source(str(tmp_path / "pictures"), live=True))
    at_work = camera(edge, tmp_path / "pictures", opens=lambda _: source)
    until(lambda: at_work._captured > 40)
    source.step_ms = step_ms
    until(lambda: stated(edge) != [])
    gate.cross("right", 7)
    until(lambda: len(stated(edge)) > 1)
    at_work.stop()
    gate.stop()
    assert at_work.worker.failure is None
    (tampered, step), (crossed, seen) = stated(edge)
    assert (tampered, crossed) == ("device.tamper", "gate.crossing")
    assert step.fields["what"].startswith("clock step of ")
    assert abs(int(step.fields["what"].split()[3]) - step_ms) < 1_000
    assert step.fields["score_bps"] >= 9_900 > step.fields["threshold_bps"]
    assert seen.fields["tags"] == [7]
    first, second = (each.signed().statement for each in edge.spool.unacknowledged())
    assert (first.seq, second.seq, second.prev) == (1, 2, statement_id(first))
    assert abs(second.seen_at_ms - step_ms - wall_clock_ms()) < MINUTE_MS


@STEPS
def test_order_and_age_are_the_logs_and_the_beacons_and_not_the_clocks(edge: Edge, step_ms: int) -> None:
    times = [NOON_MS, NOON_MS + 1, NOON_MS + step_ms, NOON_MS + step_ms + 1]
    taken = [edge.recorder.record(CAMERA.name, crossing(at)) for at in times]
    said = [each.signed().statement for each in edge.spool.unacknowledged()]
    assert [each.seen_at_ms for each in said] == times
    assert [each.seq for each in said] == [1, 2, 3, 4]
    assert [each.prev for each in said[1:]] == [each.id for each in taken[:-1]]
    assert {each.beacon_block for each in said} == {BEACON.number}


@pytest.fixture
def fusion(edge: Edge) -> Fusion:
    found = Fusion(
        Yard(edge.spool),
        edge.recorder,
        device=FUSION.name,
        rules=Rules(),
        advices=edge.folder / "advices",
        key=bytes(range(32)),
    )
    (edge.folder / "advices" / "one.csv").write_text(ADVICE, encoding="utf-8")
    (edge.folder / "advices" / "one.csv").touch()
    until(lambda: not found.step(NOON_MS) and len(Yard(edge.spool).pieces()) == 2)
    return found


def says(edge: Edge, device: str, seen: Observation) -> None:
    edge.recorder.record(device, seen, note)


@STEPS
def test_a_step_between_gate_and_scale_makes_no_movement_and_the_next_coil_makes_one(
    edge: Edge, fusion: Fusion, step_ms: int
) -> None:
    says(edge, CAMERA.name, crossing(NOON_MS, tags=(7,)))
    assert fusion.step(NOON_MS) == []
    now_ms = NOON_MS + 20_000 + step_ms
    says(edge, SCALE.name, ticket(now_ms, 23_940))
    found = fusion.step(now_ms) + fusion.step(now_ms + Rules().window_ms + 1)
    assert [type(each) for each in found] == [Unclear, Unclear]
    assert Yard(edge.spool).open() == ([], [])
    assert len(Yard(edge.spool).reviews()) == 2
    says(edge, CAMERA.name, crossing(now_ms + 5 * MINUTE_MS, tags=(8,)))
    says(edge, SCALE.name, ticket(now_ms + 6 * MINUTE_MS, 18_200))
    assert [type(each) for each in fusion.step(now_ms + 6 * MINUTE_MS)] == [Movement]


def test_a_crossing_from_before_a_step_back_does_not_meet_a_weighing_of_an_hour_later(
    edge: Edge, fusion: Fusion
) -> None:
    says(edge, CAMERA.name, crossing(NOON_MS, tags=(7,)))
    for minute in range(1, 61):  # the clock was set back by an hour; the same times come again
        fusion.step(NOON_MS - HOUR_MS + minute * MINUTE_MS)
    says(edge, SCALE.name, ticket(NOON_MS + 20_000, 23_940))
    found = fusion.step(NOON_MS + 20_000) + fusion.step(NOON_MS + 10 * MINUTE_MS)
    assert [type(each) for each in found] == [Unclear]

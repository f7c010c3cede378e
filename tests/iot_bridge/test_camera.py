"""One camera at work in the bridge: what it does when there is no room, no source, or no frame that fits."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iot_bridge.camera import GateCamera
from iot_bridge.capture.source import Source
from iot_bridge.durable import SpoolFull
from iot_bridge.evidence.acknowledgement import Acknowledgement
from iot_bridge.evidence.body import Body, require_body
from iot_bridge.evidence.statement import ZERO32, parse_entry, statement_id
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.settings import CameraSettings
from iot_bridge.yard import Yard
from tests.iot_bridge.edge import CAMERA, FUSION, SITE, Edge, crossing
from tests.iot_bridge.gate_pictures import DIRECTIONS, LINE, GateInFront
from tests.iot_bridge.waiting import until


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GateInFront]:
    found = GateInFront(tmp_path / "pictures")
    yield found
    found.stop()


def camera(
    edge: Edge, source: Path, *, line: str = LINE, opens: Callable[[str], Source] | None = None
) -> GateCamera:
    """The camera, already at work on a source."""
    Yard(edge.spool)
    settings = CameraSettings(device=CAMERA.name, source=str(source), line=line, directions=DIRECTIONS)  # type: ignore[arg-type]
    found = GateCamera(
        settings,
        edge.recorder,
        edge.spool,
        EvidenceStore(edge.folder / "evidence"),
        unwatched_after_s=2,
        health_every_s=60,
        opens=opens,
    )
    found.worker.start()
    return found


def stated(edge: Edge) -> list[tuple[str, Body]]:
    """What the camera stated so far, as far as it has not left."""
    found = []
    for message in edge.spool.unacknowledged(most=10_000):
        statement = message.signed().statement
        if statement.device == CAMERA.name:
            found.append((statement.kind, require_body(statement, message.body)))
    return found


def filled(edge: Edge) -> None:
    """Fill the spool with what the fusion device says, until nothing more fits."""
    long = [{"name": f"figure-{number}", "said": "x" * 300} for number in range(60)]
    small = [{"name": "figure"}]
    for reasons in (long, small):
        with pytest.raises(SpoolFull):
            recorded_without_end(edge, reasons)


def recorded_without_end(edge: Edge, reasons: list[dict[str, str]]) -> None:
    for at in itertools.count():
        edge.recorder.record(FUSION.name, crossing(at, reasons=reasons))


def emptied(edge: Edge) -> None:
    """Let the bank acknowledge and the ledger confirm all that is there."""
    for index, entry in enumerate(edge.spool.entries(1, 100_000), start=1):
        said = statement_id(parse_entry(entry).statement)
        edge.spool.acknowledge(Acknowledgement(SITE, said, index, 0, ZERO32))
    edge.spool.confirm(edge.spool.size())


@pytest.mark.timeout(280)
def test_a_full_spool_stops_capture_keeps_the_crossing_in_hand_and_states_the_gap_afterwards(
    edge: Edge, gate: GateInFront
) -> None:
    edge.spool.close()
    edge.open(most_mib=1)
    at_work = camera(edge, edge.folder / "pictures")
    until(lambda: at_work._captured > 40)
    filled(edge)
    before = edge.spool.size()
    gate.cross("right", 7)
    until(lambda: at_work._full_since_ms is not None)
    assert edge.spool.size() == before
    emptied(edge)
    until(lambda: [kind for kind, _ in stated(edge)] == ["gate.crossing", "unwatched.interval"])
    at_work.stop()
    (_, seen), (_, gap) = stated(edge)
    assert (seen.fields["tags"], seen.fields["direction"]) == ([7], "in")
    assert gap.fields["why"] == "no room in the spool"
    assert gap.fields["from"] < gap.fields["to"]


@pytest.mark.parametrize(
    ("source", "line", "why"),
    [("nowhere", LINE, "capture.source_missing"), ("pictures", "2000,0,2000,540", "line.outside_picture")],
)
@pytest.mark.timeout(280)
def test_a_gate_that_cannot_be_watched_is_stated_as_unwatched_and_tried_again(
    edge: Edge, gate: GateInFront, source: str, line: str, why: str
) -> None:
    at_work = camera(edge, edge.folder / source, line=line)
    until(lambda: stated(edge) != [])
    assert [(kind, body.fields["why"]) for kind, body in stated(edge)] == [("unwatched.interval", why)]
    assert at_work.worker.is_alive()
    at_work.stop()
    assert at_work.worker.failure is None


@pytest.mark.timeout(280)
def test_a_motion_that_the_gate_does_not_name_is_no_crossing_of_it(edge: Edge, gate: GateInFront) -> None:
    at_work = camera(edge, edge.folder / "pictures")
    object.__setattr__(at_work._settings, "directions", {"up": "in"})
    until(lambda: at_work._captured > 40)
    gate.cross("left", 7)
    until(gate.is_clear)
    at_work.stop()
    assert stated(edge) == []

"""A disk without a free page: nothing taken is lost, each says so by name, and goes on when there is room."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from iot_bridge.devices import Intake, KnownDevice
from iot_bridge.durable import SpoolFull
from iot_bridge.evidence.acknowledgement import Acknowledgement, SignedAcknowledgement, acknowledge
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.rederive import root_over
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.link import BrokerAddress, Link
from iot_bridge.publish import Publisher
from iot_bridge.spool import Position, SequenceTaken, Spool, Taken
from iot_bridge.weighbridge import TicketBook, Weighbridge
from iot_bridge.yard import Yard
from tests.iot_bridge.edge import (
    BANK,
    BRIDGE,
    CAMERA,
    DOMAIN,
    IDENTITY,
    SCALE,
    SITE,
    Edge,
    crossing,
    ticket,
    writer,
)
from tests.iot_bridge.gate_pictures import GateInFront
from tests.iot_bridge.test_camera import camera, stated
from tests.iot_bridge.test_spool import LONG
from tests.iot_bridge.waiting import until
from tests.support.small_disk import SmallDisk, small_disk

NOWHERE = BrokerAddress("127.0.0.1", 1)
READING = '{"gross_kg": 39120, "tare_kg": 15180}'


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as found:
        yield found


@pytest.fixture
def edge(disk: SmallDisk) -> Iterator[Edge]:
    found = Edge(disk.folder)
    found.spool.close()
    found.open(most_mib=disk.most_mib)
    yield found
    found.spool.close()


def filled(edge: Edge, disk: SmallDisk) -> list[Taken]:
    """Record until nothing more fits, whatever its size; what was taken."""
    taken: list[Taken] = []
    if disk.is_real:
        disk.occupy()
    with pytest.raises(SpoolFull):
        taken.extend(recorded_without_end(edge, LONG))
    if disk.is_real:
        disk.fill()
    with pytest.raises(SpoolFull):
        taken.extend(recorded_without_end(edge, []))
    return taken


def recorded_without_end(edge: Edge, reasons: list[dict[str, str]]) -> Iterator[Taken]:
    for at in itertools.count():
        yield edge.recorder.record(CAMERA.name, crossing(at, reasons=reasons))


def acknowledge_all(publisher: Publisher, taken: list[Taken]) -> None:
    for each in taken:
        publisher.acknowledged("", acknowledgement(each).to_bytes())


def acknowledgement(taken: Taken) -> SignedAcknowledgement:
    return acknowledge(Acknowledgement(SITE, taken.id, taken.index, 0, bytes(32)), BANK, DOMAIN)


def test_what_was_taken_is_whole_on_a_full_disk_and_after_a_restart_on_it(
    edge: Edge, disk: SmallDisk
) -> None:
    taken = filled(edge, disk)
    assert len(taken) >= 10
    edge.spool.close()
    edge.open(most_mib=disk.most_mib)
    assert [each.entry for each in edge.spool.unacknowledged(most=10_000)] == [
        each.signed.entry() for each in taken
    ]
    assert edge.spool.root(edge.spool.size()) == root_over(edge.spool.entries(0))
    with pytest.raises(SpoolFull):
        edge.recorder.record(CAMERA.name, crossing(1, reasons=LONG))


def test_when_there_is_room_again_the_spool_empties_and_the_devices_chain_goes_on(
    edge: Edge, disk: SmallDisk
) -> None:
    taken = filled(edge, disk)
    publisher = Publisher(edge.spool, Link(NOWHERE, "unused"), domain=DOMAIN, acknowledger=BANK.address)
    if disk.is_real:
        with pytest.raises(SpoolFull):  # a refusal, so the statement is sent again until this can be noted
            acknowledge_all(publisher, taken)
        assert edge.spool.waiting() == len(taken)
        disk.make_room()
    acknowledge_all(publisher, taken)
    edge.spool.confirm(edge.spool.size())
    assert edge.spool.waiting() == 0
    after = edge.recorder.record(CAMERA.name, crossing(1)).signed.statement
    assert (after.seq, after.prev) == (len(taken) + 1, taken[-1].id)


def test_a_spool_that_cannot_be_opened_for_want_of_room_says_so(disk: SmallDisk) -> None:
    if disk.is_real:
        disk.fill()
        with pytest.raises(SpoolFull):
            Spool(disk.folder / "spool.sqlite", IDENTITY)
        disk.make_room()
    Spool(disk.folder / "spool.sqlite", IDENTITY).close()


def test_a_weighbridge_refuses_a_reading_by_name_and_numbers_the_next_one_as_if_it_had_not_been(
    disk: SmallDisk,
) -> None:
    book = TicketBook(disk.folder / "tickets.sqlite", most_mib=disk.most_mib)
    scale = Weighbridge(
        book, writer(), SCALE, Link(NOWHERE, "unused"), bridge=BRIDGE.address, on_acknowledged=lambda _: None
    )
    made: list[StatementMessage] = []
    if disk.is_real:
        made.append(scale.weigh(READING))
        disk.fill()
    with pytest.raises(SpoolFull):
        made.extend(scale.weigh(READING) for _ in itertools.repeat(None))
    assert book.waiting(SITE, 10_000) == made
    if disk.is_real:
        disk.make_room()
        assert scale.weigh(READING).signed().statement.seq == len(made) + 1
    book.file.close()


def test_a_device_that_says_two_things_is_refused_though_there_is_no_room_for_the_proof(
    edge: Edge, disk: SmallDisk
) -> None:
    Yard(edge.spool)
    store = EvidenceStore(disk.folder / "evidence")
    known = KnownDevice(SCALE.name, 1, SCALE.signer.address, frozenset({"weigh.ticket"}))
    intake = Intake(
        edge.spool,
        edge.recorder,
        Link(NOWHERE, "unused"),
        known=[known],
        domain=DOMAIN,
        bridge=BRIDGE,
        store=store,
    )
    first, second = (_ticket(kg) for kg in (23_940, 20_000))
    intake.received("", first)
    if disk.is_real:
        disk.fill()
        with capture_logs() as said, pytest.raises(SequenceTaken):
            intake.received("", second)
        assert [each["event"] for each in said] == ["evidence_store_full", "device_says_two_things"]
        disk.make_room()
    with pytest.raises(SequenceTaken):
        intake.received("", second)
    assert [file.read_bytes() for file in store.folder.rglob("*") if file.is_file()] == [second]


def _ticket(net_kg: int) -> bytes:
    signed, body = writer().write(SCALE, Position(0, bytes(32)), ticket(1, net_kg))
    return StatementMessage(SITE, None, signed.entry(), body.text).to_bytes()


@pytest.mark.timeout(280)
def test_a_camera_on_a_full_disk_says_so_stops_and_states_the_gap_when_there_is_room(
    edge: Edge, disk: SmallDisk, tmp_path: Path
) -> None:
    gate = GateInFront(tmp_path / "pictures")
    with capture_logs() as said:
        at_work = camera(edge, tmp_path / "pictures")
        until(lambda: at_work._captured > 40)
        before = filled(edge, disk)
        gate.cross("right", 7)
        until(lambda: at_work._full_since_ms is not None)
        assert [kind for kind, _ in stated(edge)] == ["gate.crossing"] * len(before)
        if disk.is_real:
            disk.make_room()
        for each in before:
            edge.spool.acknowledge(acknowledgement(each).acknowledgement)
        edge.spool.confirm(edge.spool.size())
        until(lambda: [kind for kind, _ in stated(edge)] == ["gate.crossing", "unwatched.interval"])
        at_work.stop()
        gate.stop()
    assert at_work.worker.failure is None
    (_, seen), (_, gap) = stated(edge)
    assert (seen.fields["tags"], seen.fields["direction"]) == ([7], "in")
    assert gap.fields["why"] == "no room in the spool"
    events = [each["event"] for each in said]
    assert events.index("capture_stopped") < events.index("capture_resumed")
    assert shutil.disk_usage(disk.folder).free > 0

"""What the spool has taken is never lost, altered or numbered twice, and leaves only when it may."""

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_bridge.durable import DurableFile, SpoolBroken, SpoolFull, SpoolInUse, SpoolNotDurable
from iot_bridge.evidence.acknowledgement import Acknowledgement
from iot_bridge.evidence.body import parse_body
from iot_bridge.evidence.errors import EvidenceRefused, HeadUnknown, RootsDiffer
from iot_bridge.evidence.log import verify_consistency, verify_inclusion
from iot_bridge.evidence.rederive import root_over
from iot_bridge.evidence.statement import ZERO32, parse_entry, statement_id
from iot_bridge.heads import HeadMaker
from iot_bridge.record import BeaconUnknown, DeviceUnknown, Observation, Recorder, Writer
from iot_bridge.spool import (
    AcknowledgementContradicts,
    AcknowledgementUnknown,
    LogIdentity,
    SequenceTaken,
    Spool,
    SpoolOfAnotherLog,
    Taken,
)
from tests.iot_bridge.edge import CAMERA, DOMAIN, IDENTITY, SCALE, SITE, Edge, crossing, ticket, writer


def acknowledged(spool: Spool, taken: Taken) -> Acknowledgement:
    return Acknowledgement(SITE, taken.id, taken.index, spool.size(), spool.root(spool.size()))


def test_a_log_begins_with_the_genesis_of_its_site(edge: Edge) -> None:
    assert edge.spool.entries(0) == [IDENTITY.genesis()]
    assert edge.spool.size() == 1
    assert edge.spool.waiting() == 0


def test_a_devices_statements_are_counted_and_chained_over_restarts_with_a_new_boot_each(edge: Edge) -> None:
    taken = []
    for _ in range(3):
        taken += [edge.recorder.record("gate-cam-1", crossing(at)) for at in (1, 2)]
        taken.append(edge.recorder.record("weighbridge-1", ticket(3, 23_940)))
        edge.restart()
    camera = [each for each in taken if each.signed.statement.device == "gate-cam-1"]
    assert [each.signed.statement.seq for each in camera] == [1, 2, 3, 4, 5, 6]
    assert [each.signed.statement.prev for each in camera] == [ZERO32, *(each.id for each in camera[:-1])]
    assert [each.index for each in taken] == list(range(1, 10))
    assert len({parse_body("gate.crossing", each.body).boot for each in camera}) == 3


def test_the_log_after_a_restart_is_the_tree_over_every_entry_and_proves_it(edge: Edge) -> None:
    for at in range(20):
        edge.recorder.record("gate-cam-1", crossing(at))
    old_root = edge.spool.root(21)
    edge.restart()
    last = edge.recorder.record("gate-cam-1", crossing(99))
    size = edge.spool.size()
    assert edge.spool.root(size) == root_over(edge.spool.entries(0))
    verify_consistency(
        old=21,
        old_root=old_root,
        new=size,
        new_root=edge.spool.root(size),
        proof=edge.spool.consistency_proof(21, size),
    )
    verify_inclusion(
        last.signed.leaf(),
        index=last.index,
        size=size,
        proof=edge.spool.inclusion_proof(last.index, size),
        root=edge.spool.root(size),
    )


def test_what_listens_hears_of_a_statement_when_it_is_durable(edge: Edge) -> None:
    heard: list[tuple[int, int]] = []
    edge.recorder.listen(lambda taken: heard.append((taken.index, edge.spool.size())))
    edge.recorder.record("gate-cam-1", crossing(1))
    assert heard == [(1, 2)]


def test_an_observation_that_is_not_of_its_kind_leaves_nothing_behind(edge: Edge) -> None:
    with pytest.raises(EvidenceRefused):
        edge.recorder.record("gate-cam-1", crossing(1, direction="sideways"))
    assert edge.spool.size() == 1
    assert edge.spool.position("gate-cam-1").seq == 0


def test_a_device_whose_key_is_not_here_records_nothing(edge: Edge) -> None:
    with pytest.raises(DeviceUnknown):
        edge.recorder.record("gate-cam-9", crossing(1))


def test_nothing_is_recorded_before_a_confirmed_block_is_known(edge: Edge) -> None:
    def unknown() -> None:
        raise BeaconUnknown

    blind = Recorder(edge.spool, Writer(SITE, DOMAIN, b"\0" * 16, unknown), [CAMERA])  # type: ignore[arg-type]
    with pytest.raises(BeaconUnknown):
        blind.record("gate-cam-1", crossing(1))
    assert edge.spool.size() == 1


@pytest.mark.parametrize("first", ["acknowledged", "confirmed"])
def test_a_statement_leaves_only_when_it_is_acknowledged_and_its_head_is_confirmed(
    edge: Edge, first: str
) -> None:
    taken = edge.recorder.record("gate-cam-1", crossing(1))
    steps = [lambda: edge.spool.acknowledge(acknowledged(edge.spool, taken)), lambda: edge.spool.confirm(2)]
    for step in steps if first == "acknowledged" else steps[::-1]:
        assert edge.spool.waiting() == 1
        step()
    assert edge.spool.waiting() == 0
    assert edge.spool.entries(1) == [taken.signed.entry()]


def test_a_head_that_does_not_reach_a_statement_does_not_let_it_go(edge: Edge) -> None:
    edge.recorder.record("gate-cam-1", crossing(1))
    later = edge.recorder.record("gate-cam-1", crossing(2))
    edge.spool.acknowledge(acknowledged(edge.spool, later))
    edge.spool.confirm(2)
    assert edge.spool.waiting() == 2
    assert edge.spool.confirmed() == 2


def test_a_head_beyond_the_log_is_not_confirmed(edge: Edge) -> None:
    with pytest.raises(HeadUnknown):
        edge.spool.confirm(2)


def test_unacknowledged_statements_are_sent_again_and_acknowledged_ones_are_not(edge: Edge) -> None:
    taken = [edge.recorder.record("gate-cam-1", crossing(at)) for at in range(4)]
    edge.spool.acknowledge(acknowledged(edge.spool, taken[1]))
    assert [each.index for each in edge.spool.unacknowledged()] == [1, 3, 4]
    assert [each.index for each in edge.spool.unacknowledged(start=2, most=1)] == [3]
    assert edge.spool.unacknowledged()[0] == taken[0].message()


@pytest.mark.parametrize(
    "wrong",
    [
        {"site": "other-yard"},
        {"id": b"\x09" * 32},
        {"index": 0},
        {"index": 5},
    ],
)
def test_an_acknowledgement_of_something_else_changes_nothing(edge: Edge, wrong: dict[str, object]) -> None:
    taken = edge.recorder.record("gate-cam-1", crossing(1))
    said = {"site": SITE, "id": taken.id, "index": 1, "size": 0, "root": ZERO32}
    with pytest.raises(AcknowledgementUnknown):
        edge.spool.acknowledge(Acknowledgement(**{**said, **wrong}))  # type: ignore[arg-type]
    assert len(edge.spool.unacknowledged()) == 1


@pytest.mark.parametrize(("size", "root"), [(2, b"\x09" * 32), (3, ZERO32)])
def test_an_acknowledgement_of_another_view_of_the_log_is_a_finding(
    edge: Edge, size: int, root: bytes
) -> None:
    taken = edge.recorder.record("gate-cam-1", crossing(1))
    with pytest.raises(AcknowledgementContradicts):
        edge.spool.acknowledge(Acknowledgement(SITE, taken.id, 1, size, root))
    assert len(edge.spool.unacknowledged()) == 1


def test_another_devices_statement_is_taken_once_however_often_it_comes(edge: Edge) -> None:
    signed, body = writer().write(SCALE, edge.spool.position("weighbridge-1"), ticket(1, 23_940))
    first, second = (edge.spool.admit(signed, body.text) for _ in range(2))
    assert (first.is_new, second.is_new) == (True, False)
    assert first.index == second.index == 1
    assert edge.spool.size() == 2


def test_a_second_statement_under_a_used_sequence_number_is_refused_with_both_ids(edge: Edge) -> None:
    at = edge.spool.position("weighbridge-1")
    one, body = writer().write(SCALE, at, ticket(1, 23_940))
    other, other_body = writer().write(SCALE, at, ticket(1, 20_000))
    edge.spool.admit(one, body.text)
    with pytest.raises(SequenceTaken) as refused:
        edge.spool.admit(other, other_body.text)
    assert refused.value.facts["known"] == "0x" + statement_id(one.statement).hex()
    assert refused.value.facts["other"] == "0x" + statement_id(other.statement).hex()
    assert edge.spool.size() == 2


def test_what_is_written_along_is_undone_with_the_statement(edge: Edge) -> None:
    def fail(connection: sqlite3.Connection, _: Taken) -> None:
        connection.execute("CREATE TABLE half_done (a)")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edge.recorder.record("gate-cam-1", crossing(1), fail)
    assert edge.spool.size() == 1
    with edge.spool.reading() as connection:
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half_done'").fetchone() is None


def test_a_full_spool_says_so_keeps_what_it_has_and_goes_on_when_there_is_room(edge: Edge) -> None:
    edge.spool.close()
    edge.open(most_mib=1)
    taken: list[Taken] = []
    with pytest.raises(SpoolFull):
        taken.extend(recorded_without_end(edge))
    assert len(edge.spool.unacknowledged(most=10_000)) == len(taken) > 50
    assert HeadMaker(edge.spool).newest().size == len(taken) + 1
    for each in taken:
        edge.spool.acknowledge(acknowledged(edge.spool, each))
    edge.spool.confirm(edge.spool.size())
    after = edge.recorder.record("gate-cam-1", crossing(1, reasons=LONG))
    assert after.signed.statement.seq == len(taken) + 1


def recorded_without_end(edge: Edge) -> Iterator[Taken]:
    for at in itertools.count():
        yield edge.recorder.record("gate-cam-1", crossing(at, reasons=LONG))


LONG = [{"name": f"figure-{number}", "said": "x" * 100} for number in range(40)]


def test_two_programs_cannot_have_one_spool(edge: Edge) -> None:
    with pytest.raises(SpoolInUse):
        Spool(edge.folder / "spool.sqlite", IDENTITY)


@pytest.mark.parametrize(
    "other",
    [
        LogIdentity(1, IDENTITY.evidence_log, SITE),
        LogIdentity(31337, "0x" + "1" * 40, SITE),
        LogIdentity(31337, IDENTITY.evidence_log, "other-yard"),
        LogIdentity(31337, IDENTITY.evidence_log, SITE, epoch=2),
    ],
)
def test_the_spool_of_another_log_is_refused(edge: Edge, other: LogIdentity) -> None:
    edge.spool.close()
    with pytest.raises(SpoolOfAnotherLog):
        Spool(edge.folder / "spool.sqlite", other)
    edge.open()


def test_a_file_that_does_not_keep_what_is_committed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpoolNotDurable):
        DurableFile(Path(":memory:"), "")
    DurableFile(tmp_path / "kept.sqlite", "").close()


def test_a_spool_that_cannot_be_written_stops_the_program_by_name(edge: Edge) -> None:
    with edge.spool.reading() as connection:
        connection.execute("PRAGMA query_only=ON")
    with pytest.raises(SpoolBroken):
        edge.recorder.record("gate-cam-1", crossing(1))


def test_a_head_is_not_made_of_an_entry_that_changed_on_disk(edge: Edge) -> None:
    for at in range(5):
        edge.recorder.record("gate-cam-1", crossing(at))
    heads = HeadMaker(edge.spool)
    assert heads.newest().root == edge.spool.root(6)
    flipped = bytearray(edge.spool.entries(3, 1)[0])
    flipped[100] ^= 1
    with edge.spool.transaction() as connection:
        connection.execute("UPDATE entry SET entry = ? WHERE log_index = 3", (bytes(flipped),))
    heads.start_over()
    with pytest.raises(RootsDiffer):
        heads.newest()


def test_a_head_at_most_so_large_is_made_of_that_many_entries(edge: Edge) -> None:
    for at in range(5):
        edge.recorder.record("gate-cam-1", crossing(at))
    heads = HeadMaker(edge.spool)
    assert heads.newest(most=4).root == edge.spool.root(4)
    assert heads.newest(most=99).size == 6
    with pytest.raises(HeadUnknown):
        heads.newest(most=4)


def test_an_entry_reads_back_as_what_was_recorded(edge: Edge) -> None:
    taken = edge.recorder.record("gate-cam-1", Observation(**vars_of(crossing(5, "out", (7,)))))
    signed = parse_entry(edge.spool.entries(1)[0])
    assert signed == taken.signed
    assert signed.statement.seen_at_ms == 5


def vars_of(seen: Observation) -> dict[str, object]:
    return {name: getattr(seen, name) for name in ("kind", "fields", "seen_at_ms", "subject", "media")}

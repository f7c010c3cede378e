"""The bank witnesses what it has re-derived from all bytes, and says of every other head why not."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from backend.chain import actions as chain
from backend.chain.rules import ActUnknown
from backend.chain.tables import ActRow
from backend.db import reading, to_hex, transaction
from backend.evidence.actions import take_statement
from backend.evidence.heads import Mirror
from backend.evidence.rules import (
    Beacon,
    Finding,
    FindingKind,
    HeadVerdict,
    LogNotOpened,
    MirrorsDisagree,
    NotYetWitnessed,
    StatementUnknown,
)
from backend.evidence.support import evidence_for
from backend.evidence.tables import FindingRow, HeadRow, LogNodeRow, SiteLogRow, SpentRow
from iot_bridge.evidence.log import leaf_hash, verify_inclusion
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.rederive import root_over
from tests.backend.edge import (
    BEACON,
    CHAIN_ID,
    DOMAIN,
    EVIDENCE_LOG,
    NOON,
    Device,
    Site,
    block_hash,
    crossing,
    event,
    id_of,
)

MIRROR = Mirror(CHAIN_ID, EVIDENCE_LOG, "bank")


def play(engine: Engine, *events: Any) -> None:
    with transaction(engine) as session:
        for each in events:
            MIRROR.project(session, each)


def take(engine: Engine, *messages: StatementMessage) -> None:
    for message in messages:
        with transaction(engine) as session:
            take_statement(session, message, domain=DOMAIN, now=NOON)


def examine(engine: Engine, after: timedelta = timedelta(0)) -> list[Finding]:
    with transaction(engine) as session:
        wanted = MIRROR.wanted_blocks(session)
        MIRROR.remember_blocks(session, [Beacon(number, block_hash(number), NOON) for number in wanted])
        return MIRROR.examine(session, NOON + after)


def said(device: Device, site: Site, count: int, **header: Any) -> list[StatementMessage]:
    return [site.record(device.says("gate.crossing", crossing("out"), **header)) for _ in range(count)]


def verdicts(engine: Engine) -> dict[int, str]:
    with reading(engine) as session:
        heads = session.exec(select(HeadRow).where(HeadRow.size > 1)).all()
        return {row.size: row.verdict for row in heads}


def intended(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return [row.key for row in session.exec(select(ActRow)).all()]


def test_a_head_that_all_bytes_give_is_witnessed(engine: Engine, camera: Device, site: Site) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 5))
    play(engine, site.anchored())
    assert examine(engine) == []
    assert verdicts(engine) == {6: "equal"}
    with reading(engine) as session:
        act = chain.act(session, f"witness:{to_hex(site.id)}:1:6")
    assert (act.signer, act.contract, act.function) == ("bank", "EvidenceLog", "witness")


def test_the_mirror_equals_the_log_at_every_size(engine: Engine, camera: Device, site: Site) -> None:
    play(engine, site.opened())
    for at, message in enumerate(said(camera, site, 20)):
        take(engine, message)
        with reading(engine) as session:
            row = session.exec(select(SiteLogRow)).one()
        assert row.size == at + 2
        play(engine, site.anchored(row.size, block=50 + at, root=root_over(site.entries[: row.size])))
    assert examine(engine) == []
    assert set(verdicts(engine).values()) == {"equal"}


def test_statements_that_came_before_the_log_was_seen_open_are_mirrored(
    engine: Engine, camera: Device, site: Site
) -> None:
    take(engine, *said(camera, site, 3))
    play(engine, site.opened(), site.anchored())
    assert examine(engine) == []
    assert verdicts(engine) == {4: "equal"}


def test_a_head_over_bytes_that_are_not_here_waits_and_is_reported_in_time(
    engine: Engine, camera: Device, site: Site
) -> None:
    play(engine, site.opened())
    messages = said(camera, site, 3)
    take(engine, messages[0], messages[2])
    play(engine, site.anchored())
    assert examine(engine) == []
    (finding,) = examine(engine, timedelta(seconds=60))
    assert (finding.kind, finding.facts["mirrored"]) == (FindingKind.LEAVES_WITHHELD, 2)
    assert examine(engine, timedelta(seconds=90)) == []
    assert intended(engine) == []
    take(engine, messages[1])
    assert examine(engine, timedelta(seconds=91)) == []
    assert verdicts(engine) == {4: "equal"}


@pytest.mark.parametrize("size", [3, 4])
def test_a_head_that_the_bytes_do_not_give_is_contradicted_and_never_witnessed(
    engine: Engine, camera: Device, site: Site, size: int
) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 3))
    play(engine, site.anchored(size, root=b"\x0f" * 32))
    (finding,) = examine(engine)
    assert finding.kind is FindingKind.ROOT_CONTRADICTED
    assert finding.facts["mirror"] == to_hex(site.log.root(size))
    assert verdicts(engine) == {size: "root_contradicted"}
    assert intended(engine) == []


def test_a_true_root_at_a_false_size_is_contradicted(engine: Engine, camera: Device, site: Site) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 3))
    play(engine, site.anchored(3, root=site.log.root(4)))
    assert [each.kind for each in examine(engine)] == [FindingKind.ROOT_CONTRADICTED]


@pytest.mark.parametrize(
    "beacon",
    [{"beacon_hash": b"\x0e" * 32}, {"beacon_block": 51, "beacon_hash": block_hash(51)}],
    ids=["another hash", "after its own anchor"],
)
def test_a_head_over_a_statement_that_knows_a_foreign_block_is_contradicted(
    engine: Engine, camera: Device, site: Site, beacon: dict[str, Any]
) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 2), *said(camera, site, 1, **beacon))
    play(engine, site.anchored(block=50))
    (finding,) = examine(engine)
    assert finding.kind is FindingKind.BEACON_CONTRADICTED
    assert intended(engine) == []


def test_a_foreign_block_above_an_equal_head_is_found_with_the_next(
    engine: Engine, camera: Device, site: Site
) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 2))
    play(engine, site.anchored())
    examine(engine)
    take(engine, *said(camera, site, 1, beacon_hash=b"\x0e" * 32))
    play(engine, site.anchored(block=51))
    assert [each.kind for each in examine(engine)] == [FindingKind.BEACON_CONTRADICTED]
    assert verdicts(engine) == {3: "equal", 4: "beacon_contradicted"}


def test_a_head_waits_for_the_blocks_that_its_statements_know_of(
    engine: Engine, camera: Device, site: Site
) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 2))
    play(engine, site.anchored())
    with transaction(engine) as session:
        assert MIRROR.wanted_blocks(session) == {BEACON}
        assert MIRROR.examine(session, NOON) == []
    assert verdicts(engine) == {3: "pending"}
    assert examine(engine) == []
    assert verdicts(engine) == {3: "equal"}


def test_a_witness_of_the_bare_genesis_is_projected(engine: Engine, site: Site) -> None:
    play(engine, site.opened(), site.witnessed(1))
    with reading(engine) as session:
        assert session.get_one(HeadRow, (site.id, 1, 1)).witnessed_at_block == 55


def test_a_genesis_that_is_not_this_ledgers_is_a_finding(engine: Engine, site: Site) -> None:
    facts = {"site": site.id, "epoch": 1, "root": b"\x0d" * 32}
    play(engine, event("EvidenceLog", "LogOpened", **facts))
    with reading(engine) as session:
        assert session.exec(select(FindingRow.kind)).all() == ["genesis_contradicted"]


def test_a_node_that_was_altered_in_the_database_stops_the_witness(
    engine: Engine, camera: Device, site: Site
) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 3))
    with transaction(engine) as session:
        session.get_one(LogNodeRow, (site.id, 1, 2, 0)).hash = b"\x0c" * 32
    play(engine, site.anchored())
    with pytest.raises(MirrorsDisagree):
        examine(engine)
    assert verdicts(engine) == {4: "pending"}


def test_of_several_equal_heads_only_the_newest_is_witnessed(
    engine: Engine, camera: Device, site: Site
) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 3))
    play(engine, site.anchored(2), site.anchored(3, block=51), site.anchored(4, block=52))
    assert examine(engine) == []
    assert intended(engine) == [f"witness:{to_hex(site.id)}:1:4"]


def test_a_head_that_is_witnessed_already_is_not_witnessed_again(
    engine: Engine, camera: Device, site: Site
) -> None:
    play(engine, site.opened())
    take(engine, *said(camera, site, 3))
    play(engine, site.anchored(3), site.anchored(4, block=51), site.witnessed(4))
    assert examine(engine) == []
    assert intended(engine) == []
    with reading(engine) as session, pytest.raises(ActUnknown):
        chain.act(session, f"witness:{to_hex(site.id)}:1:3")


def test_evidence_leads_from_the_entry_to_the_witnessed_head(
    engine: Engine, camera: Device, site: Site
) -> None:
    play(engine, site.opened())
    messages = said(camera, site, 6)
    take(engine, *messages)
    play(engine, site.anchored(5), site.anchored(7, block=51), site.witnessed(5))
    for message in messages[:4]:
        with reading(engine) as session:
            found = evidence_for(session, id_of(message))
        assert (found["headSize"], found["index"]) == (5, message.index)
        verify_inclusion(
            leaf_hash(message.entry),
            index=found["index"],
            size=5,
            proof=found["proof"],
            root=site.log.root(5),
        )
        assert found["signature"] == message.signed().signature
        assert found["statement"]["device"] == b"gate-cam.1".ljust(32, b"\x00")
    with reading(engine) as session, pytest.raises(NotYetWitnessed) as refusal:
        evidence_for(session, id_of(messages[4]))
    assert refusal.value.facts["witnessed_size"] == 5


def test_a_held_statement_is_no_evidence_even_under_a_witnessed_head(
    engine: Engine, camera: Device, site: Site
) -> None:
    camera.says("gate.crossing", crossing("out"))
    play(engine, site.opened())
    (message,) = said(camera, site, 1)
    take(engine, message)
    play(engine, site.anchored(), site.witnessed())
    with reading(engine) as session:
        with pytest.raises(NotYetWitnessed):
            evidence_for(session, id_of(message))
        with pytest.raises(StatementUnknown):
            evidence_for(session, b"\x01" * 32)


def test_a_spent_statement_is_remembered(engine: Engine, site: Site) -> None:
    play(engine, event("EvidenceLog", "StatementSpent", block=70, id=b"\x05" * 32, site=site.id))
    with reading(engine) as session:
        assert session.get_one(SpentRow, b"\x05" * 32).block_number == 70
    assert HeadVerdict.EQUAL == "equal"


def test_a_witness_of_a_log_that_no_event_opened_stops_the_projection(engine: Engine, site: Site) -> None:
    with pytest.raises(LogNotOpened):
        play(engine, site.witnessed(1))

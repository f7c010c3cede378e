"""What comes after a gap is held and credited to nothing until it is filled or declared, in any order."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from backend.db import create_schema, open_database, reading, transaction
from backend.evidence.actions import declare_gap, gaps, take_statement
from backend.evidence.mirror import open_log
from backend.evidence.rules import Gap, GapUnknown, Outcome, Taken
from backend.evidence.tables import SiteLogRow, StatementRow
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import name32
from tests.backend.edge import BANK, DOMAIN, NOON, OPERATOR, Device, Site, crossing, enrol, id_of


def take(engine: Engine, message: StatementMessage) -> Taken:
    with transaction(engine) as session:
        return take_statement(session, message, domain=DOMAIN, now=NOON)


def open_gaps(engine: Engine, device: Device) -> list[Gap]:
    with reading(engine) as session:
        return gaps(session, name32(device.name))


def linked(engine: Engine) -> set[int]:
    with reading(engine) as session:
        return set(session.exec(select(StatementRow.seq).where(StatementRow.linked)).all())


def said(camera: Device, site: Site, count: int) -> list[StatementMessage]:
    return [site.record(camera.says("gate.crossing", crossing("out"))) for _ in range(count)]


def test_a_statement_after_a_gap_is_held_and_says_what_it_waits_for(
    engine: Engine, camera: Device, site: Site
) -> None:
    messages = said(camera, site, 5)
    take(engine, messages[0])
    taken = take(engine, messages[4])
    assert taken.outcome is Outcome.HELD
    assert taken.gap == Gap(name32(camera.name), 2, 4)
    assert open_gaps(engine, camera) == [taken.gap]
    assert linked(engine) == {1}


def test_a_device_that_starts_above_one_is_held_from_the_start(
    engine: Engine, camera: Device, site: Site
) -> None:
    messages = said(camera, site, 2)
    assert take(engine, messages[1]).gap == Gap(name32(camera.name), 1, 1)


def test_filling_a_gap_lets_everything_behind_it_go(engine: Engine, camera: Device, site: Site) -> None:
    messages = said(camera, site, 4)
    for at in (0, 2, 3):
        take(engine, messages[at])
    taken = take(engine, messages[1])
    assert (taken.outcome, taken.freed) == (Outcome.STORED, 2)
    assert linked(engine) == {1, 2, 3, 4}
    assert open_gaps(engine, camera) == []


def test_filling_half_a_gap_leaves_the_other_half_open(engine: Engine, camera: Device, site: Site) -> None:
    messages = said(camera, site, 5)
    for at in (0, 4, 2):
        take(engine, messages[at])
    assert open_gaps(engine, camera) == [Gap(name32(camera.name), 2, 2), Gap(name32(camera.name), 4, 4)]
    assert take(engine, messages[1]).freed == 1
    assert linked(engine) == {1, 2, 3}


def test_a_declared_gap_lets_what_follows_go(engine: Engine, camera: Device, site: Site) -> None:
    messages = said(camera, site, 5)
    for at in (0, 3, 4):
        take(engine, messages[at])
    gap = open_gaps(engine, camera)[0]
    with transaction(engine) as session:
        freed = declare_gap(session, gap, reason="its disk died", declared_by="officer.one", now=NOON)
    assert freed == 2
    assert linked(engine) == {1, 4, 5}
    assert open_gaps(engine, camera) == []


def test_what_follows_a_gap_declared_before_it_came_is_not_held(
    engine: Engine, camera: Device, site: Site
) -> None:
    messages = said(camera, site, 6)
    for at in (0, 2):
        take(engine, messages[at])
    with transaction(engine) as session:
        declare_gap(session, gaps(session)[0], reason="lost", declared_by="officer.one", now=NOON)
    assert take(engine, messages[3]).outcome is Outcome.STORED


def test_what_turns_up_in_a_declared_gap_is_stored_and_must_fit_its_neighbours(
    engine: Engine, camera: Device, site: Site
) -> None:
    messages = said(camera, site, 3)
    for at in (0, 2):
        take(engine, messages[at])
    with transaction(engine) as session:
        declare_gap(session, gaps(session)[0], reason="lost", declared_by="officer.one", now=NOON)
    assert take(engine, messages[1]).outcome is Outcome.STORED
    assert linked(engine) == {1, 2, 3}


@pytest.mark.parametrize(("first", "last"), [(2, 2), (1, 3), (2, 4), (7, 8)])
def test_only_an_open_gap_can_be_declared_and_only_whole(
    engine: Engine, camera: Device, site: Site, first: int, last: int
) -> None:
    messages = said(camera, site, 4)
    for at in (0, 3):
        take(engine, messages[at])
    wrong = Gap(name32(camera.name), first, last)
    with pytest.raises(GapUnknown), transaction(engine) as session:
        declare_gap(session, wrong, reason="lost", declared_by="officer.one", now=NOON)
    assert linked(engine) == {1}


def _bank(folder: str, camera: Device, scale: Device, site: Site) -> Engine:
    engine = open_database(f"sqlite:///{Path(folder) / 'bank.sqlite'}")
    create_schema(engine)
    enrol(engine, camera, scale)
    with transaction(engine) as session:
        open_log(session, site.id, 1, site.genesis)
    return engine


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 12), seed=st.integers(0, 2**32), repeats=st.integers(0, 6))
def test_any_order_with_repeats_ends_where_the_right_order_ends(count: int, seed: int, repeats: int) -> None:
    shuffler = random.Random(seed)  # noqa: S311 - orders, not secrets
    camera = Device("gate-cam.1", host=OPERATOR, commissioner=BANK)
    scale = Device("scale.1", host=BANK, commissioner=BANK)
    site = Site()
    messages = [
        site.record(shuffler.choice((camera, scale)).says("gate.crossing", crossing("out")))
        for _ in range(count)
    ]
    arriving = messages + shuffler.choices(messages, k=repeats)
    shuffler.shuffle(arriving)
    with tempfile.TemporaryDirectory() as folder:
        engine = _bank(folder, camera, scale, site)
        for at, message in enumerate(arriving):
            before = {id_of(each) for each in arriving[:at]}
            taken = take(engine, message)
            assert (taken.outcome is Outcome.DUPLICATE) == (id_of(message) in before)
            _require_linked_exactly_without_holes(engine, messages, arriving[: at + 1])
        with reading(engine) as session:
            log = session.exec(select(SiteLogRow)).one()
            assert log.size == count + 1
            assert gaps(session) == []
        engine.dispose()


def _require_linked_exactly_without_holes(
    engine: Engine, messages: list[StatementMessage], arrived: list[StatementMessage]
) -> None:
    """A statement is linked exactly when its device's statements from the first up to it have all arrived."""
    here = {id_of(each) for each in arrived}
    expected, broken = set(), set()
    for message in messages:
        device = message.signed().statement.device
        if id_of(message) not in here:
            broken.add(device)
        elif device not in broken:
            expected.add(id_of(message))
    with reading(engine) as session:
        assert set(session.exec(select(StatementRow.id).where(StatementRow.linked)).all()) == expected

"""Messages made to break their reader: the bank puts each aside with its reason and takes the next one."""

import time

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from backend.clock import SystemClock
from backend.db import reading
from backend.evidence.intake import Intake, Reactions
from backend.evidence.tables import QuarantineRow, StatementRow
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.signature import LocalKey
from tests.backend.edge import DOMAIN, Device, Site, crossing, id_of
from tests.support.hostile import HOSTILE, SECONDS_EACH, no_bound_on_recursion


@pytest.fixture
def intake(engine: Engine) -> Intake:
    reactions = Reactions(lambda _session, _taken: None, lambda _session, _finding: None)
    return Intake(engine, DOMAIN, LocalKey(b"\x05" * 32), SystemClock(), reactions)


def test_after_each_hostile_message_the_next_statement_is_taken(
    intake: Intake, engine: Engine, camera: Device, site: Site
) -> None:
    sent = []
    with no_bound_on_recursion():
        for hostile in HOSTILE.values():
            begun = time.monotonic()
            assert intake.receive("tallystick/yard.one/statements/gate-cam.1", hostile) is None
            assert time.monotonic() - begun < SECONDS_EACH
            sent.append(site.record(camera.says("gate.crossing", crossing("in"))))
            assert intake.receive("", sent[-1].to_bytes()) is not None
    with reading(engine) as session:
        kept = session.exec(select(QuarantineRow)).all()
        assert {bytes(row.payload) for row in kept} == set(HOSTILE.values())
        assert {row.code for row in kept} == {"evidence.statement_malformed"}
        assert len(session.exec(select(StatementRow)).all()) == len(sent)


def test_a_hostile_body_under_a_true_header_is_put_aside(
    intake: Intake, engine: Engine, camera: Device, site: Site
) -> None:
    true = site.record(camera.says("gate.crossing", crossing("in")))
    with no_bound_on_recursion():
        for hostile in HOSTILE.values():
            body = hostile.decode("latin-1")[: 1 << 18]
            message = StatementMessage(true.site, true.index, true.entry, body)
            assert intake.receive("", message.to_bytes()) is None
    assert intake.receive("", true.to_bytes()) is not None
    with reading(engine) as session:
        assert [row.id for row in session.exec(select(StatementRow)).all()] == [id_of(true)]
        codes = {row.code for row in session.exec(select(QuarantineRow)).all()}
    assert codes <= {"evidence.statement_malformed", "evidence.body_differs"}


def test_a_topic_that_no_database_keeps_does_not_stop_the_ear(intake: Intake, engine: Engine) -> None:
    assert intake.receive("tallystick/\0/statements/gate-cam.1", b"{}") is None
    with reading(engine) as session:
        (kept,) = session.exec(select(QuarantineRow)).all()
    assert kept.topic == "tallystick/\ufffd/statements/gate-cam.1"

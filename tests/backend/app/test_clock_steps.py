"""A clock stepped by an hour, at a device or at the bank: nothing is lost, nothing gets older or newer.

Age counts from the ledger's beacon to the block that anchored a head; a device's clock is only a claim.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from backend.alerts import actions as alerts
from backend.app.serving import Service
from backend.clock import SystemClock
from backend.evidence.support import movement_of
from backend.evidence.tables import QuarantineRow, StatementRow
from backend.receipts import actions as receipts
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import CAMERA, World
from tests.backend.app.test_a_receipt_lives import COILS, ONE, ask
from tests.backend.edge import crossing, id_of, movement, ticket
from tests.support.ledger_life import OPERATOR, SITE

HOUR = timedelta(hours=1)


class SteppedClock:
    """The system's clock, stepped by so much."""

    def __init__(self, step: timedelta) -> None:
        self.step = step

    def now(self) -> datetime:
        return SystemClock().now() + self.step


def moves_in_by(world: World, step: timedelta) -> None:
    """Every coil comes in past devices whose clocks are off by so much."""
    seen_at_ms = int((world.bank.wall.now() + step).timestamp() * 1000)
    for coil, kg in COILS.items():
        seen = world.says(CAMERA, "gate.crossing", crossing("in", 7), seen_at_ms=seen_at_ms)
        weighed = world.says("scale.1", "weigh.ticket", ticket(kg), seen_at_ms=seen_at_ms)
        fields = movement(kg, id_of(seen), id_of(weighed))
        moved = world.says("fusion.1", "movement.in", fields, subject=coil, seen_at_ms=seen_at_ms)
        world.hear(seen, weighed, moved)


@pytest.fixture(params=[HOUR, -HOUR], ids=["an hour ahead", "an hour behind"])
def step(request: pytest.FixtureRequest) -> timedelta:
    found: timedelta = request.param
    return found


def test_devices_whose_clocks_were_stepped_prove_as_much_as_before(world: World, step: timedelta) -> None:
    moves_in_by(world, step)
    world.anchor()
    world.settle()
    request = ask(world)
    world.do(lambda session: receipts.issue(session, request, signer=OPERATOR))
    world.settle()
    assert world.look(lambda session: receipts.receipt_covering(session, ONE)) is not None
    assert world.look(lambda session: session.exec(select(QuarantineRow)).all()) == []


def test_an_exit_that_a_stepped_camera_dates_wrongly_is_alarmed_now(world: World, step: timedelta) -> None:
    seen_at_ms = int((world.bank.wall.now() + step).timestamp() * 1000)
    gone = world.says(CAMERA, "gate.crossing", crossing("out", 7), seen_at_ms=seen_at_ms)
    world.hear(gone)
    (alert,) = world.look(alerts.standing_alerts)
    assert abs(alert.opened_at - world.bank.wall.now()) < timedelta(minutes=1)


@pytest.fixture
def stepped(world: World, step: timedelta) -> World:
    """The bank after its own wall clock was stepped between two statements."""
    moves_in_by(world, timedelta(0))
    world.service.stop()
    world.bank = replace(world.bank, wall=SteppedClock(step))
    world.service = Service(world.bank)
    world.service.start()
    return world


def test_a_bank_whose_clock_was_stepped_goes_on_where_it_was(stepped: World) -> None:
    world = stepped
    world.hear(*world.moves("in", b"\x07" * 32, 9_500))
    world.anchor()
    world.settle()
    found = world.look(lambda session: movement_of(session, name32(SITE), "movement.in", ONE))
    assert found.quantity == COILS[ONE]
    rows = world.look(lambda session: session.exec(select(StatementRow)).all())
    assert len(rows) == 3 * len(COILS) + 3
    assert world.look(alerts.standing_alerts) == []

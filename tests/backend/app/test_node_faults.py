"""A node that is away, slow or wrong costs time and nothing else: no lie is projected, money comes in."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from backend.app import Bank
from backend.app.bank import AnotherChain
from backend.app.serving import Service
from backend.chain.actions import confirmed_height
from backend.chain.rules import NotConfirmed
from backend.chain.tables import count_logs, projected_to
from backend.clock import Moment
from backend.db import open_database, reading
from backend.migrations import upgrade
from backend.payments import actions as payments
from backend.payments.sandbox import SandboxRail
from backend.receipts import tables as receiving
from backend.settings import Settings
from backend.units import Money
from tests.backend.app.conftest import World
from tests.backend.app.test_serving import running
from tests.support.anvil import AnvilInTests
from tests.support.faulty_node import Fault, FaultyNode, faulty_node
from tests.support.projections import contents

PATIENCE_S = 0.4
DEADLINE_S = 30.0
BELIEVED = [each for each in Fault if each not in (Fault.NONE, Fault.ANOTHER_CHAIN)]


@pytest.fixture
def chain(anvil: AnvilInTests) -> AnvilInTests:
    """The node behind the faulty one is not ours."""
    return anvil


@pytest.fixture
def node(chain: AnvilInTests) -> Iterator[FaultyNode]:
    with faulty_node(chain.url) as node:
        yield node


@pytest.fixture
def settings(settings: Settings, node: FaultyNode) -> Settings:
    """The bank reaches its ledger through the faulty node only."""
    return settings.model_copy(update={"ledger_url": node.url})


def impatient(world: World) -> None:
    """Let the bank wait for an answer as long as a test can."""
    world.bank.rpc._patience_s = PATIENCE_S
    world.bank.rpc._local = threading.local()


def height(engine: Engine) -> int | None:
    with reading(engine) as session:
        return projected_to(session)


def requests(world: World) -> int:
    return len(contents(world.bank.engine, receiving.RequestRow))


def money_in(world: World, amount: int) -> None:
    rail = world.bank.rail
    assert isinstance(rail, SandboxRail)
    rail.receive(payer="Wuxi Trading", amount=Money(amount, "CNY"), reference="whose is it?")


def taken(world: World) -> list[int]:
    """What came in, as the bank has it."""
    return [line.amount.amount_minor for _, line in world.look(payments.unmatched_lines)]


@pytest.mark.parametrize("fault", BELIEVED)
def test_a_fault_of_the_node_is_waited_for_and_said_once_while_money_comes_in(
    world: World, node: FaultyNode, fault: Fault
) -> None:
    impatient(world)
    world.settle(1)
    before = world.look(confirmed_height)
    kept = world.look(count_logs)
    world.life.request({"coil-1": 9_800})
    world.life.ledger.chain.ledger.seal(2)
    node.fault, node.slow_s = fault, 2 * PATIENCE_S
    with capture_logs() as said:
        for amount in (100, 200):
            money_in(world, amount)
            world.service.step()
    assert taken(world) == [100, 200]
    assert (requests(world), world.look(count_logs)) == (0, kept)
    assert world.look(confirmed_height) == before
    assert [each["log_level"] for each in said if each["event"] == "node_unavailable"] == ["warning"]
    node.fault = Fault.NONE
    with capture_logs() as said:
        world.settle()
    assert requests(world) == 1
    assert [each["event"] for each in said].count("node_back") == 1


def test_no_payment_is_sent_while_the_ledger_cannot_be_asked(world: World, node: FaultyNode) -> None:
    sent: list[str] = []

    class Watched:
        def step(self, _at: Moment) -> None:
            sent.append("paying")

        def step_without_paying(self, _at: Moment) -> None:
            sent.append("not paying")

    world.service._payments = Watched()  # type: ignore[assignment]
    for fault in (Fault.NONE, Fault.TOO_MANY, Fault.HANGS_UP, Fault.NONE):
        node.fault = fault
        world.settle(1)
    assert sent == ["paying", "not paying", "not paying", "paying"]


def test_slow_answers_that_come_in_time_are_taken(world: World, node: FaultyNode) -> None:
    world.life.request({"coil-1": 9_800})
    node.fault, node.slow_s = Fault.SLOW, 0.3
    world.settle(1)
    assert requests(world) == 1


def test_a_node_that_goes_down_and_comes_back_is_followed_on(world: World, node: FaultyNode) -> None:
    world.life.request({"coil-1": 9_800})
    node.down()
    money_in(world, 300)
    world.settle()
    assert (requests(world), taken(world)) == (0, [300])
    node.up()
    world.settle()
    assert requests(world) == 1


def test_another_ledger_behind_a_node_that_comes_back_stops_the_bank(world: World, node: FaultyNode) -> None:
    node.down()
    world.settle(1)
    node.up()
    node.fault = Fault.ANOTHER_CHAIN
    with pytest.raises(AnotherChain):
        world.settle(1)


def test_a_bank_that_starts_while_its_node_is_away_takes_money_and_believes_nothing_yet(
    settings: Settings, chain: AnvilInTests, node: FaultyNode
) -> None:
    chain.seal(2)
    node.down()
    bank = Bank.without_ledger(settings)
    upgrade(bank.engine)
    service = Service(bank)
    service.start()
    rail = bank.rail
    assert isinstance(rail, SandboxRail)
    rail.receive(payer="Wuxi Trading", amount=Money(5, "CNY"), reference="whose is it?")
    service.step()
    with reading(bank.engine) as session:
        assert len(payments.unmatched_lines(session)) == 1
        with pytest.raises(NotConfirmed):
            confirmed_height(session)
    node.up()
    service.step()
    with reading(bank.engine) as session:
        assert confirmed_height(session) == chain.rpc.block_number("finalized")
    service.stop()
    bank.engine.dispose()


def test_the_worker_starts_without_its_node_and_follows_once_it_is_there(
    settings: Settings, chain: AnvilInTests, node: FaultyNode
) -> None:
    chain.seal(2)
    with running(settings, "migrate") as migrating:
        assert migrating.wait(60) == 0
    node.down()
    with running(settings, "serve") as serving:
        assert serving.stdout is not None
        assert "serving" in json.loads(serving.stdout.readline())
        node.up()
        engine = open_database(settings.database())
        until = time.monotonic() + DEADLINE_S
        while height(engine) is None:
            assert time.monotonic() < until, "the worker does not follow"
            time.sleep(0.05)
        engine.dispose()


def test_the_worker_does_not_serve_on_another_chain(
    settings: Settings, chain: AnvilInTests, node: FaultyNode
) -> None:
    with running(settings, "migrate") as migrating:
        assert migrating.wait(60) == 0
    node.fault = Fault.ANOTHER_CHAIN
    with running(settings, "serve") as serving:
        said, errors = serving.communicate(timeout=60)
    assert (serving.returncode, said) == (1, "")
    assert "app.another_chain" in errors

"""What waited at Mosquitto for an absent bank, over the broker's own death, is in the bank's table once."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from backend.clock import SystemClock
from backend.db import reading
from backend.evidence import subscriber
from backend.evidence.intake import Intake, Reactions
from backend.evidence.rules import Finding, Outcome, Taken
from backend.evidence.subscriber import Subscriber
from backend.evidence.tables import QuarantineRow, StatementRow
from iot_bridge import link as edge
from iot_bridge.evidence.message import StatementMessage, statements_topic
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.mosquitto import BANK
from iot_bridge.mosquitto import Site as SiteAtBroker
from tests.backend.edge import DOMAIN, Device, Site, crossing, id_of
from tests.support.mosquitto import HOST, Mosquitto, mosquitto_broker

PATIENCE_S = 240.0
BRIDGE = "bridge.1"
WRITTEN_DOWN_AFTER_S = 1.5
"""The broker writes down what changed each second; what came after is the spool's to send again."""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def broker(site: Site) -> Iterator[Mosquitto]:
    with mosquitto_broker([SiteAtBroker(site.name, BRIDGE)]) as running:
        yield running


class ListeningBank:
    """The bank's ear and intake, and what they took, in the order of taking."""

    def __init__(self, engine: Engine, broker: Mosquitto) -> None:
        self.taken: list[Taken] = []
        self._engine = engine
        certificates = subscriber.Certificates(**broker.identity(BANK))
        address = subscriber.BrokerAddress(HOST, broker.port, "bank", certificates=certificates)
        reactions = Reactions(self._note, self._found)
        intake = Intake(engine, DOMAIN, LocalKey(b"\x05" * 32), SystemClock(), reactions)
        self.ear = Subscriber(address, intake.receive)
        self.ear.start()
        self.ear.require_listening(PATIENCE_S)

    def rows(self, table: type) -> int:
        """How many rows there are."""
        with reading(self._engine) as session:
            return len(session.exec(select(table)).all())

    def _note(self, _session: Session, taken: Taken) -> None:
        self.taken.append(taken)

    def _found(self, _session: Session, finding: Finding) -> None:
        raise AssertionError(finding)


def send(broker: Mosquitto, messages: list[StatementMessage]) -> None:
    """Publish as the bridge, and wait until the broker has said of each that it has it."""
    certificates = edge.Certificates(**broker.identity(BRIDGE))
    bridge = edge.Link(edge.BrokerAddress(HOST, broker.port, certificates=certificates), BRIDGE)
    bridge.start()
    assert bridge.wait_up(PATIENCE_S)
    for message in messages:
        device = message.signed().statement.device
        assert bridge.publish(statements_topic(message.site, device), message.to_bytes())
    until(lambda: not bridge._sent)
    bridge.stop()
    assert bridge.refused == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("database_url", "how", "queued"),
    [("postgresql", signal.SIGKILL, 3_000), ("sqlite", signal.SIGTERM, 300)],
    indirect=["database_url"],
)
def test_statements_queued_over_a_restart_of_the_broker_are_stored_once_and_in_order(
    engine: Engine, broker: Mosquitto, camera: Device, site: Site, *, how: signal.Signals, queued: int
) -> None:
    ListeningBank(engine, broker).ear.stop()
    sent = [site.record(camera.says("gate.crossing", crossing("in"))) for _ in range(queued)]
    send(broker, sent)
    time.sleep(WRITTEN_DOWN_AFTER_S)
    broker.stop(how)
    broker.start()
    bank = ListeningBank(engine, broker)
    until(lambda: len(bank.taken) >= queued or bank.ear.failure is not None)
    bank.ear.stop()
    assert bank.ear.failure is None
    assert [each.statement.id for each in bank.taken] == [id_of(each) for each in sent]
    assert {each.outcome for each in bank.taken} == {Outcome.STORED}  # none was held for one before it
    with reading(engine) as session:
        stored = session.exec(select(StatementRow).order_by(col(StatementRow.log_index))).all()
    assert [row.entry for row in stored] == [each.entry for each in sent]
    assert bank.rows(QuarantineRow) == 0

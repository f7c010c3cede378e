"""Over a real broker: what is acknowledged is committed, what is poisoned is put aside."""

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from sqlmodel import select

from backend.alerts.actions import standing_alerts
from backend.app.serving import EarStopped
from backend.db import reading
from backend.evidence.actions import gaps
from backend.evidence.subscriber import BrokerAddress, BrokerUnavailable, Certificates, Subscriber
from backend.evidence.tables import FindingRow, QuarantineRow, StatementRow
from backend.settings import Settings
from iot_bridge import link as edge_link
from iot_bridge.evidence.acknowledgement import SignedAcknowledgement, recover_acknowledger
from iot_bridge.evidence.message import StatementMessage, acknowledgements_topic, statements_topic
from iot_bridge.mosquitto import BANK, Site
from tests.backend.app.conftest import CAMERA, World
from tests.backend.edge import crossing, id_of
from tests.support.brokers import SiteBroker, address_at, over_both, running_embedded, settings_at
from tests.support.ledger_life import BRIDGE, SITE
from tests.support.mosquitto import HOST, Mosquitto, mosquitto_broker

PATIENCE_S = 10


@dataclass
class Edge:
    """The other end of the broker, as a bridge has it."""

    port: int
    certificates: edge_link.Certificates | None = None
    acknowledged: "queue.Queue[SignedAcknowledgement]" = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, "edge", protocol=MQTTProtocolVersion.MQTTv5)
        if self.certificates is not None:
            self.client.tls_set_context(self.certificates.context())
        self.client.on_message = lambda _c, _d, message: self.acknowledged.put(
            SignedAcknowledgement.parse(message.payload)
        )
        self.client.on_connect = lambda client, *_: client.subscribe(acknowledgements_topic(SITE), qos=1)
        self.client.connect(HOST, self.port)
        self.client.loop_start()

    def publish(self, payload: bytes, device: str = CAMERA) -> None:
        self.client.publish(statements_topic(SITE, device), payload, qos=1).wait_for_publish(PATIENCE_S)

    def send(self, *messages: StatementMessage) -> list[SignedAcknowledgement]:
        for message in messages:
            self.publish(message.to_bytes())
        return [self.acknowledged.get(timeout=PATIENCE_S) for _ in messages]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    with mosquitto_broker([Site(SITE, BRIDGE)]) as running:
        yield running


@pytest.fixture
def site_broker(request: pytest.FixtureRequest) -> Iterator[SiteBroker]:
    """A broker with nothing in it: the embedded one, or where a test is `over_both`, each in turn."""
    if getattr(request, "param", "embedded") == "embedded":
        with running_embedded() as broker:
            yield broker
        return
    shared: Mosquitto = request.getfixturevalue("mosquitto")
    yield shared
    shared.forget()


@pytest.fixture
def port(site_broker: SiteBroker) -> int:
    return site_broker.port


@pytest.fixture
def settings(settings: Settings, site_broker: SiteBroker) -> Settings:
    return settings.model_copy(update=settings_at(site_broker, BANK))


@pytest.fixture
def edge(site_broker: SiteBroker) -> Iterator[Edge]:
    edge = Edge(site_broker.port, address_at(site_broker, BRIDGE).certificates)
    yield edge
    edge.close()


def rows(world: World, table: type) -> list:
    with reading(world.bank.engine) as session:
        return list(session.exec(select(table)).all())


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ear_at(broker: SiteBroker, client_id: str) -> BrokerAddress:
    files = broker.identity(BANK)
    return BrokerAddress(HOST, broker.port, client_id, certificates=Certificates(**files) if files else None)


def out(world: World) -> StatementMessage:
    return world.says(CAMERA, "gate.crossing", crossing("out", 7))


@over_both
def test_what_was_committed_is_acknowledged_with_the_banks_own_key(world: World, edge: Edge) -> None:
    message = out(world)
    (signed,) = edge.send(message)
    said = signed.acknowledgement
    assert (said.site, said.id, said.index) == (SITE, id_of(message), message.index)
    assert (said.size, said.root) == (world.site.log.size, world.site.log.root())
    witness = world.bank.witness_key().address
    assert recover_acknowledger(signed, world.bank.domain) == witness
    assert [row.id for row in rows(world, StatementRow)] == [id_of(message)]


@over_both
def test_a_statement_sent_again_is_acknowledged_again_and_stored_once(world: World, edge: Edge) -> None:
    message = out(world)
    first, second, third = edge.send(message, message, message)
    assert first == second == third
    assert len(rows(world, StatementRow)) == 1
    assert len(world.look(standing_alerts)) == 1


@over_both
def test_a_poisoned_message_is_put_aside_and_the_next_one_is_taken(world: World, edge: Edge) -> None:
    for poison in (b"", b"\xff\xfe", b"{}", b'{"v":1}', b"[" * 5_000, b"[" * 100_000, b"[" * 1_000_000):
        edge.publish(poison)
    edge.publish(b"{}")
    assert len(edge.send(out(world))) == 1
    kept = rows(world, QuarantineRow)
    assert sorted(row.times for row in kept) == [1, 1, 1, 1, 1, 1, 2]
    assert {row.code for row in kept} == {"evidence.statement_malformed"}


def test_a_refused_statement_is_kept_with_its_reason_and_not_acknowledged(world: World, edge: Edge) -> None:
    message = out(world)
    flipped = bytearray(message.entry)
    flipped[-40] ^= 1
    edge.publish(StatementMessage(SITE, message.index, bytes(flipped), message.body).to_bytes())
    (signed,) = edge.send(message)
    assert signed.acknowledgement.id == id_of(message)
    (kept,) = rows(world, QuarantineRow)
    assert (kept.code, kept.facts["device"]) == ("evidence.signature_not_by_device", CAMERA)
    assert edge.acknowledged.empty()


def test_two_statements_under_one_number_are_a_finding_and_an_alert(world: World, edge: Edge) -> None:
    edge.send(out(world))
    second = world.says(CAMERA, "gate.crossing", crossing("in"), seq=1, prev=bytes(32))
    edge.publish(second.to_bytes())
    until(lambda: rows(world, FindingRow) != [])
    (finding,) = rows(world, FindingRow)
    assert finding.kind == "equivocation"
    assert finding.proof == second.to_bytes()
    kinds = lambda: [alert.kind.value for alert in world.look(standing_alerts)]  # noqa: E731
    until(lambda: kinds() == ["unauthorised_exit", "equivocation"])


def test_a_gap_is_held_acknowledged_and_alerted_once(world: World, edge: Edge) -> None:
    arrivals = [world.says(CAMERA, "gate.crossing", crossing("in")) for _ in range(4)]
    edge.send(arrivals[0], arrivals[2], arrivals[3])
    assert [(gap.first_seq, gap.last_seq) for gap in world.look(gaps)] == [(2, 2)]
    assert [a.kind.value for a in world.look(standing_alerts)] == ["gap"]
    edge.send(arrivals[1])
    assert world.look(gaps) == []


@over_both
def test_what_cannot_be_committed_is_not_acknowledged_to_the_broker_and_comes_again(
    world: World, edge: Edge, site_broker: SiteBroker
) -> None:
    world.service.stop()
    heard: list[bytes] = []

    def stumble(_topic: str, payload: bytes) -> None:
        heard.append(payload)
        raise OSError("the disk is full")

    address = ear_at(site_broker, "another-bank")
    faulty = Subscriber(address, stumble)
    faulty.start()
    faulty.require_listening(PATIENCE_S)
    edge.publish(b"one")
    until(lambda: faulty.failure is not None)
    faulty.stop()
    assert heard == [b"one"]
    sound = Subscriber(address, lambda _topic, payload: heard.append(payload))
    sound.start()
    sound.require_listening(PATIENCE_S)
    until(lambda: heard == [b"one", b"one"])
    sound.stop()


def test_a_bank_that_cannot_commit_stops_rather_than_goes_on_deaf(world: World, edge: Edge) -> None:
    world.bank.engine.dispose()
    (world.bank.settings.data / "bank.sqlite").unlink()
    edge.publish(out(world).to_bytes())

    def stopped() -> bool:
        with pytest.raises(EarStopped):
            world.service.step()
        return True

    until(lambda: world.service.ear.failure is not None)
    assert stopped()


@over_both
def test_a_broker_that_is_not_there_is_waited_for_and_heard_when_it_comes(site_broker: SiteBroker) -> None:
    site_broker.stop()
    ear = Subscriber(ear_at(site_broker, "bank"), lambda *_: None)
    ear.start()
    with pytest.raises(BrokerUnavailable):
        ear.require_listening(0.2)
    assert not ear.is_listening
    site_broker.start()
    ear.require_listening(PATIENCE_S)
    assert ear.is_listening
    ear.stop()

"""Statements reach the bank over a real broker, at once and again, and leave when the right party says so."""

from collections.abc import Iterator

import pytest

from iot_bridge.broker import BrokerNotStarted, embedded_broker
from iot_bridge.evidence.acknowledgement import Acknowledgement, acknowledge
from iot_bridge.evidence.body import require_body
from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import ZERO32, parse_entry
from iot_bridge.link import BrokerAddress, Link
from iot_bridge.mosquitto import BANK as AT_BROKER
from iot_bridge.publish import AGAIN_AFTER_S, AcknowledgerUnknown, Publisher
from tests.iot_bridge.bank import ListeningBank
from tests.iot_bridge.edge import BANK, BRIDGE_NAME, CAMERA, DOMAIN, SITE, Edge, crossing
from tests.iot_bridge.waiting import until
from tests.support.brokers import SiteBroker, address_at, over_both


@pytest.fixture
def bank(site_broker: SiteBroker) -> Iterator[ListeningBank]:
    found = ListeningBank(address_at(site_broker, AT_BROKER))
    yield found
    found.close()


@pytest.fixture
def publisher(edge: Edge, site_broker: SiteBroker) -> Iterator[Publisher]:
    link = Link(address_at(site_broker, BRIDGE_NAME), f"{SITE}-bridge")
    found = Publisher(edge.spool, link, domain=DOMAIN, acknowledger=BANK.address)
    edge.recorder.listen(found.heard)
    link.start()
    assert link.wait_up(60)
    yield found
    link.stop()


@pytest.fixture
def away(site_broker: SiteBroker) -> Iterator[SiteBroker]:
    """A broker that is stopped; afterwards it runs, for whoever comes next."""
    site_broker.stop()
    yield site_broker
    site_broker.stop()
    site_broker.start()


@over_both
def test_a_recorded_statement_reaches_the_bank_whole_and_leaves_when_acknowledged_and_confirmed(
    edge: Edge, publisher: Publisher, bank: ListeningBank
) -> None:
    taken = edge.recorder.record("gate-cam-1", crossing(1))
    (message, *_) = bank.wait_for(1)
    assert message == taken.message()
    assert require_body(message.signed().statement, message.body).fields["direction"] == "in"
    assert bank.signers[0] == CAMERA.signer.address
    until(lambda: edge.spool.unacknowledged() == [])
    assert edge.spool.waiting() == 1
    edge.spool.confirm(2)
    assert edge.spool.waiting() == 0


@over_both
def test_what_the_bank_did_not_acknowledge_is_sent_again_later_and_later(
    edge: Edge, publisher: Publisher, bank: ListeningBank
) -> None:
    bank.answers = False
    edge.recorder.record("gate-cam-1", crossing(1))
    bank.wait_for(1)
    soon = publisher._sent[1][0]
    assert publisher.send_again(soon + AGAIN_AFTER_S - 1) == 0
    assert publisher.send_again(soon + AGAIN_AFTER_S) == 1
    again = publisher._sent[1][0]
    assert publisher.send_again(again + AGAIN_AFTER_S) == 0
    assert publisher.send_again(again + 2 * AGAIN_AFTER_S) == 1
    until(lambda: len(bank.heard) == 3)
    assert len(bank.different()) == 1


@over_both
def test_statements_made_while_the_broker_is_away_arrive_in_order_when_it_is_back(
    edge: Edge, away: SiteBroker
) -> None:
    link = Link(address_at(away, BRIDGE_NAME), f"{SITE}-bridge-away")
    publisher = Publisher(edge.spool, link, domain=DOMAIN, acknowledger=BANK.address)
    edge.recorder.listen(publisher.heard)
    link.start()
    taken = [edge.recorder.record("gate-cam-1", crossing(at)) for at in range(5)]
    assert publisher.send_again(0.0) == 0
    away.start()
    bank = ListeningBank(address_at(away, AT_BROKER))
    assert link.wait_up(60)
    publisher.worker.start()
    heard = bank.wait_for(5)
    until(lambda: edge.spool.unacknowledged() == [])
    publisher.worker.stop()
    link.stop()
    bank.close()
    assert [each.index for each in heard[:5]] == [each.index for each in taken]


@over_both
def test_a_spool_longer_than_the_window_is_sent_to_its_end(
    edge: Edge, publisher: Publisher, bank: ListeningBank
) -> None:
    publisher._link._up.clear()
    for at in range(450):
        edge.recorder.record("gate-cam-1", crossing(at))
    publisher._link._up.set()
    publisher.worker.start()
    bank.wait_for(450, timeout_s=30)
    until(lambda: edge.spool.unacknowledged() == [], timeout_s=30)
    publisher.worker.stop()


def test_an_acknowledgement_by_another_key_lets_nothing_go(edge: Edge, publisher: Publisher) -> None:
    taken = edge.recorder.record("gate-cam-1", crossing(1))
    said = Acknowledgement(SITE, taken.id, taken.index, 0, ZERO32)
    forged = acknowledge(said, LocalKey(b"\x66" * 32), DOMAIN)
    with pytest.raises(AcknowledgerUnknown):
        publisher.acknowledged("", forged.to_bytes())
    assert len(edge.spool.unacknowledged()) == 1


@over_both
def test_a_poisoned_acknowledgement_does_not_stop_the_next_one(
    edge: Edge, publisher: Publisher, bank: ListeningBank
) -> None:
    bank.link.publish(f"tallystick/{SITE}/acknowledgements", b"\xff not an acknowledgement")
    edge.recorder.record("gate-cam-1", crossing(1))
    until(lambda: edge.spool.unacknowledged() == [])


@over_both
def test_a_message_with_one_flipped_byte_is_by_nobody(
    edge: Edge, publisher: Publisher, bank: ListeningBank
) -> None:
    edge.recorder.record("gate-cam-1", crossing(1))
    (message, *_) = bank.wait_for(1)
    wire = bytearray(message.entry)
    wire[31 + 32 * 3] ^= 2
    flipped = parse_entry(bytes(wire))
    assert flipped.statement.seq != message.signed().statement.seq
    with pytest.raises(EvidenceRefused):
        require_body(flipped.statement, message.body.replace("9900", "9901"))


def test_a_broker_on_a_taken_port_says_so(broker: BrokerAddress) -> None:
    with pytest.raises(BrokerNotStarted), embedded_broker(broker.port):
        pass

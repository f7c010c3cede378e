"""Messages made to break their reader: the edge refuses each by name and takes the next one."""

import time
from collections.abc import Iterator

import pytest

from iot_bridge.devices import Intake, KnownDevice
from iot_bridge.durable import SpoolBroken
from iot_bridge.evidence.acknowledgement import SignedAcknowledgement
from iot_bridge.evidence.canonical import SAID
from iot_bridge.evidence.errors import EvidenceRefused, MessageMalformed
from iot_bridge.evidence.message import StatementMessage, device_statements_topic
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.link import BrokerAddress, Link, LinkFailed
from iot_bridge.mosquitto import BANK as AT_BROKER
from iot_bridge.publish import Publisher
from iot_bridge.weighbridge import ReadingMalformed, ticket_fields
from iot_bridge.yard import Yard
from tests.iot_bridge.bank import ListeningBank
from tests.iot_bridge.edge import (
    BANK,
    BRIDGE,
    BRIDGE_NAME,
    DOMAIN,
    SCALE,
    SITE,
    Edge,
    crossing,
    ticket,
    writer,
)
from tests.iot_bridge.waiting import until
from tests.support.brokers import SiteBroker, address_at, over_both
from tests.support.hostile import HOSTILE, SECONDS_EACH, no_bound_on_recursion


@pytest.fixture(autouse=True)
def _unbound() -> Iterator[None]:
    with no_bound_on_recursion():
        yield


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_is_refused_by_name_soon_and_in_few_words(hostile: bytes) -> None:
    begun = time.monotonic()
    for parse in (StatementMessage.parse, SignedAcknowledgement.parse):
        with pytest.raises(MessageMalformed) as refused:
            parse(hostile)
        assert all(len(str(fact)) <= SAID for fact in refused.value.facts.values())
    assert time.monotonic() - begun < SECONDS_EACH


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_line_from_the_indicator_is_no_reading(hostile: bytes) -> None:
    with pytest.raises(ReadingMalformed):
        ticket_fields(hostile.decode("latin-1"))


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_refused_before_anything_is_kept(edge: Edge, hostile: bytes) -> None:
    signed, _ = writer().write(SCALE, edge.spool.position(SCALE.name), ticket(1, 23_940))
    intake = _intake(edge, Link(BrokerAddress("127.0.0.1", 1), "unused"))
    with pytest.raises(EvidenceRefused):
        intake.take(StatementMessage(SITE, None, signed.entry(), hostile.decode("latin-1")))
    assert edge.spool.size() == 1


@over_both
def test_a_bridge_takes_the_next_message_after_each_hostile_one(edge: Edge, site_broker: SiteBroker) -> None:
    link = Link(address_at(site_broker, BRIDGE_NAME), f"{SITE}-bridge")
    publisher = Publisher(edge.spool, link, domain=DOMAIN, acknowledger=BANK.address)
    _intake(edge, link)
    edge.recorder.listen(publisher.heard)
    link.start()
    bank = ListeningBank(address_at(site_broker, AT_BROKER))
    scale = Link(address_at(site_broker, SCALE.name), f"{SITE}-scale")
    scale.start()
    assert link.wait_up(60)
    assert scale.wait_up(60)
    for hostile in HOSTILE.values():
        bank.link.publish(f"tallystick/{SITE}/acknowledgements", hostile)
        scale.publish(device_statements_topic(SITE, SCALE.name), hostile)
    signed, body = writer().write(SCALE, edge.spool.position(SCALE.name), ticket(1, 23_940))
    sent = StatementMessage(SITE, None, signed.entry(), body.text)
    scale.publish(device_statements_topic(SITE, SCALE.name), sent.to_bytes())
    edge.recorder.record("gate-cam-1", crossing(1))
    until(lambda: edge.spool.size() == 3 and edge.spool.unacknowledged() == [])
    link.require_well()
    for each in (link, scale):
        each.stop()
    bank.close()


@pytest.mark.parametrize("trouble", [OSError("the disk is gone"), SpoolBroken(why="SQLITE_IOERR")])
def test_what_can_be_neither_taken_nor_refused_stops_the_program_and_comes_again(
    site_broker: SiteBroker, trouble: Exception
) -> None:
    heard: list[bytes] = []

    def stumble(_topic: str, payload: bytes) -> None:
        heard.append(payload)
        raise trouble

    def links(received: object) -> Link:
        link = Link(address_at(site_broker, BRIDGE_NAME), BRIDGE_NAME)
        link.subscribe("tallystick/+/acknowledgements", received)  # type: ignore[arg-type]
        link.start()
        assert link.wait_up(60)
        return link

    bank = ListeningBank(address_at(site_broker, AT_BROKER))
    faulty = links(stumble)
    bank.link.publish(f"tallystick/{SITE}/acknowledgements", b"one")
    until(lambda: faulty.failure is not None)
    with pytest.raises(LinkFailed):
        faulty.require_well()
    faulty.stop()
    sound = links(lambda _topic, payload: heard.append(payload))
    until(lambda: heard == [b"one", b"one"])
    sound.stop()
    bank.close()


def _intake(edge: Edge, link: Link) -> Intake:
    Yard(edge.spool)
    known = KnownDevice(SCALE.name, 1, SCALE.signer.address, frozenset({"weigh.ticket"}))
    return Intake(
        edge.spool,
        edge.recorder,
        link,
        known=[known],
        domain=DOMAIN,
        bridge=BRIDGE,
        store=EvidenceStore(edge.folder / "evidence"),
    )

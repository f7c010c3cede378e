"""Mosquitto as the project sets it up: who may come, who may say what, and what a restart keeps."""

import json
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from typer.testing import CliRunner

from iot_bridge.__main__ import app
from iot_bridge.authority import Authority, IdentityExists
from iot_bridge.link import Certificates
from iot_bridge.mosquitto import Site, SiteMalformed, site_of
from tests.support.mosquitto import HOST, Mosquitto, mosquitto_broker

SITES = (Site("yard-1", "bridge-1", ("scale-1",)), Site("yard-2", "bridge-2"))
QUEUED = 3_000
PATIENCE_S = 90.0
NOT_AUTHORISED = 135
GRANTED = 1


class Caller:
    """Somebody at the broker, by certificate; what they hear and what they are refused."""

    def __init__(
        self,
        broker: Mosquitto,
        name: str,
        *,
        kept: bool = False,
        files: dict[str, Path] | None = None,
        client_id: str = "",
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.told: list[int] = []
        self.granted: list[int] = []
        self._connected, self._subscribed = threading.Event(), threading.Event()
        self.lost: list[int] = []
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id or f"test-{name}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.tls_set_context(Certificates(**(files or broker.identity(name))).context())
        self.client.max_inflight_messages_set(1000)
        self.client.on_connect = lambda *_: self._connected.set()
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = lambda _c, _d, said: self.heard.append((said.topic, said.payload))
        self.client.on_publish = lambda _c, _d, _m, reason, _p: self.told.append(reason.value)
        self.client.on_disconnect = lambda _c, _d, _f, reason, _p: self.lost.append(reason.value)
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3_600 if kept else 0
        self.client.connect(HOST, broker.port, clean_start=not kept, properties=session)
        self.client.loop_start()
        wait_until(lambda: self._connected.is_set() or self.lost)
        if self.lost:
            self.leave()
            raise ConnectionRefusedError(name)

    def subscribe(self, topic: str) -> int:
        self._subscribed.clear()
        self.client.subscribe(topic, qos=1)
        assert self._subscribed.wait(PATIENCE_S)
        return self.granted[-1]

    def say(self, topic: str, payload: bytes = b"{}") -> int:
        before = len(self.told)
        self.client.publish(topic, payload, qos=1)
        wait_until(lambda: len(self.told) > before)
        return self.told[-1]

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _props: Any) -> None:
        self.granted += [reason.value for reason in reasons]
        self._subscribed.set()


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    """One for all who leave it as they found it: every session there ends with its connection."""
    with mosquitto_broker(SITES) as running:
        yield running


@pytest.fixture
def own_broker() -> Iterator[Mosquitto]:
    """A broker that the test may stop."""
    with mosquitto_broker(SITES) as running:
        yield running


@pytest.mark.parametrize(
    ("who", "topic", "may"),
    [
        ("bridge-1", "tallystick/yard-1/statements/cam-1", True),
        ("bridge-1", "tallystick/yard-2/statements/cam-1", False),
        ("bridge-1", "tallystick/yard-1/acknowledgements", False),
        ("bridge-1", "tallystick/yard-1/devices/scale-1/acknowledgements", True),
        ("scale-1", "tallystick/yard-1/devices/scale-1/statements", True),
        ("scale-1", "tallystick/yard-1/devices/scale-2/statements", False),
        ("scale-1", "tallystick/yard-1/statements/scale-1", False),
        ("scale-1", "tallystick/yard-1/devices/scale-1/acknowledgements", False),
        ("scale-1", "tallystick/yard-1/acknowledgements", False),
        ("scale-1", "tallystick/yard-2/statements/cam-1", False),
        ("bank", "tallystick/yard-1/acknowledgements", True),
        ("bank", "tallystick/yard-1/statements/cam-1", False),
    ],
)
def test_each_name_speaks_on_its_own_topics_only(broker: Mosquitto, who: str, topic: str, may: bool) -> None:
    bank = Caller(broker, "bank")
    caller = bank if who == "bank" else Caller(broker, who)
    bank.subscribe("tallystick/+/statements/+")
    assert (caller.say(topic) == NOT_AUTHORISED) is not may
    caller.leave()
    if not may:
        assert bank.heard == []
    if caller is not bank:
        bank.leave()


@pytest.mark.parametrize("claimed", ["bridge-1", "yard-1-bridge"])
def test_a_device_that_claims_anothers_client_id_does_not_disturb_its_session(
    broker: Mosquitto, claimed: str
) -> None:
    bank, bridge = Caller(broker, "bank"), Caller(broker, "bridge-1", kept=True, client_id="yard-1-bridge")
    bridge.subscribe("tallystick/yard-1/acknowledgements")
    thief = Caller(broker, "scale-1", client_id=claimed)
    bank.say("tallystick/yard-1/acknowledgements", b"one")
    wait_until(lambda: bridge.heard)
    assert bridge.lost == []
    assert thief.heard == []
    thief.leave()
    bridge.leave()
    bank.say("tallystick/yard-1/acknowledgements", b"two")
    thief = Caller(
        broker, "scale-1", client_id=claimed
    )  # with a clean start, which would end a session it owned
    back = Caller(broker, "bridge-1", kept=True, client_id="yard-1-bridge")
    wait_until(lambda: back.heard)
    assert [payload for _, payload in back.heard] == [b"two"]
    assert thief.heard == []
    for caller in (thief, back, bank, Caller(broker, "bridge-1")):  # whose clean start leaves no session
        caller.leave()


def test_a_second_connection_with_one_certificate_takes_the_session_over(broker: Mosquitto) -> None:
    first = Caller(broker, "bank", client_id="one")
    second = Caller(broker, "bank", client_id="two")
    wait_until(lambda: first.lost)
    first.leave()
    assert second.subscribe("tallystick/+/statements/+") == GRANTED
    second.leave()


def test_a_bridge_hears_nothing_of_another_site(broker: Mosquitto) -> None:
    bank, other = Caller(broker, "bank"), Caller(broker, "bridge-2")
    other.subscribe("tallystick/yard-1/acknowledgements")
    other.subscribe("tallystick/yard-2/acknowledgements")
    bank.say("tallystick/yard-1/acknowledgements", b"one")
    bank.say("tallystick/yard-2/acknowledgements", b"two")
    wait_until(lambda: other.heard)
    assert [payload for _, payload in other.heard] == [b"two"]
    bank.leave()
    other.leave()


def test_a_certificate_of_a_foreign_authority_does_not_come_in(broker: Mosquitto, tmp_path: Path) -> None:
    foreign = Authority(tmp_path)
    foreign.establish()
    foreign.issue("bank")
    files = {
        "ca": broker.identity("bank")["ca"],
        "certificate": tmp_path / "bank.pem",
        "key": tmp_path / "bank.key",
    }
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Caller(broker, "bank", files=files)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_keeps_what_waits_for_an_absent_bank(own_broker: Mosquitto, how: signal.Signals) -> None:
    bank = Caller(own_broker, "bank", kept=True)
    bank.subscribe("tallystick/+/statements/+")
    bank.leave()
    bridge = Caller(own_broker, "bridge-1")
    for number in range(QUEUED):
        bridge.client.publish("tallystick/yard-1/statements/cam-1", str(number).encode(), qos=1)
    wait_until(lambda: len(bridge.told) == QUEUED)
    bridge.leave()
    wait_until((own_broker.config.data / "mosquitto.db").exists)
    time.sleep(1.5)  # the broker writes down what changed each second; what came after is the spool's to send
    own_broker.stop(how)
    own_broker.start()
    back = Caller(own_broker, "bank", kept=True)
    wait_until(lambda: len(back.heard) >= QUEUED)
    assert [int(payload) for _, payload in back.heard] == list(range(QUEUED))
    back.leave()


def test_the_command_writes_a_configuration_and_issues_what_is_missing(tmp_path: Path) -> None:
    asked = [
        "broker-config",
        "--out",
        str(tmp_path),
        "--site",
        "yard-1:bridge-1:scale-1",
        "--name",
        "127.0.0.1",
    ]
    first = json.loads(CliRunner().invoke(app, asked).stdout)
    assert {Path(each).stem for each in first["issued"]} == {"broker", "bank", "bridge-1", "scale-1"}
    assert json.loads(CliRunner().invoke(app, asked).stdout)["issued"] == []
    assert (tmp_path / "bank.key").stat().st_mode & 0o077 == 0
    with pytest.raises(IdentityExists):
        Authority(tmp_path).issue("bank")


@pytest.mark.parametrize(
    "text", ["yard-1", "yard-1:bridge-1:scale-1:more", "yard 1:bridge-1", "yard-1:bridge-1:#"]
)
def test_a_site_that_cannot_be_one_is_refused(text: str) -> None:
    with pytest.raises(SiteMalformed):
        site_of(text)

"""One MQTT 5 connection that mends itself; a message is owned before the broker hears that it came.

What the broker acknowledges proves nothing; who needs a message to arrive keeps it and sends it again.
"""

import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from iot_bridge.evidence.errors import EdgeError

log: Final = structlog.get_logger("link")
_KEEP_ALIVE_S: Final = 15
_INFLIGHT: Final = 1000
_SESSION_S: Final = 7 * 24 * 3600


class CertificateUnusable(EdgeError):
    """A file that proves us to the broker, or the broker to us, is missing or cannot be used."""

    code = "link.certificate_unusable"


class LinkFailed(EdgeError):
    """A message from the broker was neither taken nor refused; the program stops and keeps what it has."""

    code = "link.failed"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The authority that vouches for the broker, and our own certificate with its key; PEM files."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, both sides proven, the broker's host name checked.

        Raises:
            CertificateUnusable: a file is missing, is none of its kind, or the key is not the certificate's.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for file in (self.ca, self.certificate, self.key):
            if not file.is_file():
                raise CertificateUnusable(file=str(file), why="no such file")
        try:
            context.load_verify_locations(self.ca)
            context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            raise CertificateUnusable(
                ca=str(self.ca), certificate=str(self.certificate), key=str(self.key), why=str(error)
            ) from error
        return context


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and who we are to it: by name and password, by certificate, or not at all."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    certificates: Certificates | None = None


Received = Callable[[str, bytes], None]
"""Takes a message's topic and payload; may raise an `EdgeError` for one that it refuses."""


class Link:
    """A connection under a name of its own; two with one name throw each other out."""

    def __init__(self, broker: BrokerAddress, name: str) -> None:
        self._broker = broker
        self._handlers: dict[str, Received] = {}
        self._connected: list[Callable[[], None]] = []
        self._up = threading.Event()
        self._sent: dict[int, str] = {}
        self.refused: Final[dict[str, str]] = {}
        """Topics on which the broker took no message from us, with its reason."""
        self.failure: BaseException | None = None
        """Why a message was neither taken nor refused; the connection is given up then."""
        self._client = Client(
            CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        self._client.max_inflight_messages_set(_INFLIGHT)
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.certificates is not None:
            self._client.tls_set_context(broker.certificates.context())
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def subscribe(self, topic: str, received: Received) -> None:
        """Hand every message of a topic filter to `received`, from the next connection on."""
        self._handlers[topic] = received

    def when_connected(self, call: Callable[[], None]) -> None:
        """Call back after each connection, the first and every later one."""
        self._connected.append(call)

    def start(self) -> None:
        """Connect, and connect again whenever the connection is lost; returns at once."""
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it bare
        session.SessionExpiryInterval = _SESSION_S
        session.ReceiveMaximum = _INFLIGHT
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            keepalive=_KEEP_ALIVE_S,
            clean_start=False,
            properties=session,
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye to the broker and end the connection's thread."""
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()  # noqa: SLF001 - paho leaves its own two to the garbage collector
        self._up.clear()

    def require_well(self) -> None:
        """Refuse to go on deaf.

        Raises:
            LinkFailed: a message was neither taken nor refused.
        """
        if self.failure is not None:
            raise LinkFailed(why=f"{type(self.failure).__name__}: {self.failure}") from self.failure

    def is_up(self) -> bool:
        """Whether the broker is there now, as far as we know."""
        return self._up.is_set()

    def wait_up(self, timeout_s: float) -> bool:
        """Wait for the broker; False when it was not there in time."""
        return self._up.wait(timeout_s)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send a message if the broker is there; False, and nothing kept, when it is not."""
        if not self._up.is_set():
            return False
        self._sent[self._client.publish(topic, payload, qos=1).mid] = topic
        return True

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("broker_refused", host=self._broker.host, port=self._broker.port, reason=str(reason))
            return
        if self._handlers:
            client.subscribe([(topic, 1) for topic in self._handlers])
        else:
            self._now_up()

    def _on_subscribe(
        self,
        _client: Client,
        _data: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("broker_refused", topics=list(self._handlers), reason=str(reasons))
            return
        self._now_up()

    def _now_up(self) -> None:
        """Only now would an answer to what we publish reach us."""
        self._up.set()
        log.info("broker_connected", host=self._broker.host, port=self._broker.port)
        for call in self._connected:
            call()

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        topic = self._sent.pop(mid, "")
        if reason.is_failure:
            self.refused[topic] = str(reason)
            log.error("publish_refused", topic=topic, reason=str(reason))

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        """Paho calls this while it handles what went wrong."""
        why = str(sys.exc_info()[1])
        log.warning("broker_away", host=self._broker.host, port=self._broker.port, why=why)

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._up.clear()
        lost = {"host": self._broker.host, "port": self._broker.port, "reason": str(reason)}
        if reason.is_failure:
            log.warning("broker_lost", **lost)
        else:
            log.info("broker_left", **lost)

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        if self.failure is not None:
            return
        try:
            for topic, received in self._handlers.items():
                if _matches(topic, message.topic):
                    received(message.topic, bytes(message.payload))
        except EdgeError as refused:
            if refused.ends_program:
                self._fail(client, message, refused)
                return
            log.warning("message_refused", topic=message.topic, code=refused.code, **_plain(refused.facts))
        except Exception as error:  # noqa: BLE001 - kept in `failure`, which ends the program
            self._fail(client, message, error)
            return
        client.ack(message.mid, message.qos)

    def _fail(self, client: Client, message: MQTTMessage, error: BaseException) -> None:
        """Hear no more: the broker is not told, so the message comes again to whoever listens next."""
        self.failure = error
        log.critical("message_not_taken", topic=message.topic, why=f"{type(error).__name__}: {error}")
        client.disconnect()


def _no_passphrase() -> str:
    """A key under a passphrase is refused; else the program would stop and ask a terminal for it."""
    return ""


def _matches(pattern: str, topic: str) -> bool:
    wanted, found = pattern.split("/"), topic.split("/")
    return len(wanted) == len(found) and all(
        want in ("+", have) for want, have in zip(wanted, found, strict=True)
    )


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts under names that a log line's own fields do not have."""
    return {
        f"fact_{name}" if name in {"topic", "code", "event"} else name: each for name, each in facts.items()
    }

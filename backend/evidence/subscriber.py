"""The ear on the broker: MQTT 5, each message acknowledged to the broker only after the commit.

A broker that is away is waited for, since the edge keeps what it has to say; a message that could not be
committed ends the listening, since going on would lose it.
"""

import contextlib
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from backend.db import DatabaseUnavailable
from backend.errors import Unavailable

STATEMENTS: Final = "tallystick/+/statements/+"
QOS: Final = 1
KEEP_ALIVE_S: Final = 15
SESSION_KEPT_S: Final = 7 * 24 * 3600
FIRST_RETRY_S: Final = 0.05
LONGEST_RETRY_S: Final = 1.0
ASK_AGAIN_S: Final = 10
log = structlog.get_logger(__name__)


class BrokerUnavailable(Unavailable):
    """The broker does not answer, or does not let the bank listen."""

    code = "evidence.broker_unavailable"


class BrokerCertificateUnusable(Unavailable):
    """A file that proves the bank to the broker, or the broker to the bank, is missing or cannot be used."""

    code = "evidence.broker_certificate_unusable"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The authority that vouches for the broker, and the bank's certificate with its key; PEM files."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, both sides proven, the broker's host name checked.

        Raises:
            BrokerCertificateUnusable: a file is missing, of another kind, or the key is another's.
        """
        for file in (self.ca, self.certificate, self.key):
            if not file.is_file():
                raise BrokerCertificateUnusable(file=str(file), why="no such file")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(self.ca)
            context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            files = {"ca": str(self.ca), "certificate": str(self.certificate), "key": str(self.key)}
            raise BrokerCertificateUnusable(**files, why=str(error)) from error
        return context


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is, and as whom the bank listens; its session outlives the connection."""

    host: str
    port: int
    client_id: str
    user: str = ""
    password: str = ""
    certificates: Certificates | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to the edge after the commit."""

    topic: str
    payload: bytes


class _ToldToStop(Exception):
    """The ear was stopped while it waited for the database."""


Receive = Callable[[str, bytes], Reply | None]
"""Takes a topic and a payload, commits what follows from them, and gives what to send back.

`DatabaseUnavailable` makes the subscriber wait and ask again with the same message. Whatever else it raises
means that nothing was committed: the subscriber stops without telling the broker.
"""


class Subscriber:
    """Listens for statements until told to stop, or until one could not be committed.

    Raises:
        BrokerCertificateUnusable: the certificates cannot be used; no waiting would help.
    """

    def __init__(self, broker: BrokerAddress, receive: Receive) -> None:
        self._broker = broker
        self._receive = receive
        self._listening = threading.Event()
        self._stopped = threading.Event()
        self._why_not = "not connected yet"
        self._again: threading.Timer | None = None
        self.failure: BaseException | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.certificates is not None:
            self._client.tls_set_context(broker.certificates.context())
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect

    @property
    def is_listening(self) -> bool:
        """Whether the broker has granted the subscription and is still there, as far as we know."""
        return self._listening.is_set() and self.failure is None

    def start(self) -> None:
        """Begin to listen and go on trying for as long as it takes; returns at once."""
        kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        kept.SessionExpiryInterval = SESSION_KEPT_S
        self._client.connect_async(
            self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S, clean_start=False, properties=kept
        )
        self._client.loop_start()

    def require_listening(self, timeout_s: float = 0) -> None:
        """Refuse unless the bank listens now, or within the time.

        Raises:
            BrokerUnavailable: it does not; says why.
        """
        if not self._listening.wait(timeout_s):
            raise BrokerUnavailable(host=self._broker.host, port=self._broker.port, reason=self._why_not)

    def stop(self) -> None:
        """Disconnect; what was not acknowledged to the broker comes again next time."""
        self._stopped.set()
        self._listening.clear()
        if self._again is not None:
            self._again.cancel()
        with contextlib.suppress(ValueError):
            self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()  # noqa: SLF001 - paho leaves its own two to the garbage collector

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._deaf("broker_refused", str(reason))
            return
        client.subscribe(STATEMENTS, qos=QOS)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        """Paho calls this while it handles what went wrong."""
        self._deaf("broker_away", str(sys.exc_info()[1]))

    def _on_subscribe(
        self, client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._deaf("subscription_refused", refused[0])
            self._again = threading.Timer(ASK_AGAIN_S, client.subscribe, (STATEMENTS, QOS))
            self._again.daemon = True
            self._again.start()
            return
        self._listening.set()
        log.info("statements_subscribed", topic=STATEMENTS)

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        if self.failure is not None:
            return
        try:
            reply = self._received(message)
        except _ToldToStop:
            return  # the broker was not told, so the message comes again
        except Exception as error:
            self.failure = error
            log.exception("statement_not_committed", topic=message.topic)
            client.disconnect()
            return
        if reply is not None:
            client.publish(reply.topic, reply.payload, qos=QOS)
        client.ack(message.mid, message.qos)

    def _received(self, message: MQTTMessage) -> Reply | None:
        """What the receiver answers, once the database does; meanwhile nothing else is heard.

        The broker may give the connection up in that time. Nothing is lost: it was told nothing, its session
        outlives the connection, and what was taken twice is a duplicate.
        """
        said = False
        pause = FIRST_RETRY_S
        while not self._stopped.is_set():
            try:
                return self._receive(message.topic, bytes(message.payload))
            except DatabaseUnavailable as trouble:
                if not said:
                    log.warning("database_unavailable", topic=message.topic, why=str(trouble))
                said = True
            self._stopped.wait(pause)
            pause = min(2 * pause, LONGEST_RETRY_S)
        raise _ToldToStop

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _props: Properties
    ) -> None:
        if reason.is_failure:
            log.error("acknowledgement_refused", mid=mid, reason=str(reason))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _p: Properties | None
    ) -> None:
        if not self._stopped.is_set():
            self._deaf("broker_lost", str(reason))

    def _deaf(self, event: str, why: str) -> None:
        self._listening.clear()
        self._why_not = why
        log.warning(event, host=self._broker.host, port=self._broker.port, why=why)


def _no_passphrase() -> str:
    """A key under a passphrase is refused; else the program would stop and ask a terminal for it."""
    return ""

"""The ear on the broker: MQTT 5, each message acknowledged to the broker only after the commit."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
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
SESSION_KEPT_S: Final = 7 * 24 * 3600
FIRST_RETRY_S: Final = 0.05
LONGEST_RETRY_S: Final = 1.0
log = structlog.get_logger(__name__)


class BrokerUnavailable(Unavailable):
    """The broker does not answer, or does not let the bank listen."""

    code = "evidence.broker_unavailable"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is, and as whom the bank listens; its session outlives the connection."""

    host: str
    port: int
    client_id: str
    user: str = ""
    password: str = ""


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
    """Listens for statements until told to stop, or until one could not be committed."""

    def __init__(self, broker: BrokerAddress, receive: Receive) -> None:
        self._broker = broker
        self._receive = receive
        self._listening = threading.Event()
        self._stopped = threading.Event()
        self._refused: str | None = None
        self.failure: BaseException | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect

    def start(self, timeout_s: float = 10) -> None:
        """Connect and subscribe; back when the broker has granted it.

        Raises:
            BrokerUnavailable: it did not, within the time.
        """
        kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        kept.SessionExpiryInterval = SESSION_KEPT_S
        try:
            self._client.connect(
                self._broker.host, self._broker.port, keepalive=15, clean_start=False, properties=kept
            )
        except OSError as error:
            raise BrokerUnavailable(host=self._broker.host, port=self._broker.port) from error
        self._client.loop_start()
        if not self._listening.wait(timeout_s) or self._refused is not None:
            self.stop()
            raise BrokerUnavailable(host=self._broker.host, port=self._broker.port, reason=self._refused)

    def stop(self) -> None:
        """Disconnect; what was not acknowledged to the broker comes again next time."""
        self._stopped.set()
        with contextlib.suppress(ValueError):
            self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            self._listening.set()
            return
        client.subscribe(STATEMENTS, qos=QOS)

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._refused = refused[0] if refused else None
        log.info("statements_subscribed", topic=STATEMENTS, refused=refused)
        self._listening.set()

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

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _p: Properties | None
    ) -> None:
        if not self._stopped.is_set():
            log.warning("broker_lost", reason=str(reason))

"""Statements to the bank: each at once when it is recorded, and again until the bank has acknowledged it.

Sending twice is harmless, since a statement is known by its id; losing one is not.
"""

import threading
import time
from typing import Final

import structlog

from iot_bridge.evidence.acknowledgement import SignedAcknowledgement, recover_acknowledger
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.evidence.message import StatementMessage, acknowledgements_topic, statements_topic
from iot_bridge.evidence.statement import EvidenceDomain
from iot_bridge.link import Link
from iot_bridge.spool import Spool, Taken
from iot_bridge.worker import Worker

log: Final = structlog.get_logger("publish")
WINDOW: Final = 200
AGAIN_AFTER_S: Final = 10
AGAIN_AT_MOST_S: Final = 320
_LOOK_S: Final = 0.25


class AcknowledgerUnknown(EdgeError):
    """An acknowledgement is signed by a key that is not the one it must come from."""

    code = "publish.acknowledger_unknown"


class Publisher:
    """Sends what the spool holds, and lets the spool know what the bank acknowledges."""

    def __init__(self, spool: Spool, link: Link, *, domain: EvidenceDomain, acknowledger: str) -> None:
        self._spool = spool
        self._link = link
        self._domain = domain
        self._acknowledger = acknowledger
        self._sent: dict[int, tuple[float, int]] = {}
        self._lock = threading.Lock()
        self.worker: Final = Worker("publish", self._run)
        link.subscribe(acknowledgements_topic(spool.identity.site), self.acknowledged)
        link.when_connected(self._forget_sent)

    def heard(self, taken: Taken) -> None:
        """Send a statement that has just become durable."""
        self._send(taken.message(), taken.signed.statement.device)

    def acknowledged(self, _topic: str, payload: bytes) -> None:
        """Take an acknowledgement off the wire.

        Raises:
            MessageMalformed: it is none.
            AcknowledgerUnknown: it is not by the bank's witness key.
            AcknowledgementUnknown, AcknowledgementContradicts: it does not fit this site's log.
        """
        signed = SignedAcknowledgement.parse(payload)
        signer = recover_acknowledger(signed, self._domain)
        if signer != self._acknowledger:
            raise AcknowledgerUnknown(signer=signer, wanted=self._acknowledger)
        self._spool.acknowledge(signed.acknowledgement)
        with self._lock:
            self._sent.pop(signed.acknowledgement.index, None)

    def send_again(self, now_s: float) -> int:
        """Send what is due again, oldest first, while fewer than a window are on their way; how many were."""
        if not self._link.is_up():
            return 0
        count, start = 0, 0
        while batch := self._spool.unacknowledged(start, WINDOW):
            for message in batch:
                assert message.index is not None  # noqa: S101 - type narrowing: it comes from the log
                start = message.index + 1
                if self._is_due(message, now_s) and count < WINDOW:
                    self._send(message, message.signed().statement.device)
                    count += 1
            if count >= WINDOW or len(batch) < WINDOW or len(self._sent) >= WINDOW:
                break
        return count

    def _send(self, message: StatementMessage, device: str) -> None:
        if message.index is not None and self._link.publish(
            statements_topic(message.site, device), message.to_bytes()
        ):
            with self._lock:
                _, times = self._sent.get(message.index, (0.0, 0))
                self._sent[message.index] = (time.monotonic(), times + 1)

    def _is_due(self, message: StatementMessage, now_s: float) -> bool:
        with self._lock:
            sent = self._sent.get(message.index or 0)
        if sent is None:
            return True
        at_s, times = sent
        return now_s - at_s >= min(AGAIN_AFTER_S << (times - 1), AGAIN_AT_MOST_S)

    def _forget_sent(self) -> None:
        """After a new connection everything unacknowledged is due at once."""
        with self._lock:
            self._sent.clear()

    def _run(self) -> None:
        while self.worker.goes_on():
            self.worker.pause(_LOOK_S)
            again = self.send_again(time.monotonic())
            if again:
                log.info("statements_sent_again", count=again, waiting=self._spool.waiting())

"""A weighbridge: its indicator's readings become tickets, signed with its own key, kept until acknowledged.

A program of its own, so that its key and its count of statements are not in the bridge's hands.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from iot_bridge.durable import DurableFile
from iot_bridge.evidence.acknowledgement import SignedAcknowledgement, recover_acknowledger
from iot_bridge.evidence.canonical import read_json
from iot_bridge.evidence.errors import EdgeError, EvidenceRefused
from iot_bridge.evidence.kinds import FIELDS
from iot_bridge.evidence.message import (
    StatementMessage,
    device_acknowledgements_topic,
    device_statements_topic,
)
from iot_bridge.evidence.schema import Record, cannot_tell
from iot_bridge.evidence.signature import checksum_address
from iot_bridge.evidence.statement import ZERO32, statement_id
from iot_bridge.link import Link
from iot_bridge.publish import AGAIN_AFTER_S, AcknowledgerUnknown
from iot_bridge.record import Observation, OwnDevice, Writer, wall_clock_ms
from iot_bridge.spool import Position
from iot_bridge.worker import Worker

log: Final = structlog.get_logger("weighbridge")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS ticket (
    seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, entry BLOB NOT NULL, body TEXT NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0);
"""
_LOOK_S: Final = 1
_BATCH: Final = 100
_OPTIONAL: Final = {
    "axle_count": "no axle sensor",
    "zero_drift_g": "the indicator does not say",
    "plate_hash": "no plate was read",
}
_READING: Final = Record(
    {name: each for name, each in FIELDS["weigh.ticket"].items() if name != "net_kg"}, frozenset(_OPTIONAL)
)


class ReadingMalformed(EdgeError):
    """A line from the indicator is no reading: one JSON object with gross_kg and tare_kg, whole kilograms."""

    code = "weighbridge.reading_malformed"


class ReadingImpossible(EdgeError):
    """The indicator read a tare above the gross."""

    code = "weighbridge.reading_impossible"


class AcknowledgementElsewhere(EdgeError):
    """An acknowledgement is for another site, or for no ticket of this weighbridge."""

    code = "weighbridge.acknowledgement_elsewhere"


def ticket_fields(line: str) -> dict[str, Any]:
    """The fields of the ticket for one line from the indicator; what it does not tell says why.

    Raises:
        ReadingMalformed: the line is no reading.
        ReadingImpossible: the tare is above the gross.
    """
    try:
        reading = read_json(line.encode("utf-8"))
        _READING.require(reading, "")
    except EvidenceRefused as error:
        raise ReadingMalformed(why=error.code, **error.facts) from error
    net_kg = reading["gross_kg"] - reading["tare_kg"]
    if net_kg < 0:
        raise ReadingImpossible(gross_kg=reading["gross_kg"], tare_kg=reading["tare_kg"])
    untold = {name: cannot_tell(why) for name, why in _OPTIONAL.items() if name not in reading}
    return {**reading, **untold, "net_kg": net_kg}


class TicketBook:
    """The weighbridge's own spool: each ticket until the bridge has it, and always the last one."""

    def __init__(self, path: Path, *, most_mib: int = 0) -> None:
        self.file: Final = DurableFile(path, _SCHEMA, most_mib=most_mib)

    def write(self, device: OwnDevice, writer: Writer, seen: Observation) -> StatementMessage:
        """Make the device's next ticket and keep it.

        Raises:
            SpoolFull, SpoolBroken, BeaconUnknown: it was not made.
        """
        with self.file.transaction() as connection:
            row = connection.execute("SELECT seq, id FROM ticket ORDER BY seq DESC LIMIT 1").fetchone()
            at = Position(0, ZERO32) if row is None else Position(*row)
            signed, body = writer.write(device, at, seen)
            connection.execute(
                "INSERT INTO ticket (seq, id, entry, body) VALUES (?, ?, ?, ?)",
                (signed.statement.seq, statement_id(signed.statement), signed.entry(), body.text),
            )
        return StatementMessage(writer.site, None, signed.entry(), body.text)

    def waiting(self, site: str, most: int = _BATCH) -> list[StatementMessage]:
        """The oldest tickets that nobody has acknowledged."""
        with self.file.reading() as connection:
            rows = connection.execute(
                "SELECT entry, body FROM ticket WHERE NOT acknowledged ORDER BY seq LIMIT ?", (most,)
            )
            return [StatementMessage(site, None, entry, body) for entry, body in rows]

    def acknowledge(self, ticket: bytes) -> int | None:
        """Let a ticket go; its sequence number, None where there is no such ticket or it went before."""
        with self.file.transaction() as connection:
            row = connection.execute(
                "UPDATE ticket SET acknowledged = 1 WHERE id = ? AND NOT acknowledged RETURNING seq",
                (ticket,),
            ).fetchone()
            connection.execute(
                "DELETE FROM ticket WHERE acknowledged AND seq < (SELECT MAX(seq) FROM ticket)"
            )
        return None if row is None else int(row[0])


class Weighbridge:
    """Takes readings, sends tickets, and hears what the bridge acknowledges."""

    def __init__(
        self,
        book: TicketBook,
        writer: Writer,
        device: OwnDevice,
        link: Link,
        *,
        bridge: str,
        on_acknowledged: Callable[[int], None],
    ) -> None:
        self._book = book
        self._writer = writer
        self._device = device
        self._link = link
        self._bridge = checksum_address(bridge)
        self._on_acknowledged = on_acknowledged
        self._sent_s: dict[bytes, float] = {}
        self.worker: Final = Worker("weighbridge", self._run)
        link.subscribe(device_acknowledgements_topic(writer.site, device.name), self.acknowledged)
        link.when_connected(self._connected)

    def weigh(self, line: str) -> StatementMessage:
        """A line from the indicator as a ticket that is durable and on its way.

        Raises:
            ReadingMalformed, ReadingImpossible: it is no reading.
            SpoolFull, SpoolBroken, BeaconUnknown: no ticket could be made.
        """
        seen = Observation("weigh.ticket", ticket_fields(line), wall_clock_ms())
        message = self._book.write(self._device, self._writer, seen)
        self._send(message)
        return message

    def acknowledged(self, _topic: str, payload: bytes) -> None:
        """Take an acknowledgement off the wire.

        Raises:
            MessageMalformed: it is none.
            AcknowledgerUnknown: it is not by the site's bridge.
            AcknowledgementElsewhere: it is of another site.
        """
        signed = SignedAcknowledgement.parse(payload)
        signer = recover_acknowledger(signed, self._writer.domain)
        if signer != self._bridge:
            raise AcknowledgerUnknown(signer=signer, wanted=self._bridge)
        said = signed.acknowledgement
        if said.site != self._writer.site:
            raise AcknowledgementElsewhere(site=said.site, id="0x" + said.id.hex())
        seq = self._book.acknowledge(said.id)
        if seq is not None:
            self._on_acknowledged(seq)

    def _send(self, message: StatementMessage) -> None:
        topic = device_statements_topic(message.site, self._device.name)
        if self._link.publish(topic, message.to_bytes()):
            self._sent_s[message.entry] = time.monotonic()

    def _connected(self) -> None:
        self._sent_s.clear()
        self.worker.wake()

    def _run(self) -> None:
        while self.worker.goes_on():
            now_s = time.monotonic()
            waiting = self._book.waiting(self._writer.site)
            self._sent_s = {each.entry: self._sent_s.get(each.entry, 0.0) for each in waiting}
            for message in waiting:
                if now_s - self._sent_s[message.entry] >= AGAIN_AFTER_S or not self._sent_s[message.entry]:
                    self._send(message)
            self.worker.pause(_LOOK_S)


def written(message: StatementMessage) -> str:
    """What the program prints of a ticket: one line of JSON."""
    said = message.signed().statement
    return json.dumps({"seq": said.seq, "id": "0x" + statement_id(said).hex(), "net_kg": said.quantity})

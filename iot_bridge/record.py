"""From an observation to a statement that is signed, chained to its device's previous one, and durable.

It refuses to know where observations come from and where statements go.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iot_bridge.evidence.body import Body, Media, write_body
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.evidence.kinds import Unit, quantity_of, require_unit
from iot_bridge.evidence.signature import Signer
from iot_bridge.evidence.statement import ZERO32, EvidenceDomain, SignedStatement, Statement, sign
from iot_bridge.spool import Along, Position, Spool, Taken


class DeviceUnknown(EdgeError):
    """This program holds no key of a device of that name."""

    code = "record.device_unknown"


class BeaconUnknown(EdgeError):
    """No confirmed block of the ledger is known yet, so a statement could not say how old it may be."""

    code = "record.beacon_unknown"


@dataclass(frozen=True, slots=True)
class Beacon:
    """A confirmed block of the ledger."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """A device whose key this program holds."""

    name: str
    key_epoch: int
    signer: Signer


@dataclass(frozen=True, slots=True)
class Observation:
    """What a device perceived, in its kind's fields; `seen_at_ms` is wall-clock milliseconds since 1970."""

    kind: str
    fields: Mapping[str, Any]
    seen_at_ms: int
    subject: bytes = ZERO32
    media: Sequence[Media] = field(default=())


BeaconSource = Callable[[], Beacon]
"""The newest confirmed block known now; raises `BeaconUnknown` before the first."""
Heard = Callable[[Taken], None]
"""Told of each statement after it is durable; must return quickly."""


def wall_clock_ms() -> int:
    """Milliseconds since 1970, UTC, as this machine has them."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes and signs a device's next statement, wherever it is going to be kept."""

    site: str
    domain: EvidenceDomain
    boot: bytes
    beacon: BeaconSource

    def write(self, device: OwnDevice, at: Position, seen: Observation) -> tuple[SignedStatement, Body]:
        """The statement that follows the position, and its body.

        Raises:
            BeaconUnknown: no confirmed block is known yet.
            BodyRefused: the fields are not those of the kind.
        """
        newest = self.beacon()
        body = write_body(seen.kind, seen.fields, boot=self.boot, media=seen.media)
        unit = Unit(seen.subject, quantity_of(seen.kind, body.fields))
        require_unit(seen.kind, body.fields, unit)
        statement = Statement(
            site=self.site,
            device=device.name,
            key_epoch=device.key_epoch,
            seq=at.seq + 1,
            prev=at.last_id,
            seen_at_ms=seen.seen_at_ms,
            beacon_block=newest.number,
            beacon_hash=newest.hash,
            kind=seen.kind,
            subject=unit.subject,
            quantity=unit.quantity,
            body=body.hash,
        )
        return sign(statement, device.signer, self.domain), body


class Recorder:
    """Records what the bridge's own devices observe; listeners hear of each statement once it is durable."""

    def __init__(self, spool: Spool, writer: Writer, devices: Sequence[OwnDevice]) -> None:
        self._spool: Final = spool
        self._writer: Final = writer
        self._devices: Final = {device.name: device for device in devices}
        self._listeners: Final[list[Heard]] = []

    def listen(self, heard: Heard) -> None:
        """Tell `heard` of every statement from now on."""
        self._listeners.append(heard)

    def record(self, device: str, seen: Observation, along: Along | None = None) -> Taken:
        """Take the observation as the device's next statement, `along` with it in one transaction.

        Raises:
            DeviceUnknown: no key of that device is held here.
            BeaconUnknown: no confirmed block is known yet.
            SpoolFull, SpoolBroken: it was not taken.
        """
        own = self._devices.get(device)
        if own is None:
            raise DeviceUnknown(device=device)
        taken = self._spool.extend(device, lambda at: self._writer.write(own, at, seen), along)
        self.tell(taken)
        return taken

    def tell(self, taken: Taken) -> None:
        """Let the listeners hear of a statement, recorded here or taken from another device."""
        for heard in self._listeners:
            heard(taken)

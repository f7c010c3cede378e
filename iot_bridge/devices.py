"""Statements of devices that sign for themselves: checked whole, taken into the site's log, acknowledged."""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from iot_bridge.evidence.acknowledgement import Acknowledgement, acknowledge
from iot_bridge.evidence.body import require_body
from iot_bridge.evidence.errors import EdgeError, MessageSiteDiffers
from iot_bridge.evidence.message import (
    StatementMessage,
    device_acknowledgements_topic,
    device_statements_topic,
)
from iot_bridge.evidence.signature import Signer, checksum_address
from iot_bridge.evidence.statement import EvidenceDomain, SignedStatement, recover
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.link import Link
from iot_bridge.record import Recorder
from iot_bridge.spool import SequenceTaken, Spool, Taken
from iot_bridge.yard import note

log: Final = structlog.get_logger("devices")


class DeviceNotOurs(EdgeError):
    """No device of that name and key epoch belongs to this bridge."""

    code = "devices.not_ours"


class SignedByAnother(EdgeError):
    """The statement is not signed by the key that the bridge knows for its device."""

    code = "devices.signed_by_another"


class KindNotOfDevice(EdgeError):
    """The device is not one that makes statements of this kind."""

    code = "devices.kind_not_of_device"


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device outside this program: the address of its key in one epoch, and the kinds it may state."""

    name: str
    key_epoch: int
    address: str
    kinds: frozenset[str]


class Intake:
    """Takes devices' statements from the broker into the site's log."""

    def __init__(
        self,
        spool: Spool,
        recorder: Recorder,
        link: Link,
        *,
        known: Sequence[KnownDevice],
        domain: EvidenceDomain,
        bridge: Signer,
        store: EvidenceStore,
    ) -> None:
        self._spool = spool
        self._recorder = recorder
        self._link = link
        self._known = {(each.name, each.key_epoch): each for each in known}
        self._domain = domain
        self._bridge = bridge
        self._store = store
        link.subscribe(device_statements_topic(spool.identity.site, "+"), self.received)

    def received(self, _topic: str, payload: bytes) -> None:
        """Take a device's message off the wire, and acknowledge its statement once it is durable.

        Raises:
            SequenceTaken: the device said something else before; the message is kept as proof of it.
            EdgeError: the message, the statement or its body is refused; the device keeps its copy.
        """
        try:
            taken = self.take(StatementMessage.parse(payload))
        except SequenceTaken as twice:
            log.critical("device_says_two_things", kept=self._kept(payload), **twice.facts)
            raise
        self._acknowledge(taken)
        if taken.is_new:
            self._recorder.tell(taken)

    def take(self, message: StatementMessage) -> Taken:
        """The device's statement, durable at its place in the site's log; one taken before stays where it is.

        Raises:
            MessageSiteDiffers: it is for another site.
            DeviceNotOurs, SignedByAnother, KindNotOfDevice: not by a device of this bridge.
            SequenceTaken: the device said something else under this sequence number.
            StatementRefused, BodyRefused: the statement or its body is not of its one form.
        """
        signed = message.signed()
        if message.site != self._spool.identity.site:
            raise MessageSiteDiffers(message=message.site, statement=self._spool.identity.site)
        self._require_ours(signed)
        require_body(signed.statement, message.body)
        return self._spool.admit(signed, message.body, note)

    def _kept(self, proof: bytes) -> str:
        """The proof's name in the store; without room none, and the device says it again until then."""
        try:
            return self._store.put(proof)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            log.critical("evidence_store_full")
            return ""

    def _require_ours(self, signed: SignedStatement) -> None:
        said = signed.statement
        known = self._known.get((said.device, said.key_epoch))
        if known is None:
            raise DeviceNotOurs(device=said.device, key_epoch=said.key_epoch)
        signer = recover(signed, self._domain)
        if signer != checksum_address(known.address):
            raise SignedByAnother(device=said.device, signer=signer, known=known.address)
        if said.kind not in known.kinds:
            raise KindNotOfDevice(device=said.device, kind=said.kind)

    def _acknowledge(self, taken: Taken) -> None:
        site, size = self._spool.identity.site, self._spool.size()
        said = Acknowledgement(site, taken.id, taken.index, size, self._spool.root(size))
        device = taken.signed.statement.device
        self._link.publish(
            device_acknowledgements_topic(site, device),
            acknowledge(said, self._bridge, self._domain).to_bytes(),
        )
        log.info("statement_taken", device=device, seq=taken.signed.statement.seq, index=taken.index)

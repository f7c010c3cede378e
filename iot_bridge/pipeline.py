"""The bridge: `capture → perceive → record → spool → publish ∥ anchor`, the fusion beside; joined here only.

1. The ledger's deployment, the keys and the spool are opened; a spool of another log, or in use, stops it.
2. Publishing, anchoring and the intake of other devices' statements begin.
3. Capture begins once a confirmed block is known and the ledger's head, if it can be had, is one of this log.
4. A part that fails ends the whole program: what is durable is taken up at the next start.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from contracts.deploy import Deployment
from contracts.keystore import Keystore
from contracts.rpc import Rpc
from iot_bridge.anchor import Anchor
from iot_bridge.beacon import BeaconKeeper
from iot_bridge.camera import GateCamera
from iot_bridge.devices import Intake, KnownDevice
from iot_bridge.evidence.body import new_boot
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.evidence.signature import LocalKey, checksum_address
from iot_bridge.evidence.statement import EvidenceDomain
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.fuse import Rules
from iot_bridge.fusing import Fusion
from iot_bridge.ledger import SiteLedger
from iot_bridge.link import BrokerAddress, Certificates, Link
from iot_bridge.publish import Publisher
from iot_bridge.record import OwnDevice, Recorder, Writer
from iot_bridge.settings import BridgeSettings, CameraSettings, EdgeSettings, FusionSettings
from iot_bridge.spool import LogIdentity, Spool
from iot_bridge.yard import Yard

log: Final = structlog.get_logger("bridge")
_LOOK_S: Final = 0.2
_LEDGER_PATIENCE_S: Final = 10


class PartFailed(EdgeError):
    """A part of the bridge ended that must not; the bridge stops and keeps what it has."""

    code = "bridge.part_failed"


@dataclass(frozen=True, slots=True)
class Ground:
    """What every program of the edge stands on: where statements are valid, and its keys."""

    deployment: Deployment
    domain: EvidenceDomain
    keystore: Keystore

    @classmethod
    def of(cls, settings: EdgeSettings) -> "Ground":
        """Read the deployment and open the keystore.

        Raises:
            OSError: the deployment file cannot be read.
        """
        deployment = Deployment.load(settings.deployment)
        return cls(
            deployment,
            EvidenceDomain(deployment.chain_id, deployment.addresses["PartyRegistry"]),
            Keystore(settings.keystore, settings.keystore_password.get_secret_value()),
        )

    def device(self, name: str, key_epoch: int) -> OwnDevice:
        """A device whose key the keystore holds under its name.

        Raises:
            KeyUnknown, KeyNotOpened: it does not.
        """
        return OwnDevice(name, key_epoch, LocalKey(self.keystore.key(name)))


def broker_of(settings: EdgeSettings) -> BrokerAddress:
    """Where the broker is, and who we are to it."""
    return BrokerAddress(
        settings.broker_host,
        settings.broker_port,
        settings.broker_user,
        settings.broker_password.get_secret_value(),
        _certificates_of(settings),
    )


def _certificates_of(settings: EdgeSettings) -> Certificates | None:
    ca, certificate, key = settings.broker_ca, settings.broker_certificate, settings.broker_key
    if ca is None or certificate is None or key is None:
        return None
    return Certificates(ca, certificate, key)


def spool_file(settings: BridgeSettings) -> Path:
    """Where a bridge's spool is."""
    return settings.data / "spool.sqlite"


class Bridge:
    """One site's bridge with all its parts; `run` until told to stop."""

    def __init__(self, settings: BridgeSettings) -> None:
        ground = Ground.of(settings)
        identity = LogIdentity(
            ground.deployment.chain_id, ground.deployment.addresses["EvidenceLog"], settings.site
        )
        key = ground.keystore.key(settings.bridge_key)
        self._settings = settings
        self.spool: Final = Spool(spool_file(settings), identity, most_mib=settings.spool_most_mib)
        self.yard: Final = Yard(self.spool)
        self.store: Final = EvidenceStore(settings.media())
        self.beacon: Final = BeaconKeeper(self.spool.file)
        self.recorder: Final = Recorder(
            self.spool,
            Writer(settings.site, ground.domain, new_boot(), self.beacon),
            _own_devices(settings, ground),
        )
        self.link: Final = Link(broker_of(settings), f"{settings.site}-bridge")
        self.publisher: Final = Publisher(
            self.spool,
            self.link,
            domain=ground.domain,
            acknowledger=checksum_address(settings.acknowledger),
        )
        self.anchor: Final = Anchor(
            self.spool,
            SiteLedger(
                Rpc(settings.ledger_url),
                settings.data / "acts.sqlite",
                key,
                evidence_log=identity.evidence_log,
                site=settings.site,
            ),
            self.beacon,
            every_s=settings.anchor_every_s,
            urgent=frozenset(settings.urgent_kinds),
        )
        self.intake: Final = Intake(
            self.spool,
            self.recorder,
            self.link,
            known=[KnownDevice(e.device, e.key_epoch, e.address, e.kinds) for e in settings.devices],
            domain=ground.domain,
            bridge=LocalKey(key),
            store=self.store,
        )
        self.fusion: Final = None if settings.fusion is None else self._fusion(settings.fusion)
        self.cameras: Final = [self._camera(each) for each in settings.cameras]
        self._listen()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set.

        Raises:
            PartFailed: a part ended that must not.
            LinkFailed: a message was neither taken nor refused.
        """
        with self._running():
            if not self._wait_for_ledger(stop):
                return
            if self.fusion is not None:
                self.fusion.worker.start()
            for camera in self.cameras:
                camera.worker.start()
            log.info("bridge_started", site=self._settings.site, cameras=len(self.cameras))
            while not stop.wait(_LOOK_S):
                self._require_well()
                for camera in self.cameras:
                    camera.state_health(time.monotonic())

    def _camera(self, camera: CameraSettings) -> GateCamera:
        return GateCamera(
            camera,
            self.recorder,
            self.spool,
            self.store,
            unwatched_after_s=self._settings.unwatched_after_s,
            health_every_s=self._settings.health_every_s,
        )

    def _fusion(self, fusion: FusionSettings) -> Fusion:
        key = self._settings.fingerprint_key
        if key is None:
            raise PartFailed(part="fusion", why="no fingerprint_key")
        return Fusion(
            self.yard,
            self.recorder,
            device=fusion.device,
            rules=Rules(window_ms=fusion.window_s * 1000, mass_tolerance_bps=fusion.mass_tolerance_bps),
            advices=self._settings.advice_folder(),
            key=bytes.fromhex(key.get_secret_value().removeprefix("0x")),
        )

    def _listen(self) -> None:
        """Publish first: an alert at the bank waits for nothing else."""
        self.recorder.listen(self.publisher.heard)
        self.recorder.listen(self.anchor.heard)
        if self.fusion is not None:
            self.recorder.listen(self.fusion.heard)

    @contextmanager
    def _running(self) -> Iterator[None]:
        self.link.start()
        self.publisher.worker.start()
        self.anchor.worker.start()
        try:
            yield
        finally:
            for camera in self.cameras:
                camera.stop()
            if self.fusion is not None:
                self.fusion.worker.stop()
            self.anchor.worker.stop()
            self.publisher.worker.stop()
            self.link.stop()
            self.spool.close()
            log.info("bridge_stopped", site=self._settings.site)

    def _wait_for_ledger(self, stop: threading.Event) -> bool:
        """Wait for the ledger's word on this log; without a node only as long as a first start needs."""
        begun_s = time.monotonic()
        while not self.anchor.has_looked.is_set():
            self._require_well()
            if self.beacon.is_known() and time.monotonic() - begun_s > _LEDGER_PATIENCE_S:
                log.warning("started_without_ledger", beacon=self.beacon().number)
                break
            if stop.wait(_LOOK_S):
                return False
        return True

    def _require_well(self) -> None:
        self.link.require_well()
        workers = [self.publisher.worker, self.anchor.worker, *(camera.worker for camera in self.cameras)]
        if self.fusion is not None:
            workers.append(self.fusion.worker)
        for worker in workers:
            if worker.failure is not None:
                raise PartFailed(part=worker.name, why=str(worker.failure)) from worker.failure


def _own_devices(settings: BridgeSettings, ground: Ground) -> list[OwnDevice]:
    own = [ground.device(each.device, each.key_epoch) for each in settings.cameras]
    if settings.fusion is not None:
        own.append(ground.device(settings.fusion.device, settings.fusion.key_epoch))
    return own

"""What tests of the edge share: a site, its keys, a spool, and observations to record."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from iot_bridge.evidence.body import new_boot
from iot_bridge.evidence.schema import cannot_tell
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import EvidenceDomain
from iot_bridge.record import Beacon, Observation, OwnDevice, Recorder, Writer
from iot_bridge.spool import LogIdentity, Spool

SITE: Final = "wuxi-yard-1"
DOMAIN: Final = EvidenceDomain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
IDENTITY: Final = LogIdentity(31337, "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512", SITE)
CAMERA: Final = OwnDevice("gate-cam-1", 1, LocalKey(b"\x01" * 32))
SCALE: Final = OwnDevice("weighbridge-1", 1, LocalKey(b"\x02" * 32))
FUSION: Final = OwnDevice("fusion-1", 1, LocalKey(b"\x03" * 32))
BRIDGE_NAME: Final = "bridge-1"
BRIDGE: Final = LocalKey(b"\x04" * 32)
BANK: Final = LocalKey(b"\x05" * 32)
BEACON: Final = Beacon(7, b"\x77" * 32)


def crossing(at_ms: int, direction: str = "in", tags: tuple[int, ...] = (), **changed: Any) -> Observation:
    """A crossing of the gate, confident unless something else is said."""
    fields = {
        "direction": direction,
        "track": 1,
        "tags": list(tags),
        "confidence_bps": 9900,
        "count_certain": True,
        "frames": [],
        "pipeline": "0x" + "9a" * 32,
        "reasons": [],
    }
    return Observation("gate.crossing", {**fields, **changed}, at_ms)


def ticket(at_ms: int, net_kg: int) -> Observation:
    """A weighing of that much."""
    fields = {
        "gross_kg": net_kg + 15_000,
        "tare_kg": 15_000,
        "net_kg": net_kg,
        "axle_count": cannot_tell("no axle sensor"),
        "zero_drift_g": 0,
        "plate_hash": cannot_tell("no plate was read"),
    }
    return Observation("weigh.ticket", fields, at_ms)


@dataclass
class Edge:
    """A spool in a folder, and who records into it."""

    folder: Path
    spool: Spool = field(init=False)
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self, *, most_mib: int = 0) -> None:
        """Open the spool, as a start of the bridge does."""
        self.spool = Spool(self.folder / "spool.sqlite", IDENTITY, most_mib=most_mib)
        self.recorder = Recorder(self.spool, writer(), [CAMERA, SCALE, FUSION])

    def restart(self) -> None:
        """Close and open, with a new boot."""
        self.spool.close()
        self.open()


def writer() -> Writer:
    """A writer of a fresh boot, which knows one confirmed block."""
    return Writer(SITE, DOMAIN, new_boot(), lambda: BEACON)

"""A site as tests need it: enrolled devices with real keys, whose statements go into one real log."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine

from backend.chain.rules import LedgerEvent
from backend.db import transaction
from backend.parties import projection as parties
from iot_bridge.evidence.body import write_body
from iot_bridge.evidence.log import Log, genesis_entry, leaf_hash
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import EvidenceDomain, Statement, name32, sign, statement_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CHAIN_ID = 7_321
REGISTRY = "0x" + "11" * 20
EVIDENCE_LOG = "0x" + "22" * 20
DOMAIN = EvidenceDomain(CHAIN_ID, REGISTRY)
BANK, OPERATOR, INSPECTOR, DEPOSITOR = (name32(n) for n in ("bank", "operator", "inspector", "depositor"))
BOOT = bytes(range(16))
BEACON = 40


def block_hash(number: int) -> bytes:
    """The hash of a block of the tests' ledger."""
    return sha256(b"block %d" % number).digest()


def event(contract: str, name: str, *, block: int = 1, index: int = 0, **args: Any) -> LedgerEvent:
    """A confirmed event, as the follower gives it."""
    return LedgerEvent(contract, name, args, block, block_hash(block), index, bytes(32), NOON)


def crossing(direction: str, *tags: int) -> dict[str, Any]:
    """The fields of a gate crossing."""
    return {
        "direction": direction,
        "track": 1,
        "tags": list(tags),
        "confidence_bps": 9_700,
        "count_certain": True,
        "frames": [],
        "pipeline": "0x" + "ab" * 32,
        "reasons": [],
    }


def ticket(net_kg: int) -> dict[str, Any]:
    """The fields of a weighing."""
    return {
        "gross_kg": net_kg + 15_000,
        "tare_kg": 15_000,
        "net_kg": net_kg,
        "axle_count": {"cannot_tell": "not measured"},
        "zero_drift_g": 0,
        "plate_hash": {"cannot_tell": "not read"},
    }


def movement(mass_kg: int, *rests_on: bytes) -> dict[str, Any]:
    """The fields of a movement that rests on these statements."""
    return {
        "mass_kg": mass_kg,
        "identified_by": "tag",
        "tag": 7,
        "from_ms": 0,
        "to_ms": 0,
        "rests_on": ["0x" + each.hex() for each in rests_on],
        "contributions": [],
        "sum_milli_nats": 7_000,
        "accept_milli_nats": 5_000,
        "rules": "v1",
    }


@dataclass
class Device:
    """A device that signs what it says, in its own unbroken chain."""

    name: str
    host: bytes
    commissioner: bytes
    site: str = "yard.one"
    key: LocalKey | None = None
    domain: EvidenceDomain = DOMAIN
    epoch: int = 1
    seq: int = 0
    prev: bytes = bytes(32)

    def __post_init__(self) -> None:
        self.key = self.key or LocalKey(sha256(self.name.encode()).digest())

    def says(self, kind: str, fields: dict[str, Any], **header: Any) -> StatementMessage:
        """The next statement, as it goes to the bridge; `header` overrides what the device would write."""
        salt = sha256(f"{self.name}{self.seq}".encode()).digest()[:16]
        body = write_body(kind, fields, boot=BOOT, media=header.pop("media", ()), salt=salt)
        quantity = fields.get("mass_kg", fields.get("net_kg", 0))
        written = {
            "site": self.site,
            "device": self.name,
            "key_epoch": self.epoch,
            "seq": self.seq + 1,
            "prev": self.prev,
            "seen_at_ms": int(NOON.timestamp() * 1000),
            "beacon_block": BEACON,
            "beacon_hash": block_hash(BEACON),
            "kind": header.pop("as_kind", kind),
            "subject": bytes(32),
            "quantity": quantity,
            "body": body.hash,
        }
        said = Statement(**written | header)
        self.seq, self.prev = said.seq, statement_id(said)
        return StatementMessage(self.site, None, sign(said, self.key, self.domain).entry(), body.text)


@dataclass
class Site:
    """A site whose log takes statements in the order in which they are recorded."""

    name: str = "yard.one"
    chain_id: int = CHAIN_ID
    evidence_log: str = EVIDENCE_LOG
    log: Log = field(default_factory=Log)
    entries: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        genesis = genesis_entry(chain_id=self.chain_id, evidence_log=self.evidence_log, site=self.name)
        self.entries.append(genesis)
        self.log.append(genesis)

    @property
    def id(self) -> bytes:
        return name32(self.name)

    @property
    def genesis(self) -> bytes:
        return leaf_hash(self.entries[0])

    def record(self, message: StatementMessage) -> StatementMessage:
        """The message with its place in the site's log."""
        self.entries.append(message.entry)
        index = self.log.append(message.entry)
        return StatementMessage(message.site, index, message.entry, message.body)

    def opened(self, block: int = 10) -> LedgerEvent:
        return event("EvidenceLog", "LogOpened", block=block, site=self.id, epoch=1, root=self.genesis)

    def anchored(self, size: int | None = None, *, block: int = 50, root: bytes | None = None) -> LedgerEvent:
        size = size or self.log.size
        facts = {"site": self.id, "epoch": 1, "size": size, "root": root or self.log.root(size)}
        return event("EvidenceLog", "HeadAnchored", block=block, **facts)

    def witnessed(self, size: int | None = None, *, block: int = 55) -> LedgerEvent:
        size = size or self.log.size
        facts = {"site": self.id, "size": size, "root": self.log.root(size), "by": BANK}
        return event("EvidenceLog", "HeadWitnessed", block=block, **facts)


def id_of(message: StatementMessage) -> bytes:
    """The id of the statement inside."""
    return statement_id(message.signed().statement)


def enrol(engine: Engine, *devices: Device, site: str = "yard.one") -> None:
    """Let the registry's confirmed events enrol a site, the parties, and these devices."""
    events = [
        event("PartyRegistry", "PartyEnrolled", party=party, account="0x" + party.hex()[:40], **grants)
        for party, grants in (
            (BANK, {"capacities": 4, "identity": bytes(32)}),
            (OPERATOR, {"capacities": 2, "identity": bytes(32)}),
            (INSPECTOR, {"capacities": 8, "identity": bytes(32)}),
            (DEPOSITOR, {"capacities": 1, "identity": bytes(32)}),
        )
    ]
    events.append(
        event(
            "PartyRegistry",
            "SiteEnrolled",
            site=name32(site),
            operator=OPERATOR,
            bridge="0x" + "b1" * 20,
            licence=bytes(32),
            licensedUntil=2_000_000_000,
            maxAgeBlocks=1_000,
        )
    )
    events += [enrolment(device) for device in devices]
    with transaction(engine) as session:
        for each in events:
            parties.project(session, each)


def enrolment(device: Device) -> LedgerEvent:
    """The registry's event that enrols a device with its first key."""
    return event(
        "PartyRegistry",
        "DeviceEnrolled",
        device=name32(device.name),
        site=name32(device.site),
        host=device.host,
        commissioner=device.commissioner,
        key=device.key.address,
        epoch=device.epoch,
        calibratedUntil=2_000_000_000,
    )

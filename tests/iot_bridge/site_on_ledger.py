"""A site enrolled on an embedded ledger, its log not opened yet, for tests of what the bridge does there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.rpc import Rpc
from iot_bridge.anchor import Anchor
from iot_bridge.beacon import BeaconKeeper
from iot_bridge.evidence.body import new_boot
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import EvidenceDomain, name32
from iot_bridge.ledger import SiteLedger
from iot_bridge.record import OwnDevice, Recorder, Writer
from iot_bridge.spool import LogIdentity, Spool
from tests.support.ledger import LedgerInTests
from tests.support.ledger_acts import Ledger
from tests.support.ledger_life import (
    BRIDGE,
    FUSION,
    LENDER,
    OPERATOR,
    SITE,
    YEAR_S,
    enrol_everybody,
    hash_of,
)
from tests.support.ledger_node import Node

URGENT: Final = frozenset({"movement.in", "gate.crossing"})


@dataclass
class SiteOnLedger:
    """The ledger, everybody enrolled on it, and what the bridge needs of it."""

    chain: LedgerInTests
    ledger: Ledger

    @classmethod
    def on(cls, chain: LedgerInTests) -> "SiteOnLedger":
        """Deploy the contracts and enrol everybody."""
        ledger = Ledger.on(Node(chain))
        enrol_everybody(ledger)
        until = ledger.chain.now + YEAR_S
        enrol = ("enroller", "PartyRegistry")
        licence = [ledger.address(BRIDGE), hash_of("licence"), until, 600]
        ledger.act(*enrol, "enrolSite", name32(SITE), name32(OPERATOR), *licence)
        hosts = [name32(SITE), name32(OPERATOR), name32(LENDER)]
        ledger.act(*enrol, "enrolDevice", name32(FUSION), *hosts, ledger.address(FUSION), until)
        return cls(chain, ledger)

    @property
    def domain(self) -> EvidenceDomain:
        """Where statements are valid."""
        return EvidenceDomain(self.ledger.chain.chain_id, self.ledger.at("PartyRegistry"))

    @property
    def identity(self) -> LogIdentity:
        """Which log this is."""
        return LogIdentity(self.ledger.chain.chain_id, self.ledger.at("EvidenceLog"), SITE)

    def head(self) -> dict[str, Any]:
        """The newest head on the ledger."""
        found: dict[str, Any] = self.ledger.ask("EvidenceLog", "latestHead", name32(SITE))
        return found

    def witness(self) -> None:
        """Let the lender witness the newest head."""
        head = self.head()
        self.ledger.act(LENDER, "EvidenceLog", "witness", name32(SITE), head["size"], head["root"])


class BridgeOnLedger:
    """A spool, a recorder for the fusion device, and the anchoring: what a start of the bridge opens."""

    def __init__(
        self, site: SiteOnLedger, folder: Path, *, every_s: int = 30, url: str | None = None
    ) -> None:
        self.spool = Spool(folder / "spool.sqlite", site.identity)
        self.beacon = BeaconKeeper(self.spool.file)
        key = site.ledger.chain.key
        device = OwnDevice(FUSION, 1, LocalKey(key(FUSION)))
        self.recorder = Recorder(self.spool, Writer(SITE, site.domain, new_boot(), self.beacon), [device])
        self.ledger = SiteLedger(
            Rpc(url or site.chain.url),
            folder / "acts.sqlite",
            key(BRIDGE),
            evidence_log=site.ledger.at("EvidenceLog"),
            site=SITE,
        )
        self.anchor = Anchor(self.spool, self.ledger, self.beacon, every_s=every_s, urgent=URGENT)
        self.recorder.listen(self.anchor.heard)

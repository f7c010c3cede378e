"""A whole life on the ledger, step by step: enrol, record, issue, pledge, release, deliver, close.

Everybody is played by a key of that name. Each step uses the real formats and the real contracts; a test
takes the steps up to where its own question begins. `LedgerLife.begin(Evm())` costs a fraction of a second,
a copy of it next to nothing; `LedgerLife.begin(Node(chain))` lives on the embedded node.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from contracts.acts import two_persons
from iot_bridge.evidence.log import Log, genesis_entry
from iot_bridge.evidence.statement import (
    EvidenceDomain,
    SignedStatement,
    Statement,
    name32,
    sign,
    statement_id,
)
from tests.support.evm import Evm
from tests.support.ledger_acts import Acted, Chain, Ledger

DEPOSITOR: Final = "wuxi-steel"
OPERATOR: Final = "taihu-storage"
LENDER: Final = "lake-bank"
INSPECTOR: Final = "plain-inspection"
PARTIES: Final = {DEPOSITOR: 1, OPERATOR: 2, LENDER: 4, INSPECTOR: 8}
"""Party → capacity. Each acts by the key of its name; `lake-bank.first`, `….second` sign for it."""
SITE: Final = "wuxi-yard-1"
BRIDGE: Final = "bridge.1"
FUSION: Final = "wuxi-fusion-1"
BAY: Final = name32("bay-a")
COMMODITY: Final = name32("steel.coil")
GRADE: Final = name32("q235b")
YEAR_S: Final = 365 * 24 * 3600
HOUR_S: Final = 3600
ZERO: Final = bytes(32)


def hash_of(text: str) -> bytes:
    """Some 32 bytes that stand for what this text names."""
    return sha256(text.encode()).digest()


@dataclass(slots=True)
class Site:
    """A site's bridge: its device's statements, its log, its heads."""

    ledger: Ledger
    log: Log
    name: str = SITE
    operator: str = OPERATOR
    bridge: str = BRIDGE
    fusion: str = FUSION
    entries: list[SignedStatement] = field(default_factory=list)
    seq: int = 0
    prev: bytes = ZERO

    @classmethod
    def open(
        cls,
        ledger: Ledger,
        *,
        name: str = SITE,
        operator: str = OPERATOR,
        bridge: str = BRIDGE,
        fusion: str = FUSION,
    ) -> Site:
        """Enrol a site of an enrolled operator with its fusion device, and open its log."""
        until = ledger.chain.now + YEAR_S
        enrol = ("enroller", "PartyRegistry")
        facts = [ledger.address(bridge), hash_of("licence"), until, 600]
        ledger.act(*enrol, "enrolSite", name32(name), name32(operator), *facts)
        hosts = [name32(name), name32(operator), name32(LENDER)]
        ledger.act(*enrol, "enrolDevice", name32(fusion), *hosts, ledger.address(fusion), until)
        ledger.act(bridge, "EvidenceLog", "openLog", name32(name))
        log, chain = Log(), ledger.chain
        log.append(genesis_entry(chain_id=chain.chain_id, evidence_log=ledger.at("EvidenceLog"), site=name))
        return cls(ledger, log, name, operator, bridge, fusion)

    def see(self, kind: str, subject: bytes, kg: int, *, signer: str = "", **changes: Any) -> int:
        """Let the fusion device state something, `changes` being fields to state instead; its index."""
        chain = self.ledger.chain
        beacon = chain.block_number
        self.seq += 1
        facts: dict[str, Any] = {
            "site": self.name,
            "device": self.fusion,
            "key_epoch": 1,
            "seq": self.seq,
            "prev": self.prev,
            "seen_at_ms": chain.now * 1000,
            "beacon_block": beacon,
            "beacon_hash": chain.block_hash(beacon),
            "kind": kind,
            "subject": subject,
            "quantity": kg,
            "body": hash_of(f"body {self.seq}"),
        }
        return self.take(sign(Statement(**(facts | changes)), chain.key(signer or self.fusion), self.domain))

    def take(self, signed: SignedStatement) -> int:
        """Put a signed statement into the log; its index."""
        self.prev = statement_id(signed.statement)
        self.entries.append(signed)
        return self.log.append(signed.entry())

    @property
    def domain(self) -> EvidenceDomain:
        """The domain of this ledger's statements."""
        return EvidenceDomain(self.ledger.chain.chain_id, self.ledger.at("PartyRegistry"))

    def anchor(self) -> Acted:
        """Anchor all that is in the log."""
        head = self.ledger.ask("EvidenceLog", "latestHead", name32(self.name))
        proof = self.log.consistency_proof(head["size"])
        return self.ledger.act(
            self.bridge, "EvidenceLog", "anchor", name32(self.name), self.log.size, self.log.root(), proof
        )

    def witness(self, by: str = LENDER) -> Acted:
        """Witness the newest head."""
        head = self.ledger.ask("EvidenceLog", "latestHead", name32(self.name))
        return self.ledger.act(by, "EvidenceLog", "witness", name32(self.name), head["size"], head["root"])

    def evidence(self, index: int, *, size: int | None = None) -> dict[str, Any]:
        """The `Evidence` of the statement at `index`, by the head of that size, else by the newest one."""
        head = size or self.ledger.ask("EvidenceLog", "latestHead", name32(self.name))["size"]
        signed = self.entries[index - 1]
        return {
            "statement": statement_argument(signed.statement),
            "signature": signed.signature,
            "index": index,
            "headSize": head,
            "proof": self.log.inclusion_proof(index, head),
        }


def statement_argument(statement: Statement) -> dict[str, Any]:
    """A statement as the contracts take it."""
    return {
        "site": name32(statement.site),
        "device": name32(statement.device),
        "keyEpoch": statement.key_epoch,
        "seq": statement.seq,
        "prev": statement.prev,
        "seenAtMs": statement.seen_at_ms,
        "beaconBlock": statement.beacon_block,
        "beaconHash": statement.beacon_hash,
        "kind": name32(statement.kind),
        "subject": statement.subject,
        "quantity": statement.quantity,
        "body": statement.body,
    }


@dataclass(slots=True)
class LedgerLife:
    """The ledger with everybody enrolled and the site's log open; each method is one more step."""

    ledger: Ledger
    site: Site
    nonces: int = 0

    @classmethod
    def begin(cls, chain: Chain) -> LedgerLife:
        """Deploy, enrol parties, persons, site and device, and open the log."""
        ledger = Ledger.on(chain)
        enrol_everybody(ledger)
        return cls(ledger, Site.open(ledger))

    def copy(self) -> LedgerLife:
        """A life of its own that has come as far; only on an `Evm`."""
        chain = self.ledger.chain
        assert isinstance(chain, Evm)
        ledger = self.ledger.copy_on(chain.copy())
        kept = {"log": copy.deepcopy(self.site.log), "entries": list(self.site.entries)}
        return LedgerLife(ledger, replace(self.site, ledger=ledger, **kept), self.nonces)

    def request(self, masses: dict[str, int], **changes: Any) -> int:
        """Let the depositor ask for a receipt over pieces (name → kg); the request's id."""
        terms = {
            "site": name32(self.site.name),
            "bay": BAY,
            "commodity": COMMODITY,
            "grade": GRADE,
            "massKg": sum(masses.values()),
            "fingerprints": [hash_of(name) for name in masses],
            "document": hash_of("document of " + " ".join(masses)),
            "representations": hash_of("representations"),
        }
        acted = self.ledger.act(DEPOSITOR, "ReceiptRegistry", "requestIssue", terms | changes)
        return int(acted.one("IssueRequested")["requestId"])

    def take_in(self, masses: dict[str, int]) -> list[dict[str, Any]]:
        """Let pieces (name → kg) be seen coming in, anchored and witnessed; the evidence for it."""
        indices = [self.site.see("movement.in", hash_of(name), kg) for name, kg in masses.items()]
        return self.settled(indices)

    def settled(self, indices: list[int]) -> list[dict[str, Any]]:
        """Anchor and witness the log; the evidence of these entries."""
        self.site.anchor()
        self.site.witness()
        return [self.site.evidence(index) for index in indices]

    def issue(self, masses: dict[str, int]) -> int:
        """Take pieces (name → kg) in and issue a receipt over them; its id."""
        movements = self.take_in(masses)
        request = self.request(masses)
        document = hash_of("document of " + " ".join(masses))
        acted = self.ledger.act(self.site.operator, "ReceiptRegistry", "issue", request, document, movements)
        return int(acted.one("ReceiptIssued")["receiptId"])

    def endorse(self, receipts: list[int], *, expires_in_s: int = 24 * HOUR_S) -> int:
        """Let the depositor offer receipts in pledge to the lender; the pledge's id."""
        expires_at = self.ledger.chain.now + expires_in_s
        acted = self.ledger.act(
            DEPOSITOR, "PledgeRegistry", "endorse", receipts, name32(LENDER), hash_of("terms"), expires_at
        )
        return int(acted.one("PledgeEndorsed")["pledgeId"])

    def attorn(self, pledge: int) -> Acted:
        """Let the operator acknowledge that it holds for the lender."""
        return self.ledger.act(self.site.operator, "PledgeRegistry", "attorn", pledge, hash_of("terms"))

    def register(self, pledge: int) -> Acted:
        """Let the lender record its filing and search."""
        filing, search = hash_of("filing"), hash_of("search")
        return self.ledger.act(
            LENDER, "PledgeRegistry", "register", pledge, hash_of("terms"), filing, 1_790_000_000, search
        )

    def accept(self, pledge: int) -> Acted:
        """Let the lender's two persons accept; control moves."""
        signed = self.signed("PledgeRegistry", "Acceptance", {"pledge": pledge, "terms": hash_of("terms")})
        return self.ledger.act(LENDER, "PledgeRegistry", "accept", pledge, hash_of("terms"), signed)

    def pledge(self, receipts: list[int]) -> int:
        """Take every step until the pledge is effective; its id."""
        pledge = self.endorse(receipts)
        self.attorn(pledge)
        self.register(pledge)
        self.accept(pledge)
        return pledge

    def release_terms(self, receipt: int, kg: int, **changes: Any) -> dict[str, Any]:
        """Terms of an order for that mass, open from now for an hour, to the depositor."""
        now = self.ledger.chain.now
        return {
            "receipt": receipt,
            "massKg": kg,
            "gate": name32("gate-north"),
            "opensAt": now,
            "closesAt": now + HOUR_S,
            "to": name32(DEPOSITOR),
            "content": self.content(receipt),
        } | changes

    def order(self, receipt: int, kg: int, **changes: Any) -> int:
        """Let whoever controls the receipt order that mass released; the order's id."""
        terms = self.release_terms(receipt, kg, **changes)
        if self.ledger.ask("ReceiptRegistry", "pledgeOf", receipt):
            signed = self.signed("ReceiptRegistry", "ReleaseOrder", terms)
            acted = self.ledger.act(LENDER, "ReceiptRegistry", "orderRelease", terms, signed)
        else:
            acted = self.ledger.act(DEPOSITOR, "ReceiptRegistry", "orderReleaseByHolder", terms)
        return int(acted.one("ReleaseOrdered")["orderId"])

    def let_out(self, masses: dict[str, int]) -> list[dict[str, Any]]:
        """Let pieces (name → kg) be seen going out, anchored and witnessed; the evidence for it."""
        indices = [self.site.see("movement.out", hash_of(name), kg) for name, kg in masses.items()]
        return self.settled(indices)

    def deliver(self, order: int, masses: dict[str, int]) -> Acted:
        """Let pieces (name → kg) out and record their delivery."""
        movements = self.let_out(masses)
        return self.ledger.act(
            self.site.operator, "ReceiptRegistry", "deliver", order, sum(masses.values()), movements
        )

    def record(self, pledge: int, event: str) -> Acted:
        """Let the lender record an opaque event of the loan."""
        return self.ledger.act(LENDER, "PledgeRegistry", "recordLoanEvent", pledge, hash_of(event))

    def release(self, pledge: int, receipt: int) -> Acted:
        """Let the lender's two persons end the pledge on a receipt."""
        content = self.content(receipt)
        fields = {"pledge": pledge, "receipt": receipt, "content": content}
        signed = self.signed("PledgeRegistry", "Release", fields)
        return self.ledger.act(LENDER, "PledgeRegistry", "release", pledge, receipt, content, signed)

    def close(self, pledge: int) -> Acted:
        """Let the lender close the loan."""
        return self.ledger.act(LENDER, "PledgeRegistry", "close", pledge)

    def suspend(self, what: str, name: str, *, suspended: bool = True) -> Acted:
        """Let the guardian suspend a `Party`, `Site` or `Device`, or give it back its standing."""
        return self.ledger.act("guardian", "PartyRegistry", f"suspend{what}", name32(name), suspended)

    def pause(self, seconds: int = HOUR_S) -> Acted:
        """Let the guardian pause creating acts."""
        return self.ledger.act("guardian", "PartyRegistry", "pauseCreating", self.ledger.chain.now + seconds)

    def content(self, receipt: int) -> bytes:
        """What acts on the receipt name."""
        return bytes(self.ledger.ask("ReceiptRegistry", "contentHashOf", receipt))

    def signed(
        self,
        contract: str,
        act: str,
        fields: dict[str, Any],
        *,
        persons: tuple[str, str] = (f"{LENDER}.first", f"{LENDER}.second"),
        deadline_in_s: int = HOUR_S,
    ) -> dict[str, Any]:
        """Two persons' signatures under an act, with a fresh nonce."""
        self.nonces += 1
        chain = self.ledger.chain
        return two_persons(
            act,
            fields,
            nonce=self.nonces,
            deadline=chain.now + deadline_in_s,
            chain_id=chain.chain_id,
            contract=self.ledger.at(contract),
            keys=(chain.key(persons[0]), chain.key(persons[1])),
        )


def enrol_everybody(ledger: Ledger) -> None:
    """The parties, and the lender's two persons."""
    enrol = ("enroller", "PartyRegistry")
    for party, capacity in PARTIES.items():
        ledger.act(*enrol, "enrolParty", name32(party), ledger.address(party), capacity, hash_of(party))
    for person in (f"{LENDER}.first", f"{LENDER}.second"):
        ledger.act(*enrol, "enrolPerson", name32(LENDER), ledger.address(person))

"""A loan's whole case on the embedded node with real bodies, media, terms and documents, for bundles."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from backend.audit.build import BundleSource
from backend.audit.case import Head, StatementFile
from backend.audit.report import Outcome, Report
from backend.loans.rules.book import book
from backend.loans.rules.commitments import TERMS, commitment_of, make_opening
from backend.loans.rules.facts import Fact, FactKind, Terms, fact_to_json
from backend.loans.rules.life import LoanState
from backend.loans.rules.loan import Loan, Payee, terms_content
from backend.loans.rules.product import standard_product
from backend.receipts.document import document_hash
from backend.units import Money
from contracts.artifacts import CONTRACTS
from iot_bridge.evidence.body import Media, write_body
from iot_bridge.evidence.canonical import canonical
from iot_bridge.evidence.kinds import quantity_of
from iot_bridge.evidence.statement import ZERO32, SignedStatement, Statement, name32, sign, statement_id
from tests.support.ledger_life import (
    BAY,
    COMMODITY,
    DEPOSITOR,
    FUSION,
    GRADE,
    HOUR_S,
    INSPECTOR,
    LENDER,
    OPERATOR,
    SITE,
    YEAR_S,
    LedgerLife,
    hash_of,
)

if TYPE_CHECKING:
    from tests.support.ledger_node import Node

CAMERA: Final = "wuxi-gate-1"
SCALE: Final = "wuxi-scale-1"
LOAN: Final = "L-2026-0001"
COILS: Final = {"coil-1": 23_940, "coil-2": 24_060}
START: Final = date(2026, 3, 2)
DUE: Final = date(2026, 6, 1)
"""Ninety days from the start are a Sunday; the bank works again on Monday."""
PRINCIPAL: Final = 10_000_000
BOOT: Final = bytes(16)


@dataclass(slots=True)
class Speaker:
    """A device: its sequence, and how it puts what it says into the site's log."""

    life: LedgerLife
    name: str
    seq: int = 0
    prev: bytes = ZERO32
    files: dict[int, tuple[SignedStatement, bytes]] = field(default_factory=dict)
    media: dict[str, bytes] = field(default_factory=dict)

    def say(self, kind: str, fields: dict[str, Any], *, subject: bytes = ZERO32, still: bytes = b"") -> int:
        """State something with a body, perhaps a still; its index in the log."""
        media = []
        if still:
            self.media[sha256(still).hexdigest()] = still
            media = [Media(sha256(still).digest(), "image/png", len(still))]
        salt = sha256(f"{self.name} {self.seq}".encode()).digest()[:16]
        body = write_body(kind, fields, boot=BOOT, media=media, salt=salt)
        chain, self.seq = self.life.ledger.chain, self.seq + 1
        statement = Statement(
            site=SITE,
            device=self.name,
            key_epoch=1,
            seq=self.seq,
            prev=self.prev,
            seen_at_ms=chain.now * 1000,
            beacon_block=chain.block_number,
            beacon_hash=chain.block_hash(chain.block_number),
            kind=kind,
            subject=subject,
            quantity=quantity_of(kind, fields),
            body=body.hash,
        )
        signed = sign(statement, chain.key(self.name), self.life.site.domain)
        self.prev = statement_id(statement)
        index = self.life.site.take(signed)
        self.files[index] = (signed, body.text.encode())
        return index


@dataclass(slots=True)
class CaseLife:
    """The ledger's life with three devices, and everything that the bank would hold of one loan."""

    life: LedgerLife
    speakers: dict[str, Speaker]
    loan: str = LOAN
    pledge: int = 0
    receipt: int = 0
    document: dict[str, Any] = field(default_factory=dict)
    terms: bytes = b""
    facts: list[Fact] = field(default_factory=list)
    openings: list[bytes] = field(default_factory=list)

    @classmethod
    def begin(cls, node: Node) -> CaseLife:
        """Everybody enrolled, the log open, nothing seen yet."""
        life = LedgerLife.begin(node)
        ledger = life.ledger
        for device, host in ((CAMERA, LENDER), (SCALE, INSPECTOR)):
            names = (name32(device), name32(SITE), name32(host), name32(LENDER), ledger.address(device))
            ledger.act("enroller", "PartyRegistry", "enrolDevice", *names, node.now + YEAR_S)
        return cls(life, {name: Speaker(life, name) for name in (CAMERA, SCALE, FUSION)})

    def play(self) -> CaseLife:
        """Deposit, receipt, pledge, loan, part repayment, exit, repayment, release, close."""
        self.deposit()
        self.take_pledge()
        self.disburse()
        self.repay(4_000_000, START + timedelta(days=30))
        self.deliver("coil-1")
        self.repay(self.owed(DUE), DUE)
        self.end()
        return self

    def move(self, direction: str, coil: str) -> int:
        """Let a coil pass the gate and the scale; the index of the movement that follows."""
        kg = COILS[coil]
        camera, scale, fusion = (self.speakers[name] for name in (CAMERA, SCALE, FUSION))
        camera.say("device.health", health(camera.seq))
        still = b"\x89PNG still of " + f"{coil} {direction}".encode()
        crossing = camera.say("gate.crossing", crossing_of(direction, still), still=still)
        ticket = scale.say("weigh.ticket", ticket_of(kg))
        rests_on = [statement_id(self.said(index).statement) for index in (crossing, ticket)]
        return fusion.say(f"movement.{direction}", movement_of(kg, rests_on), subject=hash_of(coil))

    def said(self, index: int) -> SignedStatement:
        """The statement at an index of the log."""
        return self.life.site.entries[index - 1]

    def deposit(self) -> None:
        """Take the coils in and issue a receipt over them."""
        evidence = self.life.settled([self.move("in", coil) for coil in COILS])
        self.document = document_of(sum(COILS.values()), len(COILS))
        changes = {"document": document_hash(self.document)}
        request = self.life.request(COILS, **changes)
        act = self.life.ledger.act(
            OPERATOR, "ReceiptRegistry", "issue", request, changes["document"], evidence
        )
        self.receipt = int(act.one("ReceiptIssued")["receiptId"])

    def take_pledge(self) -> None:
        """Commit to the terms in every step until control moves to the lender."""
        self.terms = make_opening(
            TERMS, terms_content(loan_of(self.receipt, self.loan), LENDER), hash_of("salt")
        )
        terms, ledger = commitment_of(self.terms), self.life.ledger
        expires = ledger.chain.now + HOUR_S
        endorsed = ledger.act(
            DEPOSITOR, "PledgeRegistry", "endorse", [self.receipt], name32(LENDER), terms, expires
        )
        self.pledge = int(endorsed.one("PledgeEndorsed")["pledgeId"])
        ledger.act(OPERATOR, "PledgeRegistry", "attorn", self.pledge, terms)
        filing = (hash_of("filing"), 1_790_000_000, hash_of("search"))
        ledger.act(LENDER, "PledgeRegistry", "register", self.pledge, terms, *filing)
        signed = self.life.signed("PledgeRegistry", "Acceptance", {"pledge": self.pledge, "terms": terms})
        ledger.act(LENDER, "PledgeRegistry", "accept", self.pledge, terms, signed)

    def tell(self, happened: str, on: date, **facts: Any) -> None:
        """Have the ledger chain an opaque event of the loan, and keep its opening."""
        number = len(self.openings) + 1
        content = {"loan": self.loan, "number": number, "happened": happened, "on": on.isoformat(), **facts}
        opening = make_opening("loan.event", content, hash_of(f"salt {number}"))
        self.openings.append(opening)
        self.life.ledger.act(LENDER, "PledgeRegistry", "recordLoanEvent", self.pledge, commitment_of(opening))

    def disburse(self) -> None:
        """Pay the principal out."""
        fact = Fact(id="d1", on=START, kind=FactKind.DRAW, amount_minor=PRINCIPAL)
        self.facts.append(fact)
        self.tell("Disbursed", START, fact=fact_to_json(fact), due_on=DUE.isoformat())

    def repay(self, amount_minor: int, on: date) -> None:
        """Take a payment in."""
        name = f"p{len(self.facts)}"
        self.facts.append(Fact(id=name, on=on, kind=FactKind.PAYMENT, amount_minor=amount_minor))
        met = book(Terms(standard_product(), DUE), self.facts).payments[name].to_json()
        self.tell("Repaid", on, fact=fact_to_json(self.facts[-1]), met=met)

    def owed(self, on: date) -> int:
        """What ends the loan on a day."""
        accrued = [*self.facts, Fact(id="accrue", on=on, kind=FactKind.ACCRUE)]
        return book(Terms(standard_product(), DUE), accrued).balances.outstanding

    def deliver(self, coil: str) -> None:
        """Let a coil out under an order of the lender's, to the depositor."""
        order = self.life.order(self.receipt, COILS[coil])
        self.tell("ReleaseOrdered", START, receipt=str(self.receipt), mass_kg=COILS[coil])
        evidence = self.life.settled([self.move("out", coil)])
        self.life.ledger.act(OPERATOR, "ReceiptRegistry", "deliver", order, COILS[coil], evidence)

    def end(self) -> None:
        """Release what is left and close the loan."""
        self.life.release(self.pledge, self.receipt)
        self.tell("Released", DUE, receipt=str(self.receipt))
        self.life.close(self.pledge)

    def source(self, *, without: frozenset[int] = frozenset()) -> BundleSource:
        """What the bank holds of the case, the statements at indices in `without` left out.

        The camera's minute reports are other cases' and are always left out.
        """
        ledger, log = self.life.ledger, self.life.site.log
        size = ledger.ask("EvidenceLog", "latestWitnessed", name32(SITE))["size"]
        files = {
            index: file
            for speaker in self.speakers.values()
            for index, file in speaker.files.items()
            if file[0].statement.kind != "device.health" and index not in without
        }
        return BundleSource(
            loan=self.loan,
            pledge=self.pledge,
            chain_id=ledger.chain.chain_id,
            contracts={name: ledger.at(name) for name in CONTRACTS},
            first_block=ledger.deployment.block,
            last_block=ledger.chain.block_number,
            heads=(Head(SITE, 1, size, log.root(size)),),
            statements=tuple(
                StatementFile(1, index, signed.entry(), body, size, tuple(log.inclusion_proof(index, size)))
                for index, (signed, body) in sorted(files.items())
            ),
            media={name: raw for speaker in self.speakers.values() for name, raw in speaker.media.items()},
            terms=self.terms,
            loan_events=tuple(self.openings),
            documents={self.receipt: canonical(self.document)},
        )


def health(seq: int) -> dict[str, Any]:
    """A camera's minute report."""
    counts = {"uptime_s": 60 * seq, "captured": 750, "lost": 0, "spooled": 0, "disk_free_mib": 9_000}
    return counts | {"last_seen_ms": 1_000}


def crossing_of(direction: str, still: bytes) -> dict[str, Any]:
    """A crossing with its frame."""
    return {
        "direction": direction,
        "track": 1,
        "tags": [7],
        "confidence_bps": 9_900,
        "count_certain": True,
        "frames": ["0x" + sha256(still).hexdigest()],
        "pipeline": "0x" + hash_of("pipeline").hex(),
        "reasons": [{"name": "frames across", "score": 12, "threshold": 6}],
    }


def ticket_of(kg: int) -> dict[str, Any]:
    """A weighbridge ticket of that net mass."""
    unknown = {"cannot_tell": "not measured"}
    return {
        "gross_kg": kg + 15_000,
        "tare_kg": 15_000,
        "net_kg": kg,
        "axle_count": 6,
        "zero_drift_g": unknown,
        "plate_hash": unknown,
    }


def movement_of(kg: int, rests_on: list[bytes]) -> dict[str, Any]:
    """A movement fused from a crossing and a ticket."""
    return {
        "mass_kg": kg,
        "identified_by": "tag",
        "tag": 7,
        "from_ms": 1_000,
        "to_ms": 2_000,
        "rests_on": ["0x" + each.hex() for each in rests_on],
        "contributions": [
            {"device": device, "statement": "0x" + each.hex(), "milli_nats": 3_100, "said": "one piece"}
            for device, each in zip((CAMERA, SCALE), rests_on, strict=True)
        ],
        "sum_milli_nats": 6_200,
        "accept_milli_nats": 3_000,
        "rules": "fusion-1",
    }


def document_of(mass_kg: int, pieces: int) -> dict[str, Any]:
    """The statutory document of a receipt over that much."""
    commodity, grade, bay = (word.rstrip(b"\0").decode() for word in (COMMODITY, GRADE, BAY))
    return {
        "label": "仓单",
        "number": "2026-0001",
        "form": "named",
        "operator": {"name": OPERATOR, "address": "Road 1", "registration": "CN-1 until 2027-12-31"},
        "depositor": {"name": DEPOSITOR, "address": "Road 2"},
        "goods": {
            "commodity": commodity,
            "grade": grade,
            "quality": "GB/T 3274",
            "mass_kg": mass_kg,
            "pieces": pieces,
            "packaging": "coils, strapped",
            "marks": [],
            "loss_standard": "none",
        },
        "storage": {
            "site": SITE,
            "bay": bay,
            "place": "Hall 1",
            "from": "2026-03-02",
            "until": "2026-12-31",
            "fee": "0.30 CNY/t/day",
            "agreement_date": "2026-02-01",
        },
        "insurance": {"insured": False},
        "third_party_claims": [],
        "issued": {"by": "Keeper", "at": "Wuxi", "on": "2026-03-02"},
        "salt": "00112233445566778899aabbccddeeff",
    }


def loan_of(receipt: int, loan_id: str = LOAN) -> Loan:
    """The loan of the case as it is signed."""
    return Loan(
        id=loan_id,
        borrower=name32(DEPOSITOR),
        product=standard_product(),
        principal=Money(PRINCIPAL, "CNY"),
        tenor_days=90,
        purpose="raw steel",
        payee=Payee("Steel mill", "CN00 0000", "Mill's bank"),
        receipts=(receipt,),
        state=LoanState.SIGNED,
        maker=None,
        terms=None,
        pledge_id=None,
        drawn_on=None,
        due_on=None,
    )


def failing(report: Report) -> dict[str, str]:
    """Names of the steps that fail, each with its error."""
    return {each.name: each.error for each in report.findings if each.outcome is Outcome.FAILS}

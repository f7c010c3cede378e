"""Where schedules of reorganisations begin: contracts, parties, two receipts, a loan without its pledge.

The node goes back there by a snapshot, the bank by a copy of its database.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from backend.chain.follower import Followed, Follower, Projector
from backend.clock import FixedClock
from backend.db import create_schema, open_database, transaction
from backend.evidence.heads import Mirror
from backend.identity.actions import admit_person
from backend.loans.actions import applying
from backend.loans.actions.desk import Desk
from backend.loans.rules.product import standard_product
from backend.margin.actions.following import Following
from backend.parties import projection as parties
from backend.parties.two_persons import SigningDesk
from backend.payments.sandbox import SandboxRail
from backend.pledges import projection as pledges
from backend.receipts import projection as receipts
from backend.valuation import actions as valuing
from backend.valuation.rules import prices
from contracts.artifacts import CONTRACTS, load
from iot_bridge.evidence.statement import name32
from tests.backend.loans.bank import FIVE_MILLION, PEOPLE, PRICE_KEY, Bank, application, collateral
from tests.support.anvil import FINAL_AFTER, AnvilInTests, AnvilProcess, anvil_in_tests
from tests.support.ledger_life import DEPOSITOR, LENDER, LedgerLife, hash_of
from tests.support.ledger_node import Node

SLOTS: Final = 4
DEPTH: Final = FINAL_AFTER * SLOTS
"""How many blocks may be taken back."""
RECEIPT: Final = 1
ZONE: Final = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where every schedule begins."""

    node: AnvilInTests
    life: LedgerLife
    folder: Path
    terms: bytes
    now: datetime
    snapshot: list[str]

    @property
    def followed(self) -> Followed:
        """The contracts that the bank follows."""
        deployment = self.life.ledger.deployment
        addresses = {deployment.addresses[name].lower(): load(name) for name in CONTRACTS}
        return Followed(addresses, deployment.block)

    def key(self, name: str) -> bytes:
        """The signing key of whoever has this name."""
        return self.life.ledger.chain.key(name)

    def go_back(self) -> None:
        """Let the node stand where every schedule begins."""
        self.differ()
        assert self.node.rpc.call("evm_revert", self.snapshot.pop())
        self.snapshot.append(self.node.rpc.call("evm_snapshot"))

    def differ(self) -> None:
        """Let the next blocks have hashes of their own; anvil loses the state of a block that comes again."""
        self.node.rpc.call("anvil_setCoinbase", "0x" + secrets.token_hex(20))

    def at(self, block: int, contract: str, function: str, *args: Any) -> Any:
        """What a view answers on a block."""
        artifact, at = load(contract), self.life.ledger.at(contract)
        data = artifact.encode(function, args)
        return artifact.decode_result(function, self.node.rpc.eth_call(to=at, data=data, block=hex(block)))


def bank_on(ground: Ground, folder: Path, template: str) -> tuple[Bank, list[Projector]]:
    """A bank on a copy of a database, with a rail of its own."""
    shutil.copyfile(ground.folder / template, folder / template)
    return bank_of(ground, open_database(f"sqlite:///{folder / template}"), folder)


def bank_of(ground: Ground, engine: Engine, folder: Path) -> tuple[Bank, list[Projector]]:
    """A bank at work on that database, and what it makes of the ledger's events."""
    deployment, today = ground.life.ledger.deployment, [ground.now.date()]
    far = today[0] + timedelta(days=360)
    goods = {RECEIPT: replace(collateral(RECEIPT), goods_valid_until=far, stored_until=far)}
    signing = SigningDesk(deployment.chain_id, deployment.addresses, ground.key)
    desk = Desk(
        bank=LENDER,
        signing=signing,
        wall=FixedClock(ground.now),
        goods=lambda _session, _product, wanted, _at: tuple(goods[each] for each in wanted),
    )
    bank = Bank(engine, SandboxRail(folder / "rail.sqlite", lambda: today[0]), goods, today, desk)
    mirror = Mirror(
        chain_id=deployment.chain_id,
        evidence_log=deployment.addresses["EvidenceLog"],
        witness_signer=LENDER,
    )
    following = Following(desk, FixedClock(ground.now), ZONE)
    known = [parties.project, receipts.project, pledges.project, mirror.project, following.project]
    return bank, known


@contextmanager
def ground_in(folder: Path) -> Iterator[Ground]:
    """Lay the ground; the node ends with the block."""
    with anvil_in_tests(AnvilProcess(slots=SLOTS)) as node:
        life = LedgerLife.begin(Node(node))
        for coil in ("coil-1", "coil-2"):
            life.issue({coil: 9_800})
        life.site.see("movement.in", hash_of("coil-3"), 9_800)  # the third receipt is a schedule's own
        node.seal(DEPTH)
        midnight = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
        ground = Ground(node, life, folder, bytes(32), midnight, [])
        empty = open_database(f"sqlite:///{folder / 'empty.sqlite'}")
        create_schema(empty)
        empty.dispose()
        shutil.copyfile(folder / "empty.sqlite", folder / "begun.sqlite")
        bank, projectors = bank_of(ground, open_database(f"sqlite:///{folder / 'begun.sqlite'}"), folder)
        Follower(node.rpc, bank.engine, ground.followed, projectors).catch_up()
        terms = lend(bank)
        bank.engine.dispose()
        ground.snapshot.append(node.rpc.call("evm_snapshot"))
        yield replace(ground, terms=terms)


def lend(bank: Bank) -> bytes:
    """From people, product and price to a loan that is signed and waits for its pledge; its terms."""
    key = prices.Ed25519PrivateKey.from_private_bytes(PRICE_KEY).public_key().public_bytes_raw()
    with transaction(bank.engine) as session:
        for person in PEOPLE:
            admit_person(session, person)
        applying.store_product(session, standard_product(), at=bank.at)
        valuing.enrol_source(session, source="mysteel", public_key=key, now=bank.at.now)
    bank.price(3_400)
    with transaction(bank.engine) as session:
        asked = replace(application(FIVE_MILLION, receipts=(RECEIPT,)), borrower=name32(DEPOSITOR))
        applying.submit(session, asked, at=bank.at)
    terms = bank.approve().terms
    assert terms is not None
    return terms

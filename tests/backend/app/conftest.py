"""A whole bank on a ledger of its own, with a site whose devices really sign and whose bridge anchors."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from eth_account import Account
from sqlmodel import Session

from backend.app import Bank
from backend.app.serving import Service
from backend.chain import actions as chain_actions
from backend.chain.rules import Act, ActState
from backend.db import reading, transaction
from backend.identity.actions import admit_person
from backend.identity.rules import Person, Role
from backend.migrations import upgrade
from backend.settings import Settings
from contracts.keystore import SCRYPT_N
from iot_bridge.broker import embedded_broker
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import name32
from tests.backend.edge import Device, Site, crossing, id_of, movement, ticket
from tests.support.ledger import AnyLedger
from tests.support.ledger_life import BRIDGE, DEPOSITOR, INSPECTOR, LENDER, OPERATOR, SITE, YEAR_S, LedgerLife
from tests.support.ledger_node import Node

PASSWORD: Final = "a phrase for one test alone"  # noqa: S105 - opens keys that live as long as a test
OFFICERS: Final = (f"{LENDER}.first", f"{LENDER}.second")
CAMERA, SCALE, FUSION = "gate-cam.1", "scale.1", "fusion.1"


@dataclass
class World:
    """The bank's service beside its ledger and a site; everybody's key is in one keystore."""

    life: LedgerLife
    bank: Bank
    service: Service
    site: Site = field(init=False)
    devices: dict[str, Device] = field(init=False)

    def __post_init__(self) -> None:
        ledger = self.life.ledger
        self.site = Site(SITE, ledger.chain.chain_id, ledger.at("EvidenceLog"))
        holders = {CAMERA: (OPERATOR, LENDER), SCALE: (INSPECTOR, INSPECTOR), FUSION: (OPERATOR, LENDER)}
        self.devices = {
            name: Device(
                name, name32(host), name32(by), SITE, LocalKey(ledger.chain.key(name)), self.bank.domain
            )
            for name, (host, by) in holders.items()
        }
        until = ledger.chain.now + YEAR_S
        for name, (host, by) in holders.items():
            at = [name32(name), name32(SITE), name32(host), name32(by), ledger.address(name), until]
            ledger.act("enroller", "PartyRegistry", "enrolDevice", *at)

    def says(self, device: str, kind: str, fields: dict[str, Any], **header: Any) -> StatementMessage:
        """A statement with a true beacon, in the site's log."""
        chain = self.life.ledger.chain
        beacon = chain.block_number - 1
        true = {
            "beacon_block": beacon,
            "beacon_hash": chain.block_hash(beacon),
            "seen_at_ms": int(self.bank.wall.now().timestamp() * 1000),
        }
        return self.site.record(self.devices[device].says(kind, fields, **true | header))

    def moves(self, way: str, piece: bytes, kg: int) -> list[StatementMessage]:
        """A piece crosses the gate and stands on the scale, and the fusion says which it was."""
        seen = self.says(CAMERA, "gate.crossing", crossing(way, 7))
        weighed = self.says(SCALE, "weigh.ticket", ticket(kg))
        fields = movement(kg, id_of(seen), id_of(weighed))
        return [seen, weighed, self.says(FUSION, f"movement.{way}", fields, subject=piece)]

    def hear(self, *messages: StatementMessage) -> None:
        """What the ear would hear, in this thread."""
        for message in messages:
            self.service.intake.receive(f"tallystick/{SITE}/statements/any", message.to_bytes())

    def anchor(self) -> None:
        """The bridge anchors all that is in its log."""
        ledger = self.life.ledger
        head = ledger.ask("EvidenceLog", "latestHead", name32(SITE))
        proof = self.site.log.consistency_proof(head["size"])
        size, root = self.site.log.size, self.site.log.root()
        ledger.act(BRIDGE, "EvidenceLog", "anchor", name32(SITE), size, root, proof)

    def settle(self, rounds: int = 3) -> None:
        """Let the service follow, judge, act, and see its acts confirmed."""
        for _ in range(rounds):
            self.life.ledger.chain.ledger.seal(2)
            self.service.step()

    def witnessed(self, *messages: StatementMessage) -> None:
        """Hear them, anchor them, and let the bank witness the head."""
        self.hear(*messages)
        self.anchor()
        self.settle()

    def do(self, act: Callable[[Session], Any]) -> Any:
        with transaction(self.bank.engine) as session:
            return act(session)

    def look(self, question: Callable[[Session], Any]) -> Any:
        with reading(self.bank.engine) as session:
            return question(session)

    def confirmed(self, key: str) -> Act:
        """The act of that key, which the ledger must have taken."""
        self.settle()
        act: Act = self.look(lambda session: chain_actions.act(session, key))
        assert act.state is ActState.CONFIRMED, act
        return act


def keep(keystore: Path, name: str, secret: bytes) -> None:
    """Put a funded key into a keystore."""
    keystore.mkdir(parents=True, exist_ok=True)
    keyfile = Account.encrypt(secret, PASSWORD, kdf="scrypt", iterations=SCRYPT_N)
    (keystore / f"{name}.json").write_text(json.dumps(keyfile), encoding="ascii")


@pytest.fixture
def port() -> Iterator[int]:
    with embedded_broker(0) as port:
        yield port


@pytest.fixture
def bank_database() -> str:
    """The bank's own file; tests that hold on another database have a `bank_database` of their own."""
    return ""


@pytest.fixture
def settings(chain: AnyLedger, life: LedgerLife, tmp_path: Path, port: int, bank_database: str) -> Settings:
    return settings_in(tmp_path, chain, life, port=port, database_url=bank_database)


def settings_in(
    folder: Path, chain: AnyLedger, life: LedgerLife, *, port: int, database_url: str = ""
) -> Settings:
    """The settings of a bank that keeps everything in a folder."""
    deployment, keystore = folder / "deployment.json", folder / "keys"
    life.ledger.deployment.save(deployment)
    for name in (DEPOSITOR, OPERATOR, LENDER, *OFFICERS, "witness", "enroller", "guardian"):
        keep(keystore, name, life.ledger.chain.key(name))
    return Settings(
        ledger_url=chain.url,
        deployment=deployment,
        keystore=keystore,
        keystore_password=PASSWORD,
        bank=LENDER,
        witness_signer="witness",
        enroller="enroller",
        guardian="guardian",
        rail="sandbox",
        data=folder / "bank",
        broker_port=port,
        database_url=database_url,
    )


@pytest.fixture
def life(chain: AnyLedger) -> LedgerLife:
    """A ledger with everybody enrolled and the site's log open."""
    return LedgerLife.begin(Node(chain))


@pytest.fixture
def world(settings: Settings, life: LedgerLife) -> Iterator[World]:
    with world_on(settings, life) as world:
        yield world


@contextmanager
def world_on(settings: Settings, life: LedgerLife) -> Iterator[World]:
    """The bank of these settings at work on that ledger."""
    bank = Bank.open(settings)
    upgrade(bank.engine)
    world = World(life, bank, Service(bank))
    officer = frozenset({Role.COLLATERAL_OFFICER})
    for name in OFFICERS:
        world.do(lambda session, name=name: admit_person(session, Person(name, LENDER, officer, name)))
    chain = life.ledger.chain
    assert isinstance(chain, Node)
    chain.ledger.seal(2)
    world.service.start()
    yield world
    world.service.stop()
    bank.engine.dispose()

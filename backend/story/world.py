"""Who is in the story and what they hold: keys, contracts, parties, people, a site and its devices.

On the ledger parties go by opaque ids with a salted commitment to who they are; the bank alone has names.
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.errors import WrongState
from backend.parties.rules import Particulars, identity_commitment
from contracts.artifacts import load
from contracts.deploy import Deployment, Governance, deploy
from contracts.keystore import Keystore
from contracts.node_deployer import NodeDeployer
from contracts.rpc import Rpc
from contracts.sender import Act, Fate, Sender
from iot_bridge.evidence.statement import name32

SITE: Final = "yard-1"
BAY: Final = "bay-a"
COMMODITY: Final = "steel.hrc"
GRADE: Final = "q235b"
BRIDGE: Final = "bridge-1"
CAMERA: Final = "gate-cam-1"
SCALE: Final = "scale-1"
FUSION: Final = "fusion-1"
WITNESS: Final = "witness"
CAPACITIES: Final = {"depositor": 1, "operator": 2, "bank": 4, "supervisor": 8}
"""Role → capacities in the registry; the supervisor is an inspector whom the bank has commissioned."""
DEVICES: Final = {
    CAMERA: ("supervisor", "bank"),
    SCALE: ("operator", "supervisor"),
    FUSION: ("supervisor", "bank"),
}
"""Device → who holds it, and who ordered it put there: camera and scale share neither."""
COLLATERAL: Final = ("collateral-1", "collateral-2")
FIRST: Final = "administrator-1"
"""Whom the installation is set up with; this person lets all others in."""
BORROWER: Final = "borrower-1"
KEEPER: Final = "keeper-1"
AUDITOR: Final = "auditor-1"
PEOPLE: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "bank": {
        "credit-officer-1": ("credit_officer", "approver"),
        "credit-officer-2": ("credit_officer",),
        "approver-1": ("approver",),
        "approver-2": ("approver",),
        **dict.fromkeys(COLLATERAL, ("collateral_officer",)),
        "payment-officer-1": ("payment_officer",),
        AUDITOR: ("auditor",),
    },
    "operator": {KEEPER: ("warehouse_keeper",)},
    "depositor": {BORROWER: ("borrower",)},
}
"""Party → its people in the story, with their roles; two of the bank's sign for it on the ledger."""
KINDS: Final = {"operator": "warehouse_operator", "depositor": "borrower", "supervisor": "supervisor"}
"""Party → what it is to the bank."""
GOVERNORS: Final = ("deployer", "enroller", "guardian", "governance")
YEAR_S: Final = 365 * 24 * 3600
MAX_AGE_BLOCKS: Final = 3_600


def signer_of(person: str) -> str:
    """The keystore's name of a person's key, as the bank gives it to whom it admits."""
    return f"person.{person}"


class EnrolmentFailed(WrongState):
    """The registry did not take an enrolment."""

    code = "story.enrolment_failed"


@dataclass(frozen=True, slots=True)
class World:
    """The story's world as it is kept in a folder; everything that acts finds its key here."""

    folder: Path
    keys: Keystore
    password: str
    parties: Mapping[str, str]
    """Role → opaque party id, which is also the keystore's name of the party's account."""
    particulars: Mapping[str, Particulars]
    fingerprint_key: str

    @property
    def deployment_file(self) -> Path:
        """Where the contracts' addresses are written."""
        return self.folder / "deployment.json"

    def deployment(self) -> Deployment:
        """The contracts of this world."""
        return Deployment.load(self.deployment_file)

    def party_id(self, role: str) -> bytes:
        """The party's id on the ledger."""
        return name32(self.parties[role])

    def funded(self) -> list[str]:
        """Addresses that send transactions, so that the chain begins with them able to."""
        names = [*GOVERNORS, *self.parties.values(), BRIDGE, WITNESS]
        return [self.keys.address(name) for name in names]


def make_world(folder: Path) -> World:
    """A new world: fresh keys, ids and salts, kept in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(24)
    keys = Keystore(folder / "keys", password)
    parties = {role: f"org-{secrets.token_hex(8)}" for role in CAPACITIES}
    particulars = {
        role: Particulars(
            legal_name=f"The {role} of the story",
            address="Wuxi, Jiangsu",
            registration=secrets.token_hex(9),
            salt=secrets.token_hex(16),
        )
        for role in CAPACITIES
    }
    devices = (CAMERA, SCALE, FUSION)
    keys.ensure([*GOVERNORS, *parties.values(), *map(signer_of, COLLATERAL), BRIDGE, WITNESS, *devices])
    return World(folder, keys, password, parties, particulars, secrets.token_hex(32))


class Registrar:
    """Enrols everybody, each wave in one block, and waits until the ledger has them."""

    def __init__(self, world: World, rpc: Rpc) -> None:
        self._world = world
        self._rpc = rpc
        self._sender = Sender(rpc, world.folder / "registrar.sqlite")

    def establish(self) -> Deployment:
        """Deploy the contracts, hand governance over, and enrol parties, people, site and devices.

        Raises:
            EnrolmentFailed: the registry refused one of them in its block.
        """
        keys = self._world.keys
        governance = Governance(
            admin=keys.address("governance"),
            enroller=keys.address("enroller"),
            guardian=keys.address("guardian"),
            delay_s=24 * 3600,
        )
        deployer = NodeDeployer(self._rpc, self._sender, keys.key("deployer"))
        deployment = deploy(deployer, governance)
        deployment.save(self._world.deployment_file)
        at = deployment.addresses["PartyRegistry"]
        for wave in self._waves():
            self._enrol(at, wave)
        return deployment

    def _waves(self) -> list[list[tuple[str, dict[str, Any]]]]:
        """Who must be there before whom."""
        world, keys = self._world, self._world.keys
        until = int(time.time()) + YEAR_S
        parties = [
            (
                "enrolParty",
                {
                    "party": world.party_id(role),
                    "account": keys.address(world.parties[role]),
                    "capacities": capacities,
                    "identity": identity_commitment(world.particulars[role]),
                },
            )
            for role, capacities in CAPACITIES.items()
        ]
        people = [
            ("enrolPerson", {"party": world.party_id("bank"), "person": keys.address(signer_of(name))})
            for name in COLLATERAL
        ]
        site = (
            "enrolSite",
            {
                "site": name32(SITE),
                "operator": world.party_id("operator"),
                "bridge": keys.address(BRIDGE),
                "licence": identity_commitment(world.particulars["operator"]),
                "licensedUntil": until,
                "maxAgeBlocks": MAX_AGE_BLOCKS,
            },
        )
        devices = [
            (
                "enrolDevice",
                {
                    "device": name32(device),
                    "site": name32(SITE),
                    "host": world.party_id(host),
                    "commissioner": world.party_id(commissioner),
                    "key": keys.address(device),
                    "calibratedUntil": until,
                },
            )
            for device, (host, commissioner) in DEVICES.items()
        ]
        return [parties, [*people, site], devices]

    def _enrol(self, registry: str, wave: list[tuple[str, dict[str, Any]]]) -> None:
        artifact = load("PartyRegistry")
        key = self._world.keys.key("enroller")
        names = []
        for function, args in wave:
            name = f"{function} {json.dumps(args, default=repr, sort_keys=True)}"
            self._sender.send(Act(name, registry, artifact.encode(function, args)), key)
            names.append(name)
        for name in names:
            self._wait(name)

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + 30
        outcome = self._sender.outcome(name)
        while outcome.fate is Fate.WAITING and time.monotonic() < deadline:
            time.sleep(0.05)
            outcome = self._sender.outcome(name)
        if outcome.fate is not Fate.DONE:
            raise EnrolmentFailed(what=name.split(" ", 1)[0], fate=outcome.fate.value)

"""Put the ledger's contracts on a chain, wire who may do what, and write down where they are.

The contracts that trust each other know each other's addresses from birth: the addresses follow from the
deployer's nonce, so none of these ties can be changed later by anyone. Governance is the AccessManager's and
ends at the party registry: it has no reach over receipts, pledges or logs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import rlp
from eth_utils.address import to_checksum_address
from sha3 import keccak_256

from contracts.artifacts import load
from contracts.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ORDER: Final = ("AccessManager", "PartyRegistry", "EvidenceLog", "ReceiptRegistry", "PledgeRegistry")
ADMIN: Final = 0
ENROLLER: Final = 1
GUARDIAN: Final = 2
ROLES: Final = {
    ENROLLER: (
        "enrolParty",
        "enrolPerson",
        "dismissPerson",
        "enrolSite",
        "renewLicence",
        "enrolDevice",
        "calibrateDevice",
        "rekeyDevice",
    ),
    GUARDIAN: ("revokeDeviceKey", "suspendParty", "suspendSite", "suspendDevice", "pauseCreating"),
}
"""AccessManager role → the acts of the party registry that it may take."""


class DeploymentDiffers(LedgerError):
    """What stands at an address is not what was declared."""

    code = "ledger.deployment_differs"


class Reader(Protocol):
    """What a check of a deployment needs of a node."""

    @property
    def chain_id(self) -> int:
        """The chain's id."""

    def code(self, address: str) -> bytes:
        """The code at an address; empty if none."""

    def call(self, to: str, data: bytes) -> bytes:
        """What a call returns in the newest block."""


class Deployer(Reader, Protocol):
    """What a deployment needs of a node and of one key's account."""

    @property
    def address(self) -> str:
        """The deployer's account, which sends nothing else meanwhile."""

    def nonce(self) -> int:
        """The account's next nonce."""

    def send(self, to: str | None, data: bytes) -> int:
        """Send a transaction (None creates a contract), wait until it succeeded; the number of its block."""


@dataclass(frozen=True, slots=True)
class Governance:
    """Which accounts govern: enrol, suspend and pause, and change these roles."""

    admin: str
    enroller: str
    guardian: str
    delay_s: int
    """How long the admin's own acts wait in public before they take effect."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the ledger is."""

    chain_id: int
    block: int
    """First block that can hold an event of the ledger."""
    addresses: dict[str, str]
    """Contract name → EIP-55 address."""

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` wrote."""
        raw = json.loads(file.read_text(encoding="utf-8"))
        return cls(chain_id=raw["chain_id"], block=raw["block"], addresses=dict(raw["addresses"]))


def created_by(sender: str, nonce: int) -> str:
    """The address of the contract that this account creates with this nonce."""
    packed = rlp.encode([bytes.fromhex(sender.removeprefix("0x")), nonce])
    return str(to_checksum_address(keccak_256(packed).digest()[12:]))


def _constructor_arguments(addresses: Mapping[str, str], deployer: str) -> dict[str, dict[str, Any]]:
    return {
        "AccessManager": {"initialAdmin": deployer},
        "PartyRegistry": {"governance": addresses["AccessManager"]},
        "EvidenceLog": {
            "parties_": addresses["PartyRegistry"],
            "spender_": addresses["ReceiptRegistry"],
        },
        "ReceiptRegistry": {
            "parties_": addresses["PartyRegistry"],
            "log_": addresses["EvidenceLog"],
            "pledges_": addresses["PledgeRegistry"],
        },
        "PledgeRegistry": {
            "parties_": addresses["PartyRegistry"],
            "receipts_": addresses["ReceiptRegistry"],
        },
    }


def deploy(deployer: Deployer, governance: Governance) -> Deployment:
    """Deploy the ledger and hand its governance over; the deployer keeps no role unless it is the admin.

    Raises:
        DeploymentDiffers: another transaction of the deployer's account came between.
    """
    first = deployer.nonce()
    addresses = {name: created_by(deployer.address, first + place) for place, name in enumerate(ORDER)}
    arguments = _constructor_arguments(addresses, deployer.address)
    block = min([deployer.send(None, load(name).construct(arguments[name])) for name in ORDER])
    deployment = Deployment(deployer.chain_id, block, addresses)
    check(deployer, deployment)
    _hand_over(deployer, deployment, governance)
    return deployment


def _hand_over(deployer: Deployer, deployment: Deployment, governance: Governance) -> None:
    manager, parties = load("AccessManager"), load("PartyRegistry")
    grants = [(ENROLLER, governance.enroller, 0), (GUARDIAN, governance.guardian, 0)]
    acts = [
        manager.encode(
            "setTargetFunctionRole",
            {
                "target": deployment.addresses["PartyRegistry"],
                "selectors": [parties.functions[name].selector for name in names],
                "roleId": role,
            },
        )
        for role, names in ROLES.items()
    ]
    acts += [manager.encode("grantRole", list(grant)) for grant in grants]
    acts.append(manager.encode("grantRole", [ADMIN, governance.admin, governance.delay_s]))
    if governance.admin.lower() != deployer.address.lower():
        acts.append(manager.encode("renounceRole", [ADMIN, deployer.address]))
    for act in acts:
        deployer.send(deployment.addresses["AccessManager"], act)


def check(reader: Reader, deployment: Deployment) -> None:
    """Refuse unless every contract is the committed one and tied to the others as declared.

    Raises:
        DeploymentDiffers: some code, chain or tie is another.
    """
    if reader.chain_id != deployment.chain_id:
        wanted, found = str(deployment.chain_id), str(reader.chain_id)
        raise DeploymentDiffers(contract="all", what="chain", wanted=wanted, found=found)
    at = deployment.addresses
    for name in ORDER:
        code = reader.code(at[name])
        if not load(name).is_code_of(code):
            wanted, found = f"{len(load(name).deployed_bytecode)} bytes", f"{len(code)} bytes"
            raise DeploymentDiffers(contract=name, what="code", wanted=wanted, found=found)
    ties = (
        ("PartyRegistry", "authority", "AccessManager"),
        ("EvidenceLog", "parties", "PartyRegistry"),
        ("EvidenceLog", "spender", "ReceiptRegistry"),
        ("ReceiptRegistry", "parties", "PartyRegistry"),
        ("ReceiptRegistry", "log", "EvidenceLog"),
        ("ReceiptRegistry", "pledges", "PledgeRegistry"),
        ("PledgeRegistry", "parties", "PartyRegistry"),
        ("PledgeRegistry", "receipts", "ReceiptRegistry"),
    )
    for name, tie, other in ties:
        artifact = load(name)
        found = artifact.decode_result(tie, reader.call(at[name], artifact.encode(tie)))
        if to_checksum_address(found) != at[other]:
            raise DeploymentDiffers(contract=name, what=tie, wanted=at[other], found=found)

"""The ledger's Python package: artifacts encode and decode, deployments are checked, snapshots hold."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from contracts.artifacts import (
    CONTRACTS,
    ArgumentsDiffer,
    ArtifactMissing,
    NotInAbi,
    every_error,
    load,
)
from contracts.deploy import Deployment, DeploymentDiffers, Governance, check, created_by, deploy
from contracts.node_deployer import NodeDeployer, StepNotDone
from contracts.sender import Sender
from iot_bridge.evidence.statement import name32
from tests.support.abi_snapshot import SNAPSHOT, snapshot
from tests.support.evm import Evm
from tests.support.ledger import LedgerInTests
from tests.support.ledger_acts import Ledger, Steps
from tests.support.ledger_life import DEPOSITOR, SITE, LedgerLife, hash_of
from tests.support.refusals import refused

HERE = Path(__file__).parent
CODE_LIMIT = 24_576
OPENZEPPELIN = "AccessManage|AddressEmptyCode|FailedCall|Insufficient|SafeCast|StringToo|InvalidShort"
"""How the errors begin that its sources declare."""


def test_the_abi_is_the_one_that_others_were_built_on() -> None:
    assert snapshot() == json.loads(SNAPSHOT.read_text("utf-8"))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_contract_fits_into_a_block(contract: str) -> None:
    assert len(load(contract).deployed_bytecode) <= CODE_LIMIT


def test_every_custom_error_is_raised_by_some_test() -> None:
    tests = "".join(path.read_text("utf-8") for path in HERE.glob("test_*.py"))
    expected = set(re.findall(r'(?:refused\(|== |, )"([A-Z]\w+)"', tests))
    declared = {each.name for each in every_error().values()}
    assert {name for name in declared - expected if not re.match(OPENZEPPELIN, name)} == set()


def test_no_two_errors_share_a_selector() -> None:
    named: dict[bytes, set[str]] = {}
    for contract in CONTRACTS:
        for selector, entry in load(contract).errors.items():
            named.setdefault(selector, set()).add(entry.signature)
    assert [signatures for signatures in named.values() if len(signatures) > 1] == []


# artifacts


def test_structs_and_bytes_go_in_by_name_and_as_text_or_bytes() -> None:
    log = load("EvidenceLog")
    by_name = log.encode("anchor", {"site": name32(SITE), "size": 2, "root": hash_of("r"), "proof": []})
    by_place = log.encode("anchor", ["0x" + name32(SITE).hex(), 2, "0x" + hash_of("r").hex(), []])
    assert by_name == by_place
    assert by_name[:4] == log.functions["anchor"].selector


def test_what_the_abi_does_not_know_is_refused() -> None:
    with pytest.raises(ArtifactMissing):
        load("ForfeitureRegistry")
    with pytest.raises(NotInAbi):
        load("PledgeRegistry").encode("forfeit", [1])
    with pytest.raises(NotInAbi):
        load("ReceiptRegistry").encode("safeTransferFrom", [1])
    with pytest.raises(NotInAbi):
        load("PledgeRegistry").decode_log([hash_of("event")], b"")
    with pytest.raises(ArgumentsDiffer) as refusal:
        load("EvidenceLog").encode("openLog", {"place": name32(SITE)})
    assert refusal.value.facts == {"name": "openLog", "wanted": ["site"], "given": ["place"]}
    with pytest.raises(ArgumentsDiffer):
        load("EvidenceLog").encode("openLog", [])


# deployment


def test_a_deployment_is_written_down_and_read_back(tmp_path: Path) -> None:
    deployment = Ledger.on(Evm()).deployment
    deployment.save(tmp_path / "deployment.json")
    assert Deployment.load(tmp_path / "deployment.json") == deployment


def changed(deployment: Deployment, **addresses: str) -> Deployment:
    return Deployment(deployment.chain_id, deployment.block, deployment.addresses | addresses)


def test_a_deployment_with_another_chain_code_or_tie_is_refused() -> None:
    chain = Evm()
    ledger, twin = Ledger.on(chain), second_ledger(chain)
    steps, at = Steps(chain, chain.key("deployer")), ledger.deployment.addresses
    check(steps, ledger.deployment)
    elsewhere = Deployment(1, 1, at)
    swapped = changed(ledger.deployment, EvidenceLog=at["PledgeRegistry"])
    mixed = changed(ledger.deployment, EvidenceLog=twin.addresses["EvidenceLog"])
    for wrong, what in ((elsewhere, "chain"), (swapped, "code"), (mixed, "parties")):
        with pytest.raises(DeploymentDiffers) as refusal:
            check(steps, wrong)
        assert refusal.value.facts["what"] == what


def second_ledger(chain: Evm) -> Deployment:
    """Another ledger on the same chain."""
    names = ("admin", "enroller", "guardian")
    roles = {name: str(Account.from_key(chain.key(name)).address) for name in names}
    return deploy(Steps(chain, chain.key("second deployer")), Governance(**roles, delay_s=0))


def test_a_deployment_disturbed_by_another_transaction_is_refused() -> None:
    chain = Evm()

    class Disturbed(Steps):
        def send(self, to: str | None, data: bytes) -> int:
            if to is None and self.nonce() == 2:
                self.chain.send(self.key, "0x" + "11" * 20, b"")
            return self.chain.send(self.key, to, data).block

    role = str(Account.from_key(chain.key("admin")).address)
    with pytest.raises(DeploymentDiffers):
        deploy(Disturbed(chain, chain.key("deployer")), Governance(role, role, role, 0))


def test_the_deployer_keeps_no_role_and_the_admin_waits_its_delay() -> None:
    chain = Evm()
    ledger = Ledger.on(chain, delay_s=3600)
    target = ledger.at("PartyRegistry")
    grant = ("AccessManager", "grantRole", 1, ledger.address("friend"), 0)
    with refused("AccessManagerUnauthorizedAccount"):
        ledger.act("deployer", *grant)
    with refused("AccessManagerNotScheduled"):
        ledger.act("admin", *grant)
    call = load("AccessManager").encode("grantRole", [1, ledger.address("friend"), 0])
    ledger.act("admin", "AccessManager", "schedule", ledger.at("AccessManager"), call, 0)
    with refused("AccessManagerNotReady"):
        ledger.act("admin", *grant)
    chain.wait(3600)
    ledger.act("admin", *grant)
    party = [name32("friend-co"), ledger.address("friend-co"), 1, hash_of("f")]
    ledger.act("friend", "PartyRegistry", "enrolParty", *party)
    assert ledger.ask("AccessManager", "isTargetClosed", target) is False


def test_governance_has_no_reach_over_goods(issued: LedgerLife) -> None:
    """Even with the party registry closed by its admin, goods leave and loans close."""
    ledger = issued.ledger
    pledge = issued.pledge([1])
    closed = True
    ledger.act("admin", "AccessManager", "setTargetClosed", ledger.at("PartyRegistry"), closed)
    with refused("AccessManagedUnauthorized"):
        issued.suspend("Party", DEPOSITOR)
    issued.deliver(issued.order(1, 9_800), {"coil-1": 9_800})
    issued.release(pledge, 1)
    issued.close(pledge)


def test_the_ledger_deploys_through_a_node(chain: LedgerInTests, tmp_path: Path) -> None:
    deployer = NodeDeployer(chain.rpc, Sender(chain.rpc, tmp_path / "out.sqlite"), chain.accounts[0].key)
    roles = [account.address for account in chain.accounts[1:4]]
    deployment = deploy(deployer, Governance(*roles, delay_s=0))
    assert deployment.chain_id == chain.rpc.chain_id()
    assert deployment.addresses["AccessManager"] == created_by(deployer.address, 0)
    check(deployer, deployment)
    with pytest.raises(DeploymentDiffers):
        check(deployer, changed(deployment, PledgeRegistry=roles[0]))


def test_a_step_that_no_block_takes_is_not_done(chain: LedgerInTests, tmp_path: Path) -> None:
    class Waiting(Sender):
        def outcome(self, key: str) -> Any:
            found = super().outcome(key)
            return type(found)(type(found.fate)("waiting"), found.tx_hash)

    deployer = NodeDeployer(
        chain.rpc, Waiting(chain.rpc, tmp_path / "out.sqlite"), chain.accounts[0].key, patience_s=0.1
    )
    with pytest.raises(StepNotDone):
        deployer.send(None, load("AccessManager").construct([deployer.address]))

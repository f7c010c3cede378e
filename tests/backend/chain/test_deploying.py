"""From keys to a deployed ledger by the command line alone, as a newcomer would do it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.chain.deploying import DeploymentWritten, NotAnAddress, deploy_ledger
from contracts.deploy import Deployment, Governance, check
from contracts.keystore import Keystore
from contracts.node_deployer import NodeReader
from contracts.rpc import Rpc
from tests.support.anvil import AnvilInTests
from tests.support.ledger import LedgerInTests

NAMES = ("deployer", "admin", "enroller", "guardian")


def tallystick(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "TALLYSTICK_KEYSTORE": str(folder / "keys"),
        "TALLYSTICK_KEYSTORE_PASSWORD": "correct horse battery",
    }
    command = [sys.executable, "-m", "backend.cli", *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_keys_chain_and_contracts_come_up_by_command_and_stand_as_declared(tmp_path: Path) -> None:
    said = tallystick(tmp_path, "key", *NAMES).split()
    address = dict(zip(said[1::2], said[::2], strict=True))
    fund = ["--fund", address["deployer"], "--port", "0"]
    command = [sys.executable, "-m", "backend.cli", "chain", "--data", str(tmp_path / "chain"), *fund]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as chain:
        assert chain.stdout is not None
        url = json.loads(chain.stdout.readline())["url"]
        out = tmp_path / "deployment.json"
        governors = [part for name in NAMES[1:] for part in (f"--{name}", address[name])]
        rest = ["--signer", "deployer", "--delay-s", "3600", "--out", str(out)]
        said = tallystick(tmp_path, "deploy", "--ledger-url", url, *governors, *rest).split()
        deployment = Deployment.load(out)
        check(NodeReader(Rpc(url)), deployment)
        chain.terminate()
    assert dict(zip(said[1::2], said[::2], strict=True)) == deployment.addresses


@pytest.fixture
def keys(tmp_path: Path) -> Keystore:
    keys = Keystore(tmp_path / "keys", "correct horse battery")
    keys.ensure(NAMES)
    return keys


def test_a_written_deployment_is_never_overwritten(
    chain: LedgerInTests, keys: Keystore, tmp_path: Path
) -> None:
    out = tmp_path / "deployment.json"
    out.write_text("{}")
    governance = Governance(*(keys.address(name) for name in NAMES[1:]), delay_s=1)
    with pytest.raises(DeploymentWritten):
        deploy_ledger(chain.url, keys=keys, signer="deployer", governance=governance, out=out)


def test_who_shall_govern_is_named_by_a_checksummed_address(
    chain: LedgerInTests, keys: Keystore, tmp_path: Path
) -> None:
    governance = Governance("0x" + "ab" * 20, keys.address("enroller"), keys.address("guardian"), delay_s=1)
    with pytest.raises(NotAnAddress):
        deploy_ledger(
            chain.url, keys=keys, signer="deployer", governance=governance, out=tmp_path / "deployment.json"
        )


def test_contracts_come_up_on_a_node_that_is_not_ours_and_stand_as_declared(
    anvil: AnvilInTests, keys: Keystore, tmp_path: Path
) -> None:
    anvil.fund([keys.address("deployer")])
    governance = Governance(*(keys.address(name) for name in NAMES[1:]), delay_s=3600)
    out = tmp_path / "deployment.json"
    deployment = deploy_ledger(anvil.url, keys=keys, signer="deployer", governance=governance, out=out)
    check(NodeReader(anvil.rpc), deployment)
    assert Deployment.load(out) == deployment

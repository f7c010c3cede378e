"""Puts a new ledger's contracts on a chain from the command line, and never over one that is written down."""

from pathlib import Path

from eth_utils.address import is_checksum_address

from backend.errors import Invalid, WrongState
from contracts.deploy import Deployment, Governance, deploy
from contracts.keystore import Keystore
from contracts.node_deployer import NodeDeployer
from contracts.rpc import Rpc
from contracts.sender import Sender


class DeploymentWritten(WrongState):
    """A deployment is written in this file already; where it is gone, so is the way to its contracts."""

    code = "chain.deployment_written"


class NotAnAddress(Invalid):
    """This is no address in its checksummed form, in which a slip of the pen shows."""

    code = "chain.not_an_address"


def deploy_ledger(url: str, *, keys: Keystore, signer: str, governance: Governance, out: Path) -> Deployment:
    """Deploy the contracts, hand their governance over, and write to `out` where they are.

    Args:
        url: JSON-RPC of a node.
        keys: the keystore that holds the deployer's key.
        signer: its name there; the account sends nothing else meanwhile.
        governance: who shall govern.
        out: the file to write.

    Raises:
        DeploymentWritten: the file is there.
        NotAnAddress: one of those who shall govern is not given by an address.
        DeploymentDiffers: another transaction of the deployer's account came between.
    """
    if out.exists():
        raise DeploymentWritten(file=str(out))
    for role in ("admin", "enroller", "guardian"):
        address = getattr(governance, role)
        if not is_checksum_address(address):
            raise NotAnAddress(role=role, given=address)
    rpc = Rpc(url)
    sender = Sender(rpc, out.with_suffix(".book.sqlite"))
    deployment = deploy(NodeDeployer(rpc, sender, keys.key(signer)), governance)
    deployment.save(out)
    return deployment

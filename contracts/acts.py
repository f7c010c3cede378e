"""Acts that are signed off chain: what their persons and devices sign, and the form a contract takes it in.

EIP-712 in the domain {name "Tallystick", version "1", chain id, the contract that takes the act}; statements
and acknowledgements have a domain of their own and are not signed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coincurve import PrivateKey
from eth_abi import abi as codec
from sha3 import keccak_256

from contracts.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping

DOMAIN: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
ACTS: Final = {
    "ReleaseOrder": (
        "uint256 receipt,uint256 massKg,bytes32 gate,uint64 opensAt,uint64 closesAt,bytes32 to,"
        "bytes32 content,uint256 nonce,uint64 deadline"
    ),
    "Acceptance": "uint256 pledge,bytes32 terms,uint256 nonce,uint64 deadline",
    "Release": "uint256 pledge,uint256 receipt,bytes32 content,uint256 nonce,uint64 deadline",
    "DeviceKeyRotation": "bytes32 device,uint32 epoch,address newKey,uint64 deadline",
}
"""Act → its fields, as the contracts hash them."""


class ActFieldsDiffer(LedgerError):
    """There is no such act, or its fields are others."""

    code = "ledger.act_fields_differ"


def _keccak(data: bytes) -> bytes:
    return bytes(keccak_256(data).digest())


def act_digest(act: str, fields: Mapping[str, Any], *, chain_id: int, contract: str) -> bytes:
    """The 32 bytes that a signer of the act signs.

    Args:
        act: a name in `ACTS`.
        fields: all of the act's fields by name, nonce and deadline included.
        chain_id: of the chain the act is for.
        contract: address of the contract that takes the act.

    Raises:
        ActFieldsDiffer: no such act, or a field is missing or unknown.
    """
    wanted = [tuple(each.split(" ")) for each in ACTS.get(act, "").split(",") if each]
    if not wanted or {name for _, name in wanted} != set(fields):
        raise ActFieldsDiffer(act=act, given=sorted(fields))
    types = ["bytes32", *(kind for kind, _ in wanted)]
    kind = _keccak(f"{act}({ACTS[act]})".encode())
    struct = _keccak(codec.encode(types, [kind, *(fields[name] for _, name in wanted)]))
    separator = _keccak(
        codec.encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [_keccak(DOMAIN.encode()), _keccak(b"Tallystick"), _keccak(b"1"), chain_id, contract],
        )
    )
    return _keccak(b"\x19\x01" + separator + struct)


def sign_act(digest: bytes, key: bytes) -> bytes:
    """r‖s‖v over the digest, 65 bytes, low s, v 27 or 28."""
    signature = PrivateKey(key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


def two_persons(
    act: str,
    fields: Mapping[str, Any],
    *,
    nonce: int,
    deadline: int,
    chain_id: int,
    contract: str,
    keys: tuple[bytes, bytes],
) -> dict[str, Any]:
    """The `TwoPersons` argument of a contract call: the act as two different persons sign it.

    Args:
        act: a name in `ACTS`.
        fields: the act's own fields by name, without nonce and deadline.
        nonce: one that the party has not used with this contract.
        deadline: last second, in ledger time, at which the act is taken.
        chain_id: of the chain the act is for.
        contract: address of the contract that takes the act.
        keys: private keys of the two persons.

    Raises:
        ActFieldsDiffer: no such act, or a field is missing or unknown.
    """
    signed = {**fields, "nonce": nonce, "deadline": deadline}
    digest = act_digest(act, signed, chain_id=chain_id, contract=contract)
    first, second = (sign_act(digest, key) for key in keys)
    return {"nonce": nonce, "deadline": deadline, "first": first, "second": second}

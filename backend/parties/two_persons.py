"""Acts that two natural persons of one party sign, as the contracts take them (EIP-712, their own domain).

Each key signs the act's own fields, a nonce and a deadline; anyone can derive what is signed a second time
from the same fields.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from eth_abi.abi import encode

from backend.identity.rules import Person
from iot_bridge.evidence.signature import Signer, address_bytes, keccak

DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
GOOD_FOR: Final = timedelta(hours=24)
NONCE_BITS: Final = 128

SignerOf = Callable[[str], Signer]
"""The key of that name in the keystore."""


@dataclass(frozen=True, slots=True)
class ActType:
    """An act as EIP-712 knows it: its name, and its own fields with their Solidity types, in order."""

    name: str
    fields: tuple[tuple[str, str], ...]

    def type_string(self) -> bytes:
        """The type as it is hashed, nonce and deadline at its end."""
        members = (*self.fields, ("nonce", "uint256"), ("deadline", "uint64"))
        return f"{self.name}({','.join(f'{kind} {name}' for name, kind in members)})".encode("ascii")


ACCEPTANCE: Final = ActType("Acceptance", (("pledge", "uint256"), ("terms", "bytes32")))
RELEASE: Final = ActType("Release", (("pledge", "uint256"), ("receipt", "uint256"), ("content", "bytes32")))
RELEASE_ORDER: Final = ActType(
    "ReleaseOrder",
    (
        ("receipt", "uint256"),
        ("massKg", "uint256"),
        ("gate", "bytes32"),
        ("opensAt", "uint64"),
        ("closesAt", "uint64"),
        ("to", "bytes32"),
        ("content", "bytes32"),
    ),
)


@dataclass(frozen=True, slots=True)
class SigningDesk:
    """Where acts of two are signed: the chain, each contract's address, and the keystore.

    `nonce` gives an unused number for each act.
    """

    chain_id: int
    contracts: Mapping[str, str]
    signer_of: SignerOf
    nonce: Callable[[], int] = lambda: secrets.randbits(NONCE_BITS)

    def signed_by_two(
        self,
        act: ActType,
        fields: Mapping[str, Any],
        *,
        contract: str,
        people: tuple[Person, Person],
        now: datetime,
    ) -> dict[str, Any]:
        """The `TwoPersons` of a contract call; good for a day from `now` (wall-clock)."""
        nonce, deadline = self.nonce(), int((now + GOOD_FOR).timestamp())
        domain = domain_separator(self.chain_id, self.contracts[contract])
        digest = act_digest(act, fields, nonce=nonce, deadline=deadline, domain=domain)
        first, second = (self.signer_of(person.signer).sign_digest(digest) for person in people)
        return {"nonce": nonce, "deadline": deadline, "first": first, "second": second}


def domain_separator(chain_id: int, contract: str) -> bytes:
    """The EIP-712 domain of acts taken by this contract."""
    kinds = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    values = [keccak(DOMAIN_TYPE), keccak(b"Tallystick"), keccak(b"1"), chain_id, address_bytes(contract)]
    return keccak(encode(kinds, values))


def act_digest(act: ActType, fields: Mapping[str, Any], *, nonce: int, deadline: int, domain: bytes) -> bytes:
    """What each person signs."""
    kinds = [kind for _, kind in act.fields]
    values = [fields[name] for name, _ in act.fields]
    struct = encode(
        ["bytes32", *kinds, "uint256", "uint64"], [keccak(act.type_string()), *values, nonce, deadline]
    )
    return keccak(b"\x19\x01" + domain + keccak(struct))

"""What two people sign is exactly the act, by an independent encoder of EIP-712."""

from datetime import UTC, datetime
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from backend.identity.rules import Person, Role
from backend.parties.two_persons import ACCEPTANCE, RELEASE, RELEASE_ORDER, SigningDesk
from iot_bridge.evidence.signature import LocalKey, recover_digest

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CONTRACT = "0x" + "33" * 20
KEYS = {"officer.one": b"\x01" * 32, "officer.two": b"\x02" * 32}
ONE, TWO = (Person(name, "bank", frozenset({Role.COLLATERAL_OFFICER}), name) for name in KEYS)
DESK = SigningDesk(7_321, {"PledgeRegistry": CONTRACT}, KEYS.__getitem__, nonce=lambda: 99)
ACTS: dict[str, dict[str, tuple[str, Any]]] = {
    ACCEPTANCE: {"pledge": ("uint256", 4), "terms": ("bytes32", b"\x0a" * 32)},
    RELEASE: {
        "pledge": ("uint256", 4),
        "receipt": ("uint256", 5),
        "content": ("bytes32", b"\x0b" * 32),
    },
    RELEASE_ORDER: {
        "receipt": ("uint256", 5),
        "massKg": ("uint256", 23_940),
        "gate": ("bytes32", b"\x0c" * 32),
        "opensAt": ("uint64", 1_700_000_000),
        "closesAt": ("uint64", 1_700_003_600),
        "to": ("bytes32", b"\x0d" * 32),
        "content": ("bytes32", b"\x0b" * 32),
    },
}


def by_another_encoder(act: str, nonce: int, deadline: int) -> bytes:
    typed = ACTS[act] | {"nonce": ("uint256", nonce), "deadline": ("uint64", deadline)}
    message = encode_typed_data(
        domain_data={"name": "Tallystick", "version": "1", "chainId": 7_321, "verifyingContract": CONTRACT},
        message_types={act: [{"name": name, "type": kind} for name, (kind, _) in typed.items()]},
        message_data={name: value for name, (_, value) in typed.items()},
    )
    return bytes(keccak(b"\x19" + message.version + message.header + message.body))


@pytest.mark.parametrize("act", ACTS)
def test_both_signatures_are_over_the_act_its_nonce_and_its_deadline(act: str) -> None:
    fields = {name: value for name, (_, value) in ACTS[act].items()}
    signed = DESK.signed_by_two(act, fields, contract="PledgeRegistry", people=(ONE, TWO), now=NOON)
    assert signed["nonce"] == 99
    assert signed["deadline"] == int(NOON.timestamp()) + 86_400
    expected = by_another_encoder(act, 99, signed["deadline"])
    signers = [recover_digest(expected, signed[which]) for which in ("first", "second")]
    assert signers == [LocalKey(key).address for key in KEYS.values()]

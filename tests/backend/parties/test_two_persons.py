"""What two people sign is exactly the act, by an independent encoder of EIP-712."""

from datetime import UTC, datetime

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from backend.identity.rules import Person, Role
from backend.parties.two_persons import ACCEPTANCE, RELEASE, RELEASE_ORDER, ActType, SigningDesk, act_digest
from iot_bridge.evidence.signature import LocalKey, recover_digest

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CONTRACT = "0x" + "33" * 20
KEYS = {"officer.one": LocalKey(b"\x01" * 32), "officer.two": LocalKey(b"\x02" * 32)}
ONE, TWO = (Person(name, "bank", frozenset({Role.COLLATERAL_OFFICER}), name) for name in KEYS)
DESK = SigningDesk(7_321, {"PledgeRegistry": CONTRACT}, KEYS.__getitem__, nonce=lambda: 99)
VALUES = {
    "pledge": 4,
    "receipt": 5,
    "massKg": 23_940,
    "terms": b"\x0a" * 32,
    "content": b"\x0b" * 32,
    "gate": b"\x0c" * 32,
    "to": b"\x0d" * 32,
    "opensAt": 1_700_000_000,
    "closesAt": 1_700_003_600,
}


def by_another_encoder(act: ActType, nonce: int, deadline: int) -> bytes:
    members = [{"name": name, "type": kind} for name, kind in act.fields]
    members += [{"name": "nonce", "type": "uint256"}, {"name": "deadline", "type": "uint64"}]
    message = encode_typed_data(
        domain_data={"name": "Tallystick", "version": "1", "chainId": 7_321, "verifyingContract": CONTRACT},
        message_types={act.name: members},
        message_data={name: VALUES[name] for name, _ in act.fields} | {"nonce": nonce, "deadline": deadline},
    )
    return bytes(keccak(b"\x19" + message.version + message.header + message.body))


@pytest.mark.parametrize("act", [ACCEPTANCE, RELEASE, RELEASE_ORDER])
def test_both_signatures_are_over_the_act_its_nonce_and_its_deadline(act: ActType) -> None:
    signed = DESK.signed_by_two(act, VALUES, contract="PledgeRegistry", people=(ONE, TWO), now=NOON)
    assert signed["nonce"] == 99
    assert signed["deadline"] == int(NOON.timestamp()) + 86_400
    expected = by_another_encoder(act, 99, signed["deadline"])
    assert recover_digest(expected, signed["first"]) == KEYS["officer.one"].address
    assert recover_digest(expected, signed["second"]) == KEYS["officer.two"].address


@pytest.mark.parametrize("changed", ["pledge", "receipt", "content"])
def test_another_field_is_another_act(changed: str) -> None:
    other = VALUES | {changed: 6 if isinstance(VALUES[changed], int) else b"\x0e" * 32}
    digests = {
        act_digest(RELEASE, fields, nonce=1, deadline=2, domain=bytes(32)) for fields in (VALUES, other)
    }
    assert len(digests) == 2

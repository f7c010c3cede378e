"""Which statements count: the contract hashes and recovers as Python does, and knows who stands."""

from typing import Any

import pytest

from iot_bridge.evidence.statement import Statement, digest, name32, parse_entry, sign, statement_id
from tests.contracts.test_party_registry import mirrored
from tests.contracts.test_proofs import vectors
from tests.support.ledger_life import (
    BRIDGE,
    FUSION,
    SITE,
    YEAR_S,
    LedgerLife,
    hash_of,
    statement_argument,
)
from tests.support.refusals import refused


def stated(life: LedgerLife, *, creating: bool = True, **changes: Any) -> bytes:
    """Whether the registry takes a statement with these changes; its id."""
    index = life.site.see("movement.in", hash_of("coil"), 9_800, **changes)
    signed = life.site.entries[index - 1]
    return required(life, signed.statement, signed.signature, creating=creating)


def required(life: LedgerLife, statement: Statement, signature: bytes, *, creating: bool = True) -> bytes:
    found = life.ledger.ask(
        "PartyRegistry", "requireStatement", statement_argument(statement), signature, creating
    )
    return bytes(found)


@pytest.mark.parametrize("vector", vectors("statement", "holds"))
def test_the_contract_gives_every_statement_the_id_of_its_vector(
    life: LedgerLife, vector: dict[str, Any]
) -> None:
    statement = parse_entry(bytes.fromhex(vector["entry"][2:])).statement
    found = life.ledger.ask("PartyRegistry", "hashStatement", statement_argument(statement))
    assert "0x" + found.hex() == vector["id"]


def test_the_contract_and_python_agree_on_id_digest_and_signer(life: LedgerLife) -> None:
    index = life.site.see("gate.crossing", bytes(32), 0)
    signed = life.site.entries[index - 1]
    argument = statement_argument(signed.statement)
    assert life.ledger.ask("PartyRegistry", "hashStatement", argument) == statement_id(signed.statement)
    found = life.ledger.ask("PartyRegistry", "statementDigest", argument)
    assert found == digest(signed.statement, life.site.domain)
    assert required(life, signed.statement, signed.signature) == statement_id(signed.statement)


def test_a_statement_of_an_unknown_device_is_refused(life: LedgerLife) -> None:
    with refused("DeviceUnknown", device=name32("ghost")):
        stated(life, device="ghost")


def test_a_statement_for_another_site_is_refused(life: LedgerLife) -> None:
    with refused("DeviceNotOfSite", device=name32(FUSION), enrolledAt=name32(SITE)):
        stated(life, site="wuxi-yard-2")


def test_a_statement_of_an_epoch_without_a_key_is_refused(life: LedgerLife) -> None:
    with refused("KeyUnknown", device=name32(FUSION), epoch=2):
        stated(life, key_epoch=2)


@pytest.mark.parametrize("creating", [True, False])
def test_a_statement_whose_beacon_is_not_before_the_revocation_is_refused(
    life: LedgerLife, creating: bool
) -> None:
    block = life.ledger.act("guardian", "PartyRegistry", "revokeDeviceKey", name32(FUSION), 1).block
    stated(life, creating=creating, beacon_block=block - 1)
    with refused("KeyRevoked", device=name32(FUSION), epoch=1, revokedAtBlock=block, beaconBlock=block):
        stated(life, creating=creating, beacon_block=block)


def test_a_retired_key_creates_nothing_after_its_time_but_still_discharges(life: LedgerLife) -> None:
    new_key = life.ledger.address("fusion, new")
    block = life.ledger.act("enroller", "PartyRegistry", "rekeyDevice", name32(FUSION), new_key).block
    stated(life, beacon_block=block)
    life.ledger.chain.seal()
    with refused("KeyRetired", epoch=1, retiredAtBlock=block, beaconBlock=block + 1):
        stated(life, beacon_block=block + 1)
    stated(life, creating=False, beacon_block=block + 1)
    stated(life, key_epoch=2, signer="fusion, new", beacon_block=block + 1)


def test_a_beacon_from_the_future_creates_nothing(life: LedgerLife) -> None:
    ahead = life.ledger.chain.block_number + 2
    with refused("BeaconAhead", beaconBlock=ahead):
        stated(life, beacon_block=ahead)
    stated(life, creating=False, beacon_block=ahead)


def test_a_statement_older_than_the_sites_limit_creates_nothing(life: LedgerLife) -> None:
    beacon = life.ledger.chain.block_number
    life.ledger.chain.seal(599)
    stated(life, beacon_block=beacon)
    life.ledger.chain.seal()
    with refused("StatementTooOld", beaconBlock=beacon, maxAgeBlocks=600):
        stated(life, beacon_block=beacon)
    stated(life, creating=False, beacon_block=beacon)


def test_a_suspended_device_creates_nothing_but_still_discharges(life: LedgerLife) -> None:
    life.suspend("Device", FUSION)
    with refused("DeviceIsSuspended", device=name32(FUSION)):
        stated(life)
    stated(life, creating=False)


def test_a_device_past_its_calibration_creates_nothing_but_still_discharges(life: LedgerLife) -> None:
    later = life.ledger.chain.now + 2 * YEAR_S
    life.ledger.act("enroller", "PartyRegistry", "renewLicence", name32(SITE), hash_of("next"), later)
    life.ledger.chain.wait(YEAR_S + 60)
    with refused("CalibrationExpired", device=name32(FUSION)):
        stated(life)
    stated(life, creating=False)


def test_a_site_without_licence_or_standing_creates_nothing(life: LedgerLife) -> None:
    later = life.ledger.chain.now + 2 * YEAR_S
    life.ledger.act("enroller", "PartyRegistry", "calibrateDevice", name32(FUSION), later)
    life.suspend("Site", SITE)
    with refused("SiteIsSuspended", site=name32(SITE)):
        stated(life)
    life.suspend("Site", SITE, suspended=False)
    life.ledger.chain.wait(YEAR_S + 60)
    with refused("LicenceExpired", site=name32(SITE)):
        stated(life)
    stated(life, creating=False)


def test_a_statement_signed_by_another_key_is_refused(life: LedgerLife) -> None:
    expected, signer = life.ledger.address(FUSION).lower(), life.ledger.address(BRIDGE).lower()
    with refused("SignerIsNot", expected=expected, signer=signer):
        stated(life, signer=BRIDGE)


def test_a_signature_has_one_form_only(life: LedgerLife) -> None:
    index = life.site.see("gate.crossing", bytes(32), 0)
    signed = life.site.entries[index - 1]
    with refused("SignatureLengthIs", length=66):
        required(life, signed.statement, signed.signature + b"\0")
    with refused("SignatureNotLow"):
        required(life, signed.statement, mirrored(signed.signature))
    with refused("SignatureInvalid"):
        required(life, signed.statement, signed.signature[:64] + bytes([signed.signature[64] - 27]))


def test_a_statement_for_another_registry_is_by_nobody_here(life: LedgerLife) -> None:
    index = life.site.see("gate.crossing", bytes(32), 0)
    statement = life.site.entries[index - 1].statement
    elsewhere = type(life.site.domain)(life.ledger.chain.chain_id, life.ledger.at("EvidenceLog"))
    signed = sign(statement, life.ledger.chain.key(FUSION), elsewhere)
    with refused("SignerIsNot"):
        required(life, statement, signed.signature)

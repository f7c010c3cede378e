"""Every vector file holds or is refused as it says; the files were made with other libraries than ours."""

import json
from pathlib import Path
from typing import Any

import pytest

from iot_bridge.evidence.body import parse_body, require_body
from iot_bridge.evidence.errors import EvidenceRefused, SignerUnknown
from iot_bridge.evidence.log import verify_consistency, verify_inclusion
from iot_bridge.evidence.rederive import root_by_inclusion, roots_by_consistency
from iot_bridge.evidence.statement import EvidenceDomain, digest, parse_entry, recover, statement_id

VECTORS = Path(__file__).parents[2] / "vectors"


def vectors(folder: str, expected: str) -> list[Any]:
    """The vectors of a folder that expect the same thing, each under its file's name."""
    found = [(each.stem, json.loads(each.read_text("utf-8"))) for each in (VECTORS / folder).glob("*.json")]
    assert found
    return [pytest.param(vector, id=name) for name, vector in sorted(found) if expected in vector["expect"]]


def domain_of(vector: dict[str, Any]) -> EvidenceDomain:
    return EvidenceDomain(vector["domain"]["chainId"], vector["domain"]["verifyingContract"])


def check(vector: dict[str, Any]) -> str:
    """Everything that can be said of a statement without a registry; its signer."""
    signed = parse_entry(bytes.fromhex(vector["entry"][2:]))
    signer = recover(signed, domain_of(vector))
    require_body(signed.statement, vector["body"])
    return signer


def signer_of(vector: dict[str, Any]) -> str | None:
    """Who signed, None where no key could have."""
    try:
        return recover(parse_entry(bytes.fromhex(vector["entry"][2:])), domain_of(vector))
    except SignerUnknown:
        return None


@pytest.mark.parametrize("vector", vectors("statement", "holds"))
def test_an_honest_statement_has_the_id_the_digest_and_the_signer_of_its_vector(
    vector: dict[str, Any],
) -> None:
    signed = parse_entry(bytes.fromhex(vector["entry"][2:]))
    body = require_body(signed.statement, vector["body"])
    assert body.text == vector["body"]
    assert "0x" + statement_id(signed.statement).hex() == vector["id"]
    assert "0x" + digest(signed.statement, domain_of(vector)).hex() == vector["digest"]
    assert "0x" + signed.signature.hex() == vector["signature"]
    assert "0x" + signed.leaf().hex() == vector["leaf"]
    assert "0x" + signed.entry().hex() == vector["entry"]
    assert recover(signed, domain_of(vector)) == vector["device_key"]
    said = vector["statement"]
    assert (signed.statement.site, signed.statement.kind) == (said["site"], said["kind"])
    assert (signed.statement.seq, signed.statement.quantity) == (said["seq"], int(said["quantity"]))


@pytest.mark.parametrize("vector", vectors("statement", "signer_differs"))
def test_a_statement_altered_by_one_bit_is_not_by_its_device(vector: dict[str, Any]) -> None:
    assert signer_of(vector) != vector["device_key"]


@pytest.mark.parametrize("vector", vectors("statement", "refused"))
def test_a_malformed_statement_is_refused_by_name(vector: dict[str, Any]) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        check(vector)
    assert refused.value.code == vector["expect"]["refused"]


@pytest.mark.parametrize("vector", vectors("body", "sha256"))
def test_an_honest_body_has_the_hash_of_its_vector(vector: dict[str, Any]) -> None:
    assert "0x" + parse_body(vector["kind"], vector["text"]).hash.hex() == vector["expect"]["sha256"]


@pytest.mark.parametrize("vector", vectors("body", "refused"))
def test_a_body_that_is_not_of_its_one_form_is_refused_by_name(vector: dict[str, Any]) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        parse_body(vector["kind"], vector["text"])
    assert refused.value.code == vector["expect"]["refused"]


def proven(vector: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The vector as arguments of the verifiers: what is claimed, and with which hashes."""
    claim = {
        name: bytes.fromhex(value[2:]) if isinstance(value, str) else value
        for name, value in vector.items()
        if name not in {"what", "expect", "proof"}
    }
    return claim, {"proof": [bytes.fromhex(each[2:]) for each in vector["proof"]]}


@pytest.mark.parametrize("vector", vectors("inclusion", "holds"))
def test_an_honest_inclusion_vector_convinces_both_verifiers(vector: dict[str, Any]) -> None:
    claim, proof = proven(vector)
    verify_inclusion(**claim, **proof)
    assert root_by_inclusion(claim["leaf"], claim["index"], claim["size"], **proof) == claim["root"]


@pytest.mark.parametrize("vector", vectors("inclusion", "refused"))
def test_a_false_inclusion_vector_convinces_neither_verifier(vector: dict[str, Any]) -> None:
    claim, proof = proven(vector)
    with pytest.raises(EvidenceRefused) as refused:
        verify_inclusion(**claim, **proof)
    assert refused.value.code == vector["expect"]["refused"]
    assert root_by_inclusion(claim["leaf"], claim["index"], claim["size"], **proof) != claim["root"]


@pytest.mark.parametrize("vector", vectors("consistency", "holds"))
def test_an_honest_consistency_vector_convinces_both_verifiers(vector: dict[str, Any]) -> None:
    claim, proof = proven(vector)
    verify_consistency(**claim, **proof)
    heads = (claim["old_root"], claim["new_root"])
    assert roots_by_consistency(claim["old_root"], claim["old"], claim["new"], **proof) == heads


@pytest.mark.parametrize("vector", vectors("consistency", "refused"))
def test_a_false_consistency_vector_convinces_neither_verifier(vector: dict[str, Any]) -> None:
    claim, proof = proven(vector)
    with pytest.raises(EvidenceRefused) as refused:
        verify_consistency(**claim, **proof)
    assert refused.value.code == vector["expect"]["refused"]
    heads = (claim["old_root"], claim["new_root"])
    assert roots_by_consistency(claim["old_root"], claim["old"], claim["new"], **proof) != heads

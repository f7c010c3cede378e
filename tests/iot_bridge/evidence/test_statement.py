"""A statement's id, digest and signature, against the libraries of the field."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.signature import LocalKey, address_bytes, checksum_address
from iot_bridge.evidence.statement import (
    DOMAIN_NAME,
    DOMAIN_VERSION,
    ENTRY_BYTES,
    STATEMENT_TYPE,
    EvidenceDomain,
    Statement,
    digest,
    name32,
    name_of,
    parse_entry,
    recover,
    sign,
    statement_id,
)

DOMAIN = EvidenceDomain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
SECRET = b"\x07" * 32
NAMES = st.from_regex(r"[a-z0-9.-]{3,32}", fullmatch=True)
WORDS = st.binary(min_size=32, max_size=32)


def uint(bits: int, low: int = 0) -> st.SearchStrategy[int]:
    return st.integers(low, (1 << bits) - 1)


STATEMENTS = st.builds(
    Statement,
    site=NAMES,
    device=NAMES,
    key_epoch=uint(32),
    seq=uint(64, 1),
    prev=WORDS,
    seen_at_ms=uint(64),
    beacon_block=uint(64),
    beacon_hash=WORDS,
    kind=NAMES,
    subject=WORDS,
    quantity=uint(256),
    body=WORDS,
)


def typed_data(statement: Statement) -> Any:
    """The statement as eth-account encodes it."""
    fields = [each.split(" ") for each in STATEMENT_TYPE[len("Statement(") : -1].split(",")]
    values = [
        name32(statement.site),
        name32(statement.device),
        statement.key_epoch,
        statement.seq,
        statement.prev,
        statement.seen_at_ms,
        statement.beacon_block,
        statement.beacon_hash,
        name32(statement.kind),
        statement.subject,
        statement.quantity,
        statement.body,
    ]
    return encode_typed_data(
        {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": DOMAIN.chain_id,
            "verifyingContract": DOMAIN.registry,
        },
        {"Statement": [{"name": name, "type": kind} for kind, name in fields]},
        {name: value for (_, name), value in zip(fields, values, strict=True)},
    )


@given(STATEMENTS)
@settings(max_examples=50, deadline=None)
def test_id_and_signature_are_those_of_eth_account(statement: Statement) -> None:
    oracle = typed_data(statement)
    signed = sign(statement, SECRET, DOMAIN)
    assert statement_id(statement) == oracle.body
    assert signed.signature == bytes(Account.sign_message(oracle, SECRET).signature)
    assert recover(signed, DOMAIN) == Account.from_key(SECRET).address


@given(STATEMENTS)
@settings(deadline=None)
def test_an_entry_reads_back_as_the_same_statement(statement: Statement) -> None:
    signed = sign(statement, SECRET, DOMAIN)
    assert len(signed.entry()) == ENTRY_BYTES
    assert parse_entry(signed.entry()) == signed


@given(STATEMENTS, st.integers(0, ENTRY_BYTES - 1), st.integers(1, 255))
@settings(deadline=None)
def test_a_statement_with_one_changed_byte_is_refused_or_by_nobody(
    statement: Statement, at: int, change: int
) -> None:
    entry = bytearray(sign(statement, SECRET, DOMAIN).entry())
    entry[at] ^= change
    try:
        signer = recover(parse_entry(bytes(entry)), DOMAIN)
    except EvidenceRefused:
        return
    assert signer != LocalKey(SECRET).address


@given(NAMES)
@settings(deadline=None)
def test_a_name_reads_back_from_its_word(name: str) -> None:
    assert name_of(name32(name)) == name


@pytest.mark.parametrize("name", ["ab", "a" * 33, "Yard", "yard_1", "yard 1", "yard\n", "场地一号", ""])
def test_a_name_of_other_characters_is_refused(name: str) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        name32(name)
    assert refused.value.code == "statement.name_malformed"


@pytest.mark.parametrize("secret", [b"", b"\x01" * 31, bytes(32), b"\xff" * 32])
def test_a_secret_that_is_no_key_is_refused(secret: bytes) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        LocalKey(secret)
    assert refused.value.code == "statement.key_malformed"


def test_the_secret_is_not_in_the_refusal() -> None:
    with pytest.raises(EvidenceRefused) as refused:
        LocalKey(b"\xff" * 32)
    assert "ff" * 8 not in str(refused.value)


@pytest.mark.parametrize("address", ["", "0x12", "0x" + "g" * 40, "f" * 40, "0x" + "f" * 42])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        address_bytes(address)
    assert refused.value.code == "statement.address_malformed"


def test_an_address_is_written_in_the_letter_case_of_its_checksum() -> None:
    address = Account.from_key(SECRET).address
    assert checksum_address(address.lower()) == address


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"seq": 1 << 64},
        {"key_epoch": -1},
        {"quantity": 1 << 256},
        {"quantity": True},
        {"prev": b"\0" * 31},
        {"body": "0x00"},
    ],
)
def test_a_header_that_no_contract_could_read_cannot_be_made(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "site": "yard-1",
        "device": "cam-1",
        "key_epoch": 1,
        "seq": 1,
        "prev": bytes(32),
        "seen_at_ms": 1,
        "beacon_block": 1,
        "beacon_hash": bytes(32),
        "kind": "device.health",
        "subject": bytes(32),
        "quantity": 0,
        "body": bytes(32),
    }
    with pytest.raises(EvidenceRefused) as refused:
        Statement(**{**fields, **change})
    assert refused.value.code == "statement.field_out_of_range"


def test_a_digest_of_another_domain_is_another_digest() -> None:
    statement = Statement(
        "yard-1", "cam-1", 1, 1, bytes(32), 1, 1, bytes(32), "tag.read", bytes(32), 0, bytes(32)
    )
    other = EvidenceDomain(DOMAIN.chain_id, "0x" + "1" * 40)
    assert len({digest(statement, each) for each in (DOMAIN, other, EvidenceDomain(1, DOMAIN.registry))}) == 3

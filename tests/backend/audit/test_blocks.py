"""Headers and receipts of a py-evm chain: their bytes are rebuilt, and a proof binds exactly one receipt."""

from dataclasses import dataclass
from typing import Any

import pytest
import rlp
from eth_tester import PyEVMBackend
from eth_utils import keccak

from backend.audit.blocks import (
    Header,
    HeaderMalformed,
    HeaderNotReproduced,
    ReceiptMalformed,
    ReceiptNotInBlock,
    ReceiptsNotReproduced,
    bloom_mask,
    header_of,
    may_hold,
    parse_header,
    parse_receipt,
    prove_receipts,
    receipt_bytes,
    require_in_block,
)

LOGGER = bytes.fromhex("600f600c600039600f6000f3" + "60003560005260203560206000a100")
"""Creates a contract that logs its call's first word under the second as topic."""
MANY = 140
"""More than 127, from where the trie's keys are two bytes long."""


@dataclass(frozen=True)
class Sealed:
    header: Header
    fields: dict[str, Any]
    receipts: list[bytes]
    answers: list[dict[str, Any]]
    logger: bytes


@pytest.fixture(scope="module")
def block() -> Sealed:
    backend = PyEVMBackend()
    sender = backend.get_accounts()[0]
    common = {"from": sender, "value": 0, "max_fee_per_gas": 10**10, "max_priority_fee_per_gas": 10**9}
    backend.send_transaction({**common, "to": b"", "data": LOGGER, "nonce": 0, "gas": 200_000})
    backend.mine_blocks(1)
    logger = keccak(rlp.encode([sender, 0]))[12:]
    for place in range(MANY):
        words = place.to_bytes(32, "big") + (place + 1).to_bytes(32, "big")
        backend.send_transaction({**common, "to": logger, "data": words, "nonce": place + 1, "gas": 60_000})
    backend.mine_blocks(1)
    sealed = backend.chain.get_canonical_block_by_number(2)
    receipts = [receipt.encode() for receipt in sealed.get_receipts(backend.chain.chaindb)]
    answers = [as_answer(receipt) for receipt in sealed.get_receipts(backend.chain.chaindb)]
    return Sealed(
        parse_header(rlp.encode(sealed.header)), fields_of(sealed.header), receipts, answers, logger
    )


def fields_of(header: Any) -> dict[str, Any]:
    """The header in the words of `eth_getBlockByNumber`."""
    names = {
        "parentHash": "parent_hash",
        "sha3Uncles": "uncles_hash",
        "miner": "coinbase",
        "stateRoot": "state_root",
        "transactionsRoot": "transaction_root",
        "receiptsRoot": "receipt_root",
        "extraData": "extra_data",
        "mixHash": "mix_hash",
        "nonce": "nonce",
        "withdrawalsRoot": "withdrawals_root",
        "hash": "hash",
        "parentBeaconBlockRoot": "parent_beacon_block_root",
        "requestsHash": "requests_hash",
        "difficulty": "difficulty",
        "number": "block_number",
        "gasLimit": "gas_limit",
        "gasUsed": "gas_used",
        "timestamp": "timestamp",
        "baseFeePerGas": "base_fee_per_gas",
        "blobGasUsed": "blob_gas_used",
        "excessBlobGas": "excess_blob_gas",
    }
    values = {name: getattr(header, attribute) for name, attribute in names.items()}
    values["logsBloom"] = header.bloom.to_bytes(256, "big")
    return {name: hex(v) if isinstance(v, int) else "0x" + v.hex() for name, v in values.items()}


def as_answer(receipt: Any) -> dict[str, Any]:
    """A receipt in the words of `eth_getBlockReceipts`."""
    logs = [
        {
            "address": "0x" + log.address.hex(),
            "topics": [f"0x{topic:064x}" for topic in log.topics],
            "data": "0x" + log.data.hex(),
        }
        for log in receipt.logs
    ]
    return {
        "type": "0x2",
        "status": "0x1",
        "cumulativeGasUsed": hex(receipt.gas_used),
        "logsBloom": f"0x{receipt.bloom:0512x}",
        "logs": logs,
    }


def test_every_receipt_of_a_block_is_proved(block: Sealed) -> None:
    assert len(block.receipts) == MANY
    for place, receipt in enumerate(block.receipts):
        require_in_block(receipt, place, prove_receipts(block.receipts, [place], block.header), block.header)
        assert parse_receipt(receipt).logs[0].topics == ((place + 1).to_bytes(32, "big"),)
    assert parse_receipt(block.receipts[-1]).cumulative_gas == block.header.gas_used


def test_a_nodes_answers_give_the_bytes_that_the_hashes_are_made_of(block: Sealed) -> None:
    assert header_of(block.fields) == block.header
    assert [receipt_bytes(answer) for answer in block.answers] == block.receipts


@pytest.mark.parametrize("name", ["stateRoot", "timestamp", "extraData", "requestsHash"])
def test_a_header_whose_fields_do_not_give_its_hash_is_refused(block: Sealed, name: str) -> None:
    wrong = block.fields[name][:-1] + ("0" if block.fields[name][-1] != "0" else "1")
    with pytest.raises(HeaderNotReproduced):
        header_of({**block.fields, name: wrong})


@pytest.mark.parametrize("at", [0, 1, 40, 400])
def test_a_flipped_byte_of_a_header_is_another_hash_or_no_header(block: Sealed, at: int) -> None:
    raw = block.header.raw
    flipped = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
    try:
        found = parse_header(flipped).hash
    except HeaderMalformed:
        found = b""
    assert found != block.header.hash


@pytest.mark.parametrize("raw", [b"", b"\xc0", rlp.encode([b""] * 15), rlp.encode([b"x"] * 22), b"\xf9"])
def test_bytes_that_are_no_header_are_refused(raw: bytes) -> None:
    with pytest.raises(HeaderMalformed):
        parse_header(raw)


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"\xc4\x01\x01\x01\x01", rlp.encode([b""] * 3)])
def test_bytes_that_are_no_receipt_are_refused(raw: bytes) -> None:
    with pytest.raises(ReceiptMalformed):
        parse_receipt(raw)


def test_a_receipt_does_not_stand_at_another_place(block: Sealed) -> None:
    nodes = prove_receipts(block.receipts, [7, 8], block.header)
    with pytest.raises(ReceiptNotInBlock):
        require_in_block(block.receipts[7], 8, nodes, block.header)


def test_a_receipt_with_one_flipped_byte_is_not_in_the_block(block: Sealed) -> None:
    nodes = prove_receipts(block.receipts, [7], block.header)
    raw = bytearray(block.receipts[7])
    raw[-1] ^= 1
    with pytest.raises(ReceiptNotInBlock):
        require_in_block(bytes(raw), 7, nodes, block.header)


def test_a_place_past_the_last_holds_nothing_not_even_an_empty_receipt(block: Sealed) -> None:
    nodes = prove_receipts(block.receipts, range(MANY), block.header)
    with pytest.raises(ReceiptNotInBlock):
        require_in_block(b"", MANY, nodes, block.header)


def test_a_proof_with_a_node_missing_or_changed_proves_nothing(block: Sealed) -> None:
    nodes = prove_receipts(block.receipts, [7], block.header)
    for place, node in enumerate(nodes):
        rest = nodes[:place] + nodes[place + 1 :]
        for path in (rest, (*rest, node[:-1] + bytes([node[-1] ^ 1])), (*rest, b"")):
            with pytest.raises(ReceiptNotInBlock):
                require_in_block(block.receipts[7], 7, path, block.header)


def test_receipts_that_do_not_give_the_root_are_never_proved(block: Sealed) -> None:
    with pytest.raises(ReceiptsNotReproduced):
        prove_receipts(block.receipts[:-1], [0], block.header)


def test_a_bloom_never_denies_what_the_block_logs(block: Sealed) -> None:
    topics = [(place + 1).to_bytes(32, "big") for place in range(MANY)]
    assert all(may_hold(block.header.bloom, [bloom_mask(block.logger, topic)]) for topic in topics)
    strangers = [keccak(topic) for topic in topics]
    assert not all(may_hold(block.header.bloom, [bloom_mask(block.logger, each)]) for each in strangers)
    assert not may_hold(bytes(256), [bloom_mask(block.logger)])
    assert not may_hold(block.header.bloom, [])

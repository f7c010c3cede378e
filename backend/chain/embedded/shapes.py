"""Blocks, transactions and receipts in the form that JSON-RPC gives them. Knows no storage and no request."""

from dataclasses import dataclass
from typing import Any

from eth.abc import BlockAPI, ReceiptAPI, SignedTransactionAPI
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from rlp import encode


@dataclass(frozen=True, slots=True)
class Before:
    """What the earlier transactions of a block came to: their gas and the number of their logs."""

    gas: int = 0
    logs: int = 0


def base_fee(header: Any) -> int:
    """What a unit of gas costs in a block, in wei; every block of this ledger says it (EIP-1559)."""
    return int(header.base_fee_per_gas)


def data(value: bytes) -> str:
    """Bytes as JSON-RPC writes them."""
    return "0x" + bytes(value).hex()


def header_json(header: Any) -> dict[str, Any]:
    """Every field of a header."""
    return {
        "number": hex(header.block_number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "sha3Uncles": data(header.uncles_hash),
        "miner": to_checksum_address(header.coinbase),
        "stateRoot": data(header.state_root),
        "transactionsRoot": data(header.transaction_root),
        "receiptsRoot": data(header.receipt_root),
        "logsBloom": data(header.bloom.to_bytes(256, "big")),
        "difficulty": hex(header.difficulty),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "extraData": data(header.extra_data),
        "mixHash": data(header.mix_hash),
        "nonce": data(header.nonce),
        "baseFeePerGas": hex(base_fee(header)),
        "withdrawalsRoot": data(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
    }


def block_json(block: BlockAPI, *, whole: bool) -> dict[str, Any]:
    """A block, with its transactions whole or as hashes."""
    transactions: list[Any] = [
        transaction_json(transaction, block, position) if whole else data(transaction.hash)
        for position, transaction in enumerate(block.transactions)
    ]
    return {
        **header_json(block.header),
        "size": hex(len(encode(block))),
        "uncles": [],
        "withdrawals": [],
        "transactions": transactions,
    }


def transaction_json(
    transaction: SignedTransactionAPI, block: BlockAPI | None, position: int | None
) -> dict[str, Any]:
    """A transaction; `block` and `position` are None while it waits."""
    kind = transaction.type_id or 0
    parity = transaction.y_parity
    shaped: dict[str, Any] = {
        "hash": data(transaction.hash),
        "type": hex(kind),
        "nonce": hex(transaction.nonce),
        "from": to_checksum_address(transaction.sender),
        "to": to_checksum_address(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "gasPrice": hex(_price(transaction, block)),
        "input": data(transaction.data),
        "v": hex(parity if kind else transaction.v),  # type: ignore[attr-defined]
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        "blockHash": None if block is None else data(block.hash),
        "blockNumber": None if block is None else hex(block.number),
        "transactionIndex": None if position is None else hex(position),
    }
    if kind:
        assert transaction.chain_id is not None  # noqa: S101 - type narrowing: typed transactions name it
        shaped |= {
            "chainId": hex(transaction.chain_id),
            "yParity": hex(parity),
            "maxFeePerGas": hex(transaction.max_fee_per_gas),
            "maxPriorityFeePerGas": hex(transaction.max_priority_fee_per_gas),
            "accessList": [
                {"address": to_checksum_address(address), "storageKeys": [hex(slot) for slot in slots]}
                for address, slots in transaction.access_list
            ],
        }
    return shaped


def receipt_json(block: BlockAPI, position: int, receipt: ReceiptAPI, before: Before) -> dict[str, Any]:
    """A receipt with its logs, numbered through the block."""
    transaction = block.transactions[position]
    place = {
        "transactionHash": data(transaction.hash),
        "transactionIndex": hex(position),
        "blockHash": data(block.hash),
        "blockNumber": hex(block.number),
    }
    return {
        **place,
        "type": hex(transaction.type_id or 0),
        "from": to_checksum_address(transaction.sender),
        "to": to_checksum_address(transaction.to) if transaction.to else None,
        "contractAddress": None if transaction.to else _created(transaction),
        "cumulativeGasUsed": hex(receipt.gas_used),
        "gasUsed": hex(receipt.gas_used - before.gas),
        "effectiveGasPrice": hex(_price(transaction, block)),
        "status": hex(int.from_bytes(receipt.state_root, "big")),
        "logsBloom": data(receipt.bloom.to_bytes(256, "big")),
        "logs": [
            {
                **place,
                "address": data(log.address),
                "topics": [data(topic.to_bytes(32, "big")) for topic in log.topics],
                "data": data(log.data),
                "logIndex": hex(before.logs + offset),
                "removed": False,
            }
            for offset, log in enumerate(receipt.logs)
        ],
    }


def _price(transaction: SignedTransactionAPI, block: BlockAPI | None) -> int:
    if block is None:
        return int(transaction.max_fee_per_gas)
    base: Any = block.header.base_fee_per_gas
    return int(min(transaction.max_fee_per_gas, base + transaction.max_priority_fee_per_gas))


def _created(transaction: SignedTransactionAPI) -> str:
    """The address of the contract that a transaction without a recipient makes (Yellow Paper, section 7)."""
    return to_checksum_address(keccak(encode([bytes(transaction.sender), transaction.nonce]))[12:])

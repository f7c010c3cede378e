"""What our own accounts have sent, as the ledger has it, whatever our books say. Reads final blocks only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.rpc import NodeRefused, NodeUnavailable, Rpc

BLOCKS_AT_ONCE: Final = 32
COUNT: Final = "eth_getTransactionCount"


@dataclass(frozen=True, slots=True)
class OwnTransaction:
    """A transaction of one of our accounts in a block; `to` in lower case, None where it makes a contract."""

    hash: bytes
    signer: str
    nonce: int
    to: str | None
    calldata: bytes
    block_number: int
    failed: bool
    speakers: frozenset[str]
    """Lower-case addresses of the contracts that said something in it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many transactions a node counts of an account: up to a block, to its newest, with waiting ones."""

    final: int
    latest: int
    pending: int


def counts_of(rpc: Rpc, accounts: Mapping[str, str], height: int) -> dict[str, Counts]:
    """The counts behind each signer's name.

    Args:
        rpc: the node.
        accounts: signer → address.
        height: the block of `Counts.final`.

    Raises:
        NodeUnavailable: no answer came.
    """
    at = [_counts(rpc, accounts, tag) for tag in (hex(height), "latest", "pending")]
    return {signer: Counts(*(each[signer] for each in at)) for signer in accounts}


def transactions_of(rpc: Rpc, accounts: Mapping[str, str], first: int, last: int) -> list[OwnTransaction]:
    """Every transaction of our accounts in those blocks, inclusive, in the ledger's order.

    Args:
        rpc: the node.
        accounts: signer → address.
        first: the first block.
        last: the last one, which must be final.

    Raises:
        NodeUnavailable: no answer, or one that does not fit together: fewer transactions than it counts.
    """
    expected = _sent_between(rpc, accounts, first, last)
    if expected is not None and not any(expected.values()):
        return []
    names = {address.lower(): signer for signer, address in accounts.items()}
    found = [
        (names[each["from"].lower()], each)
        for block in _blocks(rpc, first, last)
        for each in block["transactions"]
        if each["from"].lower() in names
    ]
    if expected is not None:
        for signer, count in expected.items():
            if sum(1 for name, _ in found if name == signer) != count:
                raise NodeUnavailable(
                    url=rpc.url, signer=signer, why="it gives other transactions than it counts"
                )
    receipts = rpc.batch([("eth_getTransactionReceipt", [each["hash"]]) for _, each in found])
    return [_own(rpc, signer, each, receipt) for (signer, each), receipt in zip(found, receipts, strict=True)]


def _sent_between(rpc: Rpc, accounts: Mapping[str, str], first: int, last: int) -> dict[str, int] | None:
    """How many each account sent in those blocks; None where the node no longer knows counts that old."""
    try:
        before, after = (_counts(rpc, accounts, hex(number)) for number in (max(first - 1, 0), last))
    except NodeRefused:
        return None
    return {signer: after[signer] - before[signer] for signer in accounts}


def _counts(rpc: Rpc, accounts: Mapping[str, str], tag: str) -> dict[str, int]:
    answers = rpc.batch([(COUNT, [address, tag]) for address in accounts.values()])
    return {signer: int(answer, 16) for signer, answer in zip(accounts, answers, strict=True)}


def _blocks(rpc: Rpc, first: int, last: int) -> Iterator[dict[str, Any]]:
    for start in range(first, last + 1, BLOCKS_AT_ONCE):
        numbers = range(start, min(last + 1, start + BLOCKS_AT_ONCE))
        answers = rpc.batch([("eth_getBlockByNumber", [hex(number), True]) for number in numbers])
        for number, block in zip(numbers, answers, strict=True):
            if block is None or int(block["number"], 16) != number:
                raise NodeUnavailable(url=rpc.url, block=number, why="a final block is missing")
            yield block


def _own(rpc: Rpc, signer: str, given: dict[str, Any], receipt: dict[str, Any] | None) -> OwnTransaction:
    if receipt is None:
        raise NodeUnavailable(
            url=rpc.url, transaction=given["hash"], why="a final transaction has no receipt"
        )
    return OwnTransaction(
        hash=bytes.fromhex(given["hash"][2:]),
        signer=signer,
        nonce=int(given["nonce"], 16),
        to=None if given["to"] is None else given["to"].lower(),
        calldata=bytes.fromhex(given["input"][2:]),
        block_number=int(given["blockNumber"], 16),
        failed=not int(receipt["status"], 16),
        speakers=frozenset(each["address"].lower() for each in receipt["logs"]),
    )

"""Block headers and receipts as the bytes that their hashes are made of, and the proof that binds the two.

It knows Ethereum's encodings and the fields of its JSON-RPC specification, and nothing of contracts or files.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import rlp
from rlp.exceptions import RLPException
from sha3 import keccak_256
from trie.hexary import HexaryTrie

from backend.errors import Invalid, Unavailable

LEGACY_RECEIPT: Final = 0
"""The type of receipts that have no type byte."""

HEADER_FIELDS: Final = {15, 16, 17, 19, 20, 21}
"""How many fields a header has had: first, with a base fee, withdrawals, blobs, a beacon root, requests."""


class HeaderMalformed(Invalid):
    """The bytes given as a block header are not the encoding of one."""

    code = "audit.header_malformed"


class HeaderNotReproduced(Unavailable):
    """The node's fields of a block do not hash to the hash that it gives, so no proof can rest on them."""

    code = "audit.header_not_reproduced"


class ReceiptMalformed(Invalid):
    """The bytes given as a transaction receipt are not the encoding of one."""

    code = "audit.receipt_malformed"


class ReceiptsNotReproduced(Unavailable):
    """The node's receipts of a block do not give the receipts root in its header."""

    code = "audit.receipts_not_reproduced"


class ReceiptNotInBlock(Invalid):
    """The receipt is not the one that the block's header commits to at that place."""

    code = "audit.receipt_not_in_block"


@dataclass(frozen=True, slots=True)
class Header:
    """A block header: the encoding, its hash, and the fields that a proof rests on."""

    raw: bytes
    hash: bytes
    parent_hash: bytes
    receipts_root: bytes
    bloom: bytes
    number: int
    gas_used: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Log:
    """One log of a receipt; `address` is lower-case hex."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction left: whether it took effect, the block's gas up to its end, its logs in order."""

    succeeded: bool
    cumulative_gas: int
    logs: tuple[Log, ...]


def keccak(data: bytes) -> bytes:
    """Ethereum's 32-byte hash of `data`."""
    return bytes(keccak_256(data).digest())


def parse_header(raw: bytes) -> Header:
    """The header whose encoding `raw` is; refuses anything else as `HeaderMalformed`."""
    try:
        fields = rlp.decode(raw)
        if not isinstance(fields, list) or len(fields) not in HEADER_FIELDS or rlp.encode(fields) != raw:
            raise HeaderMalformed(bytes=len(raw))
        parent, root, bloom = fields[0], fields[5], fields[6]
        number, gas_used, timestamp = (_integer(fields[i]) for i in (8, 10, 11))
    except (RLPException, ValueError, TypeError) as error:
        raise HeaderMalformed(bytes=len(raw)) from error
    if (len(parent), len(root), len(bloom)) != (32, 32, 256):
        raise HeaderMalformed(bytes=len(raw))
    return Header(raw, keccak(raw), parent, root, bloom, number, gas_used, timestamp)


def header_of(block: Mapping[str, Any]) -> Header:
    """The header of a block as a node answers it (`eth_getBlockByNumber`).

    Raises:
        HeaderNotReproduced: the fields do not hash to the block's hash, as where the hash leaves fields out.
    """
    fixed = (
        "parentHash",
        "sha3Uncles",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "logsBloom",
    )
    fields = [_octets(block[name]) for name in fixed]
    fields += [_number(block[name]) for name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")]
    fields += [_octets(block[name]) for name in ("extraData", "mixHash", "nonce")]
    later: tuple[tuple[str, Callable[[Any], bytes]], ...] = (
        ("baseFeePerGas", _number),
        ("withdrawalsRoot", _octets),
        ("blobGasUsed", _number),
        ("excessBlobGas", _number),
        ("parentBeaconBlockRoot", _octets),
        ("requestsHash", _octets),
    )
    fields += [encode(block[name]) for name, encode in later if block.get(name) is not None]
    raw = rlp.encode(fields)
    if keccak(raw) != _octets(block["hash"]):
        raise HeaderNotReproduced(
            block=block["number"], hash=block["hash"], computed="0x" + keccak(raw).hex()
        )
    return parse_header(raw)


def parse_receipt(raw: bytes) -> Receipt:
    """The receipt whose encoding `raw` is, typed or legacy; refuses anything else as `ReceiptMalformed`."""
    try:
        body = raw if raw[:1] >= b"\xc0" else raw[1:]
        fields = rlp.decode(body)
        status, gas, _, logs = fields
        if rlp.encode(fields) != body:
            raise ReceiptMalformed(bytes=len(raw))
        return Receipt(status == b"\x01", _integer(gas), tuple(_log(log) for log in logs))
    except (RLPException, ValueError, TypeError, AttributeError) as error:
        raise ReceiptMalformed(bytes=len(raw)) from error


def receipt_bytes(receipt: Mapping[str, Any]) -> bytes:
    """The encoding of a receipt as a node answers it (`eth_getBlockReceipts`)."""
    logs = [
        [_octets(log["address"]), [_octets(topic) for topic in log["topics"]], _octets(log["data"])]
        for log in receipt["logs"]
    ]
    status = _number(receipt["status"]) if receipt.get("status") is not None else _octets(receipt["root"])
    gas, bloom = _number(receipt["cumulativeGasUsed"]), _octets(receipt["logsBloom"])
    payload: bytes = rlp.encode([status, gas, bloom, logs])
    kind = int(receipt.get("type", "0x0"), 16)
    return payload if kind == LEGACY_RECEIPT else bytes([kind]) + payload


def prove_receipts(receipts: Sequence[bytes], wanted: Iterable[int], header: Header) -> tuple[bytes, ...]:
    """The nodes of the receipts trie from the header's root to the wanted receipts, sorted, each once.

    Args:
        receipts: all receipts of the block, encoded, in order.
        wanted: places of the receipts to prove.
        header: of the same block.

    Raises:
        ReceiptsNotReproduced: the receipts do not give the header's root.
    """
    trie = HexaryTrie({})
    for place, receipt in enumerate(receipts):
        trie.set(rlp.encode(place), receipt)
    if trie.root_hash != header.receipts_root:
        raise ReceiptsNotReproduced(block=header.number, receipts=len(receipts))
    paths = [trie.get_proof(rlp.encode(place)) for place in wanted]
    return tuple(sorted({_node(node) for path in paths for node in path}))


def require_in_block(receipt: bytes, place: int, nodes: Iterable[bytes], header: Header) -> frozenset[bytes]:
    """The nodes of the path to a receipt; refuses one that the header does not commit to at `place`.

    Raises:
        ReceiptNotInBlock: the nodes are not a path of the trie, or lead to other bytes, or to none.
    """
    try:
        trie = HexaryTrie({keccak(node): node for node in nodes}, header.receipts_root)
        key = rlp.encode(place)
        found, path = trie.get(key), frozenset(_node(node) for node in trie.get_proof(key))
    except Exception as error:  # the trie's own refusals have no common root
        raise ReceiptNotInBlock(block=header.number, place=place) from error
    if not receipt or found != receipt:
        raise ReceiptNotInBlock(block=header.number, place=place)
    return path


def bloom_mask(*values: bytes) -> int:
    """The bits that a bloom has wherever logs mention all of `values` (addresses, topics)."""
    mask = 0
    for value in values:
        digest = keccak(value)
        for at in (0, 2, 4):
            mask |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return mask


def may_hold(bloom: bytes, masks: Iterable[int]) -> bool:
    """Whether a block's logs may mention what some mask stands for. No is certain; yes may be chance."""
    bits = int.from_bytes(bloom, "big")
    return bits != 0 and any(bits & mask == mask for mask in masks)


def _log(fields: Any) -> Log:
    address, topics, data = fields
    if len(address) != 20 or any(len(topic) != 32 for topic in topics):  # noqa: PLR2004 the widths of the EVM
        raise ValueError(fields)
    return Log("0x" + address.hex(), tuple(topics), data)


def _integer(field: bytes) -> int:
    return int.from_bytes(field, "big")


def _octets(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _number(text: str) -> bytes:
    value = int(text, 16)
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _node(decoded: Any) -> bytes:
    return bytes(rlp.encode(decoded))


FIRST_FIELDS: Final[tuple[tuple[str, Callable[[str], bytes]], ...]] = (
    ("parentHash", _octets),
    ("sha3Uncles", _octets),
    ("miner", _octets),
    ("stateRoot", _octets),
    ("transactionsRoot", _octets),
    ("receiptsRoot", _octets),
    ("logsBloom", _octets),
    ("difficulty", _number),
    ("number", _number),
    ("gasLimit", _number),
    ("gasUsed", _number),
    ("timestamp", _number),
    ("extraData", _octets),
    ("mixHash", _octets),
    ("nonce", _octets),
)
LATER_FIELDS: Final[tuple[tuple[str, Callable[[str], bytes]], ...]] = (
    ("baseFeePerGas", _number),
    ("withdrawalsRoot", _octets),
    ("blobGasUsed", _number),
    ("excessBlobGas", _number),
    ("parentBeaconBlockRoot", _octets),
    ("requestsHash", _octets),
)
"""Fields that forks have added, in the order of their forks; a header has the first so many of them."""

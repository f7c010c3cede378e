"""What the ledger said, from headers alone: their links, receipts under them, events in those, and no other.

Everything here is relative to the last header given; whether that one is the chain's is for a node to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from backend.audit.blocks import (
    Header,
    Receipt,
    bloom_mask,
    may_hold,
    parse_header,
    parse_receipt,
    require_in_block,
)
from backend.audit.case import Case
from backend.audit.events import Told, addresses
from backend.audit.report import Found
from backend.errors import Invalid


class HeadersOutOfOrder(Invalid):
    """The block headers do not rise in number up to the last block that the bundle speaks of."""

    code = "audit.headers_out_of_order"


class HeaderNotLinked(Invalid):
    """A header names another parent than the one before it."""

    code = "audit.header_not_linked"


class HeaderMissing(Invalid):
    """The bundle has receipts of a block and not its header."""

    code = "audit.header_missing"


class NodesUncalled(Invalid):
    """A block comes with nodes of a trie that the way to none of its receipts goes through."""

    code = "audit.nodes_uncalled"


class BlockMissing(Invalid):
    """By its header a block may hold events of this case, and the bundle lacks some of its receipts."""

    code = "audit.block_missing"


@dataclass(frozen=True, slots=True)
class Headers:
    """Linked headers by number; `whole` if none between the first and the last block is left out."""

    by_number: Mapping[int, Header]
    whole: bool


Receipts = Mapping[int, Mapping[int, Receipt]]
"""Proven receipts by block number and by place."""


def linked(case: Case) -> Found[Headers]:
    """The headers, rising up to the case's last block, each naming the one below it as its parent.

    Raises:
        HeaderMalformed, HeadersOutOfOrder, HeaderNotLinked: the first that applies.
    """
    first, last = case.first_block, case.last_block
    headers = [parse_header(raw) for raw in case.headers]
    numbers = [header.number for header in headers]
    if numbers != sorted(set(numbers)) or numbers[:1] < [first] or numbers[-1:] != [last]:
        raise HeadersOutOfOrder(first=first, last=last, headers=len(numbers))
    links = 0
    for before, header in pairwise(headers):
        if header.number == before.number + 1:
            links += 1
            if header.parent_hash != before.hash:
                raise HeaderNotLinked(
                    block=header.number, parent=header.parent_hash.hex(), before=before.hash.hex()
                )
    saw = f"{len(headers)} headers from block {numbers[0]} to {last}, {links} links."
    whole = numbers == list(range(first, last + 1))
    return Found(Headers({header.number: header for header in headers}, whole), saw)


def proven(case: Case, headers: Headers) -> Found[Receipts]:
    """Every receipt of the bundle, once its header's receipts root is known to hold it at its place.

    Raises:
        HeaderMissing, ReceiptNotInBlock, ReceiptMalformed, NodesUncalled: the first that applies.
    """
    receipts: dict[int, dict[int, Receipt]] = {}
    for block in case.blocks:
        if block.number not in headers.by_number:
            raise HeaderMissing(block=block.number)
        passed: set[bytes] = set()
        for place, raw in block.receipts.items():
            passed |= require_in_block(raw, place, block.nodes, headers.by_number[block.number])
            receipts.setdefault(block.number, {})[place] = parse_receipt(raw)
        if tuple(sorted(passed)) != block.nodes:
            raise NodesUncalled(block=block.number, nodes=len(block.nodes), called=len(passed))
    total = sum(len(each) for each in receipts.values())
    return Found(receipts, f"{total} receipts of {len(receipts)} blocks.")


def nothing_omitted(case: Case, headers: Headers, receipts: Receipts, told: Told) -> Found[int]:
    """How many blocks were searched, none of which can hold an event of this case that the bundle lacks.

    A header's bloom denies with certainty that its block's logs mention a contract and a topic. Where it does
    not deny it, the bundle must hold every receipt of the block: they run from place 0, and the last one's
    cumulative gas is the header's.

    Where not every header is there the answer rests on trust.

    Raises:
        BlockMissing: a block may hold such an event, and not all of its receipts are there.
    """
    pairs = addresses(told.subjects, case.contracts)
    masks = [bloom_mask(*pair) for pair in pairs]
    for number, header in headers.by_number.items():
        if may_hold(header.bloom, masks) and not _all_of(header, receipts.get(number)):
            raise BlockMissing(block=number)
    searched = len(headers.by_number)
    trust = "" if headers.whole else "The blocks between those given were not searched."
    return Found(searched, f"{searched} blocks searched for {len(pairs)} subjects.", trust)


def _all_of(header: Header, receipts: Mapping[int, Receipt] | None) -> bool:
    if not receipts or sorted(receipts) != list(range(len(receipts))):
        return False
    return receipts[len(receipts) - 1].cumulative_gas == header.gas_used

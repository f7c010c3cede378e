"""From what the bank holds of a case and a node of the ledger to the case as a bundle holds it.

1. Fetch the headers: all of them where they are few enough, so that nothing left out can hide between them.
2. Find the blocks whose events concern the case, until no event found brings another subject into it.
3. Fetch those blocks' receipts, and prove each under its header.
4. Write down the devices that spoke as those events enrolled them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backend.audit.archive import pack
from backend.audit.blocks import (
    Header,
    bloom_mask,
    header_of,
    may_hold,
    parse_receipt,
    prove_receipts,
    receipt_bytes,
)
from backend.audit.case import BlockFile, Case, Device, Head, StatementFile, files_of
from backend.audit.checks.enrolment import enrolled
from backend.audit.events import About, Event, Told, addresses, concerning, read_events
from backend.audit.logs import logs_naming, logs_of
from backend.audit.statements import Said, about_case, read_statements
from contracts.artifacts import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from contracts.rpc import Rpc

HEADERS_AT_MOST: Final = 20_000
"""With more blocks than these since deployment, only headers of blocks that concern the case are kept."""
AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSource:
    """What the bank holds of a case; fields as in `Case`. `first_block` is the deployment's."""

    loan: str
    pledge: int
    chain_id: int
    contracts: Mapping[str, str]
    first_block: int
    last_block: int
    heads: tuple[Head, ...]
    statements: tuple[StatementFile, ...]
    media: Mapping[str, bytes]
    terms: bytes
    loan_events: tuple[bytes, ...]
    documents: Mapping[int, bytes]


def build(source: BundleSource, rpc: Rpc, *, headers_at_most: int = HEADERS_AT_MOST) -> Case:
    """The case of `source` with everything that the ledger says about it.

    Raises:
        NodeUnavailable, NodeRefused: the node does not give what is needed.
        HeaderNotReproduced, ReceiptsNotReproduced: what it gives does not hash to what it says.
    """
    said = read_statements(source.statements)
    about = about_case(source.pledge, said, source.heads)
    span = (source.first_block, source.last_block)
    ledger = _Ledger(rpc, source.contracts, span, whole=span[1] - span[0] < headers_at_most)
    told, numbers = ledger.told(about, ledger.blocks_of_heads(about))
    return Case(
        loan=source.loan,
        pledge=source.pledge,
        chain_id=source.chain_id,
        contracts={name: address.lower() for name, address in source.contracts.items()},
        first_block=source.first_block,
        last_block=source.last_block,
        heads=source.heads,
        statements=source.statements,
        media=source.media,
        devices=_devices(told, said),
        headers=ledger.headers_for(numbers),
        blocks=tuple(ledger.block_file(number) for number in sorted(numbers)),
        events=tuple(event.as_told() for event in told.events),
        terms=source.terms,
        loan_events=source.loan_events,
        documents=source.documents,
    )


def movements_and_documents(
    rpc: Rpc, contracts: Mapping[str, str], span: tuple[int, int], pledge: int
) -> tuple[list[bytes], dict[int, bytes]]:
    """What the ledger calls for in the bundle of a pledge.

    Returns:
        Ids of the movements that its receipts' issues and deliveries spent; hash of each receipt's document.
    """
    about = About(pledge, frozenset(), frozenset(), frozenset(), frozenset())
    told, _ = _Ledger(rpc, contracts, span, whole=False).told(about, set())
    spent = [event.args["id"] for event in told.events if event.name == "StatementSpent"]
    issued = [event.args for event in told.events if event.name == "ReceiptIssued"]
    return spent, {args["receiptId"]: args["document"] for args in issued}


def write(case: Case) -> bytes:
    """The bundle of a case: the same case always gives the same bytes."""
    return pack(files_of(case))


class _Ledger:
    """What was fetched of the ledger so far."""

    def __init__(self, rpc: Rpc, contracts: Mapping[str, str], span: tuple[int, int], *, whole: bool) -> None:
        self._contracts = {name: address.lower() for name, address in contracts.items()}
        self._rpc = rpc
        self._span = span
        self._headers: dict[int, Header] = {}
        self._receipts: dict[int, list[bytes]] = {}
        self._whole = whole
        self._fetch_headers(range(span[0], span[1] + 1) if whole else [span[1]])

    def told(self, about: About, numbers: set[int]) -> tuple[Told, set[int]]:
        """The events about a case, and the blocks to look into for them, `numbers` among these."""
        while True:
            told = concerning(self._events_in(numbers), about)
            found = numbers | self._blocks_with(addresses(told.subjects, self._contracts))
            if found == numbers:
                return told, numbers
            numbers = found

    def blocks_of_heads(self, about: About) -> set[int]:
        """Blocks in which the logs of the case's sites were opened, and its heads anchored and witnessed."""
        artifact = load("EvidenceLog")
        names = ("LogOpened", "HeadAnchored", "HeadWitnessed")
        signatures = [topic for topic, entry in artifact.events.items() if entry.name in names]
        address = self._contracts["EvidenceLog"]
        logs = logs_of(self._rpc, self._span, address, [signatures, sorted(about.sites)])
        found = set()
        for log in logs:
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            name, args = artifact.decode_log(topics, bytes.fromhex(log["data"][2:]))
            if name == "LogOpened" or (args["site"], args["size"]) in about.heads:
                found.add(int(log["blockNumber"], 16))
        return found

    def _blocks_with(self, pairs: Sequence[tuple[bytes, bytes]]) -> set[int]:
        """Blocks that name one of the subjects; of whole headers also those that by their bloom only may."""
        if self._whole:
            masks = [bloom_mask(*pair) for pair in pairs]
            return {number for number, header in self._headers.items() if may_hold(header.bloom, masks)}
        return {int(log["blockNumber"], 16) for log in logs_naming(self._rpc, self._span, pairs)}

    def _events_in(self, numbers: Iterable[int]) -> list[Event]:
        self._fetch_receipts([number for number in sorted(numbers) if number not in self._receipts])
        receipts = {
            number: {place: parse_receipt(raw) for place, raw in enumerate(self._receipts[number])}
            for number in numbers
        }
        return read_events(receipts, self._contracts)

    def headers_for(self, numbers: Iterable[int]) -> tuple[bytes, ...]:
        """All headers that the bundle holds when it holds receipts of these blocks."""
        if not self._whole:
            self._fetch_headers([number for number in numbers if number not in self._headers])
        return tuple(self._headers[number].raw for number in sorted(self._headers))

    def block_file(self, number: int) -> BlockFile:
        """All receipts of a block, proved under its header."""
        if number not in self._headers:
            self._fetch_headers([number])
        receipts = self._receipts[number]
        nodes = prove_receipts(receipts, range(len(receipts)), self._headers[number])
        return BlockFile(number, dict(enumerate(receipts)), nodes)

    def _fetch_headers(self, numbers: Sequence[int]) -> None:
        for at in range(0, len(numbers), AT_ONCE):
            asked = [("eth_getBlockByNumber", [hex(number), False]) for number in numbers[at : at + AT_ONCE]]
            for block in self._rpc.batch(asked):
                header = header_of(block)
                self._headers[header.number] = header

    def _fetch_receipts(self, numbers: Sequence[int]) -> None:
        for at in range(0, len(numbers), AT_ONCE):
            some = numbers[at : at + AT_ONCE]
            answers = self._rpc.batch([("eth_getBlockReceipts", [hex(number)]) for number in some])
            for number, answer in zip(some, answers, strict=True):
                self._receipts[number] = [receipt_bytes(receipt) for receipt in answer]


def _devices(told: Told, said: Iterable[Said]) -> tuple[Device, ...]:
    registry = enrolled(told).value
    return tuple(registry.devices[name] for name in sorted({each.statement.device for each in said}))

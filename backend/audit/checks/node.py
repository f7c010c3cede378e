"""What a node of the ledger says when asked: the same chain, headers and contracts, and no event more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backend.audit.events import Told, addresses
from backend.audit.logs import logs_naming
from backend.audit.report import Found, counted
from backend.errors import Invalid, Unavailable
from contracts.artifacts import load
from contracts.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backend.audit.case import Case
    from backend.audit.checks.ledger import Headers
    from contracts.rpc import Rpc

TIES: Final = (
    ("EvidenceLog", "parties", "PartyRegistry"),
    ("EvidenceLog", "spender", "ReceiptRegistry"),
    ("ReceiptRegistry", "parties", "PartyRegistry"),
    ("ReceiptRegistry", "log", "EvidenceLog"),
    ("ReceiptRegistry", "pledges", "PledgeRegistry"),
    ("PledgeRegistry", "parties", "PartyRegistry"),
    ("PledgeRegistry", "receipts", "ReceiptRegistry"),
)
"""Which contract names which other, fixed at its birth."""


class NodeSilent(Unavailable):
    """The node did not answer what was asked, so nothing was compared with it."""

    code = "audit.node_silent"


class ChainDiffers(Invalid):
    """The node serves another chain than the bundle speaks of."""

    code = "audit.chain_differs"


class HeaderNotOnChain(Invalid):
    """The node's chain has another block at that height than the bundle gives, or none."""

    code = "audit.header_not_on_chain"


class CodeDiffers(Invalid):
    """At the address of a contract stands other code than the one published, or it is tied to others."""

    code = "audit.code_differs"


class EventOmitted(Invalid):
    """The node has an event about this case that is not in the bundle."""

    code = "audit.event_omitted"


def same_chain(rpc: Rpc | None, case: Case, headers: Headers) -> Found[int]:
    """How many headers the node's chain has as given; each stands for those linked to it from below.

    Raises:
        NodeSilent, ChainDiffers, HeaderNotOnChain: the first that applies.
    """
    last = headers.by_number[case.last_block]
    if rpc is None:
        trust = f"No node was asked: that block {last.number} is 0x{last.hash.hex()}"
        return Found(0, "", f"{trust} on chain {case.chain_id} rests on trust in the header given.")
    tops = [number for number in headers.by_number if number + 1 not in headers.by_number]
    try:
        chain_id = rpc.chain_id()
        blocks = rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in tops])
        newest = rpc.block_number()
    except LedgerError as error:
        raise NodeSilent(why=str(error)) from error
    if chain_id != case.chain_id:
        raise ChainDiffers(bundle=case.chain_id, node=chain_id)
    for number, block in zip(tops, blocks, strict=True):
        found, given = (block or {}).get("hash"), "0x" + headers.by_number[number].hash.hex()
        if found != given:
            raise HeaderNotOnChain(block=number, bundle=given, node=found)
    on = counted(newest - case.last_block, "block")
    saw = f"Chain {chain_id}; {counted(len(tops), 'header')} compared; the node is {on} on."
    return Found(len(tops), saw)


def same_contracts(rpc: Rpc | None, case: Case) -> Found[int]:
    """How many contracts hold the published code, what deployment fills in aside, and name each other.

    Raises:
        NodeSilent, CodeDiffers: the first that applies.
    """
    if rpc is None:
        return Found(
            0, "", "No node was asked: that these addresses hold the published contracts is trusted."
        )
    for name, address in case.contracts.items():
        code = _ask(rpc, "eth_getCode", address, hex(case.last_block))
        if not load(name).is_code_of(code):
            raise CodeDiffers(contract=name, address=address, bytes=len(code))
    for name, tie, other in TIES:
        artifact = load(name)
        call = {"to": case.contracts[name], "data": "0x" + artifact.encode(tie).hex()}
        found = artifact.decode_result(tie, _ask(rpc, "eth_call", call, "latest"))
        if found.lower() != case.contracts[other]:
            raise CodeDiffers(contract=name, tie=tie, wanted=case.contracts[other], found=found)
    return Found(len(case.contracts), f"{len(case.contracts)} contracts, {len(TIES)} ties.")


def no_event_more(rpc: Rpc | None, case: Case, told: Told) -> Found[int]:
    """How many logs the node finds by the case's subjects, all of which the bundle has.

    Raises:
        NodeSilent, EventOmitted: the first that applies.
    """
    if rpc is None:
        return Found(0, "", "No node was asked for more events than the headers given can show.")
    held = {(event.block, event.place, event.topics) for event in told.everything}
    pairs = addresses(told.subjects, case.contracts)
    try:
        logs = logs_naming(rpc, (case.first_block, case.last_block), pairs)
    except LedgerError as error:
        raise NodeSilent(why=str(error)) from error
    for log in logs:
        topics = tuple(bytes.fromhex(topic[2:]) for topic in log["topics"])
        block, place = int(log["blockNumber"], 16), int(log["transactionIndex"], 16)
        if (block, place, topics) not in held:
            raise EventOmitted(block=block, place=place, contract=_named(case.contracts, log["address"]))
    return Found(len(logs), f"{len(logs)} logs.", _trust_in_birth(rpc, case))


def _trust_in_birth(rpc: Rpc, case: Case) -> str:
    """Nothing where the node has none of the contracts before the first block; else what is trusted.

    Raises:
        EventOmitted: one was there, so events may be left out that are older than the bundle looks.
    """
    before = max(case.first_block - 1, 0)
    for name, address in case.contracts.items():
        try:
            code = rpc.call("eth_getCode", address, hex(before))
        except LedgerError:
            return f"The node does not say whether the contracts are older than block {case.first_block}."
        if len(code) > len("0x"):
            raise EventOmitted(contract=name, before=case.first_block)
    return ""


def _ask(rpc: Rpc, method: str, *params: object) -> bytes:
    try:
        return bytes.fromhex(rpc.call(method, *params)[2:])
    except LedgerError as error:
        raise NodeSilent(method=method, why=str(error)) from error


def _named(contracts: Mapping[str, str], address: str) -> str:
    return next((name for name, at in contracts.items() if at == address.lower()), address)

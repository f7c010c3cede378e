"""What a bundle says, as facts, and the one set of files that says it.

Reading is strict by construction: the files must be exactly those that the facts read from them would be
written to. Nothing here knows whether any of it is true.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import rlp
from rlp.exceptions import RLPException

from backend.errors import Invalid
from contracts.artifacts import CONTRACTS
from iot_bridge.evidence.canonical import MAX_INTEGER, canonical, read_json
from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.statement import parse_entry

_STATEMENT: Final = re.compile(r"sites/[a-z0-9.-]{3,32}/([0-9]+)/([0-9]{10})\.entry")
_BLOCK: Final = re.compile(r"ledger/blocks/([0-9]{10})\.json")
_DOCUMENT: Final = re.compile(r"openings/receipt-([0-9]+)\.json")
_LOAN_EVENT: Final = re.compile(r"openings/loan-event-([0-9]{6})\.opening")


class CaseMalformed(Invalid):
    """A file of the bundle is missing, is not of its form, or is not called for by the others."""

    code = "audit.case_malformed"


@dataclass(frozen=True, slots=True)
class Head:
    """A head of a site's log that inclusion proofs lead to."""

    site: str
    epoch: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A statement as it stands in its site's log, its body, and the way from its leaf to a head of `size`."""

    epoch: int
    index: int
    entry: bytes
    body: bytes
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BlockFile:
    """Receipts of a block by their place in it, and nodes of its receipts trie."""

    number: int
    receipts: Mapping[int, bytes]
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the ledger enrolled it; its keys by epoch, and the block from which one is revoked."""

    device: str
    site: str
    host: bytes
    commissioner: bytes
    calibrated_until: int
    keys: Mapping[int, str]
    revoked: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One loan, as everything that its bundle holds.

    Attributes:
        loan: the bank's own name of the loan; nothing is proved of it.
        pledge: id on the ledger.
        contracts: address of each of the four, lower-case hex.
        first_block: the one in which the contracts were deployed, or a later one before any enrolment.
        last_block: the confirmed block as of which the bundle speaks.
        media: content by SHA-256 in hex.
        headers: encoded block headers, rising.
        events: what the receipts say, decoded; for people, and compared with the receipts.
        terms: opening of the commitment to the loan's terms.
        loan_events: openings of the loan's events, from index 0.
        documents: canonical document of each receipt by its id.
    """

    loan: str
    pledge: int
    chain_id: int
    contracts: Mapping[str, str]
    first_block: int
    last_block: int
    heads: tuple[Head, ...]
    statements: tuple[StatementFile, ...]
    media: Mapping[str, bytes]
    devices: tuple[Device, ...]
    headers: tuple[bytes, ...]
    blocks: tuple[BlockFile, ...]
    events: tuple[Mapping[str, Any], ...]
    terms: bytes
    loan_events: tuple[bytes, ...]
    documents: Mapping[int, bytes]


def files_of(case: Case) -> dict[str, bytes]:
    """The bundle's files by name, without the manifest."""
    about = {
        "loan": case.loan,
        "pledge": case.pledge,
        "chain_id": case.chain_id,
        "contracts": dict(case.contracts),
        "first_block": case.first_block,
        "last_block": case.last_block,
        "heads": [_head_json(head) for head in case.heads],
    }
    files = {
        "case.json": canonical(about),
        "devices.json": canonical([_device_json(device) for device in case.devices]),
        "ledger/headers.rlp": bytes(rlp.encode(list(case.headers))),
        "ledger/events.json": canonical([dict(event) for event in case.events]),
        "openings/terms.opening": case.terms,
    }
    for statement in case.statements:
        signed = parse_entry(statement.entry)
        stem = f"sites/{signed.statement.site}/{statement.epoch}/{statement.index:010}"
        proof = {"size": statement.size, "path": as_json(statement.path)}
        files |= {
            f"{stem}.entry": statement.entry,
            f"{stem}.body.json": statement.body,
            f"{stem}.proof.json": canonical(proof),
        }
    for block in case.blocks:
        receipts = {str(place): as_json(raw) for place, raw in block.receipts.items()}
        content = {"receipts": receipts, "nodes": as_json(block.nodes)}
        files[f"ledger/blocks/{block.number:010}.json"] = canonical(content)
    files |= {f"media/{sha256}": content for sha256, content in case.media.items()}
    files |= {f"openings/loan-event-{at:06}.opening": raw for at, raw in enumerate(case.loan_events)}
    return files | {f"openings/receipt-{number}.json": raw for number, raw in case.documents.items()}


def case_of(files: Mapping[str, bytes]) -> Case:
    """The case that these files, the manifest apart, say.

    Raises:
        CaseMalformed: a file is missing, malformed, or not one that the case is written to.
    """
    try:
        case = _read(files)
        written = files_of(case)
    except (EvidenceRefused, RLPException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaseMalformed(reason=f"{type(error).__name__}: {error}") from error
    for name in sorted(files.keys() | written.keys()):
        if files.get(name) != written.get(name):
            raise CaseMalformed(file=name)
    return case


def as_json(value: Any) -> Any:
    """A value in JSON's types: bytes as `0x` and lower-case hex, integers from 2^53 on as hex text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, int) and value > MAX_INTEGER:
        return hex(value)
    return value


def _read(files: Mapping[str, bytes]) -> Case:
    about = read_json(files["case.json"])
    loan_events = {int(at): raw for (at,), raw in _matching(_LOAN_EVENT, files)}
    return Case(
        loan=_text(about["loan"]),
        pledge=_whole(about["pledge"]),
        chain_id=_whole(about["chain_id"]),
        contracts={name: _address(about["contracts"][name]) for name in CONTRACTS},
        first_block=_whole(about["first_block"]),
        last_block=_whole(about["last_block"]),
        heads=tuple(_head(each) for each in about["heads"]),
        statements=tuple(
            _statement(files, epoch, index, raw) for (epoch, index), raw in _matching(_STATEMENT, files)
        ),
        media={name.removeprefix("media/"): raw for name, raw in files.items() if name.startswith("media/")},
        devices=tuple(_device(each) for each in read_json(files["devices.json"])),
        headers=tuple(_octets(each) for each in rlp.decode(files["ledger/headers.rlp"])),
        blocks=tuple(_block(number, raw) for (number,), raw in _matching(_BLOCK, files)),
        events=tuple(dict(each) for each in read_json(files["ledger/events.json"])),
        terms=files["openings/terms.opening"],
        loan_events=tuple(loan_events[at] for at in range(len(loan_events))),
        documents={int(number): raw for (number,), raw in _matching(_DOCUMENT, files)},
    )


def _matching(pattern: re.Pattern[str], files: Mapping[str, bytes]) -> Iterable[tuple[Any, bytes]]:
    for name in sorted(files):
        found = pattern.fullmatch(name)
        if found is not None:
            yield found.groups(), files[name]


def _statement(files: Mapping[str, bytes], epoch: str, index: str, entry: bytes) -> StatementFile:
    stem = f"sites/{parse_entry(entry).statement.site}/{epoch}/{index}"
    proof = read_json(files[f"{stem}.proof.json"])
    path = tuple(_bytes(each) for each in proof["path"])
    body = files[f"{stem}.body.json"]
    return StatementFile(int(epoch), int(index), entry, body, _whole(proof["size"]), path)


def _block(number: str, raw: bytes) -> BlockFile:
    content = read_json(raw)
    receipts = {int(place): _bytes(receipt) for place, receipt in content["receipts"].items()}
    nodes = tuple(_bytes(node) for node in content["nodes"])
    return BlockFile(int(number), dict(sorted(receipts.items())), nodes)


def _head(value: Any) -> Head:
    return Head(_text(value["site"]), _whole(value["epoch"]), _whole(value["size"]), _bytes(value["root"]))


def _head_json(head: Head) -> dict[str, Any]:
    return {"site": head.site, "epoch": head.epoch, "size": head.size, "root": as_json(head.root)}


def _device(value: Any) -> Device:
    return Device(
        _text(value["device"]),
        _text(value["site"]),
        _bytes(value["host"]),
        _bytes(value["commissioner"]),
        _whole(value["calibrated_until"]),
        {int(epoch): _address(key) for epoch, key in value["keys"].items()},
        {int(epoch): _whole(block) for epoch, block in value["revoked"].items()},
    )


def _device_json(device: Device) -> dict[str, Any]:
    return {
        "device": device.device,
        "site": device.site,
        "host": as_json(device.host),
        "commissioner": as_json(device.commissioner),
        "calibrated_until": device.calibrated_until,
        "keys": {str(epoch): key for epoch, key in device.keys.items()},
        "revoked": {str(epoch): block for epoch, block in device.revoked.items()},
    }


def _text(value: Any) -> str:
    if type(value) is not str:
        raise CaseMalformed(wanted="text", found=repr(value))
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise CaseMalformed(wanted="whole number", found=repr(value))
    return value


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(_text(value).removeprefix("0x"))


def _octets(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise CaseMalformed(wanted="bytes", found=type(value).__name__)
    return value


def _address(value: Any) -> str:
    if not re.fullmatch("0x[0-9a-f]{40}", _text(value)):
        raise CaseMalformed(wanted="address", found=repr(value))
    return str(value)

"""The compiled contracts as committed: how to encode a call, and how to read answers, events and errors.

It refuses to know any node: bytes in, bytes out. Values are those of eth_abi (bytes32 as `bytes`, addresses
as lower-case hex text); structs are dicts by field name, both ways. Bytes may be given as `0x…` text too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Self

from eth_abi import abi as codec
from sha3 import keccak_256

from contracts.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTRACTS: Final = ("PartyRegistry", "EvidenceLog", "ReceiptRegistry", "PledgeRegistry")
"""The ledger's own contracts; `AccessManager` governs them."""


class ArtifactMissing(LedgerError):
    """No artifact of that contract was committed."""

    code = "ledger.artifact_missing"


class NotInAbi(LedgerError):
    """The contract has no such function, event or error, or the name stands for several."""

    code = "ledger.not_in_abi"


class ArgumentsDiffer(LedgerError):
    """The arguments given are not the ones that the function or struct takes."""

    code = "ledger.arguments_differ"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an ABI entry; `parts` are a struct's fields."""

    name: str
    type: str
    is_indexed: bool = False
    parts: tuple[Parameter, ...] = ()

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Parameter:
        """The parameter that a JSON ABI entry describes."""
        parts = tuple(cls.of(part) for part in entry.get("components", ()))
        kind = entry["type"]
        if parts:
            kind = f"({','.join(part.type for part in parts)}){kind.removeprefix('tuple')}"
        return cls(entry["name"], kind, entry.get("indexed", False), parts)

    def lower(self, value: Any) -> Any:
        """A value as eth_abi encodes it: dicts become tuples in the order of the struct's fields."""
        if not self.parts:
            return _bytes_of(self.type, value)
        if self.type.endswith("]"):
            item = Parameter(self.name, self.type[: self.type.rindex("[")], parts=self.parts)
            return [item.lower(each) for each in value]
        return tuple(_arrange(self.name, self.parts, value))

    def lift(self, value: Any) -> Any:
        """A value as eth_abi decodes it, with its structs as dicts."""
        if self.parts and not self.type.endswith("]"):
            return {part.name: part.lift(each) for part, each in zip(self.parts, value, strict=True)}
        if self.type.endswith("]"):
            item = Parameter(self.name, self.type[: self.type.rindex("[")], parts=self.parts)
            return [item.lift(each) for each in value]
        return value


def _bytes_of(kind: str, value: Any) -> Any:
    """Bytes for every `0x…` text where the ABI wants bytes; anything else as it is."""
    if not kind.startswith("bytes"):
        return value
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    return [_bytes_of(kind, each) for each in value] if isinstance(value, list | tuple) else value


def _arrange(name: str, wanted: tuple[Parameter, ...], given: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    """The values in the order wanted; names must fit exactly, or the count where no names are given."""
    if isinstance(given, dict):
        if given.keys() != {each.name for each in wanted}:
            raise ArgumentsDiffer(name=name, wanted=[each.name for each in wanted], given=sorted(given))
        return [each.lower(given[each.name]) for each in wanted]
    if len(given) != len(wanted):
        raise ArgumentsDiffer(name=name, wanted=[each.name for each in wanted], given=[str(len(given))])
    return [each.lower(value) for each, value in zip(wanted, given, strict=True)]


@dataclass(frozen=True)
class Entry:
    """One function, event or error of an ABI."""

    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...] = ()

    @cached_property
    def signature(self) -> str:
        """Name and types, as they are hashed."""
        return f"{self.name}({','.join(each.type for each in self.inputs)})"

    @cached_property
    def topic(self) -> bytes:
        """keccak-256 of the signature: an event's first topic; its first four bytes are a selector."""
        return bytes(keccak_256(self.signature.encode()).digest())

    @property
    def selector(self) -> bytes:
        """What a call or a custom error starts with."""
        return self.topic[:4]

    def encode(self, args: Mapping[str, Any] | Sequence[Any]) -> bytes:
        """Calldata: the selector and the arguments.

        Raises:
            ArgumentsDiffer: a name is missing or unknown, or the count is another.
        """
        values = _arrange(self.name, self.inputs, args)
        return self.selector + codec.encode([each.type for each in self.inputs], values)

    def decode(self, data: bytes) -> dict[str, Any]:
        """The arguments in `data`, which follow a selector, by name."""
        return _lift(self.inputs, data)

    def decode_result(self, data: bytes) -> Any:
        """What a call returned: the value itself, several by name (or place), None for none."""
        values = list(_lift(self.outputs, data).values())
        if len(self.outputs) > 1:
            return {each.name or str(place): values[place] for place, each in enumerate(self.outputs)}
        return values[0] if values else None

    def decode_log(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """An event's arguments by name, in the order of its signature."""
        indexed = iter(topics[1:])
        rest = _lift(tuple(each for each in self.inputs if not each.is_indexed), data)
        return {
            each.name: codec.decode([each.type], next(indexed))[0] if each.is_indexed else rest[each.name]
            for each in self.inputs
        }


def _lift(wanted: tuple[Parameter, ...], data: bytes) -> dict[str, Any]:
    values = codec.decode([each.type for each in wanted], data)
    return {
        each.name or str(place): each.lift(value)
        for place, (each, value) in enumerate(zip(wanted, values, strict=True))
    }


@dataclass(frozen=True)
class Artifact:
    """A compiled contract."""

    contract: str
    abi: list[dict[str, Any]] = field(repr=False)
    bytecode: bytes = field(repr=False)
    deployed_bytecode: bytes = field(repr=False)
    immutables: tuple[int, ...] = field(repr=False)
    """Where in the deployed code 32 bytes are filled in at deployment."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """The contract that an artifact's JSON describes."""
        return cls(
            contract=raw["contract"],
            abi=raw["abi"],
            bytecode=bytes.fromhex(raw["bytecode"][2:]),
            deployed_bytecode=bytes.fromhex(raw["deployedBytecode"][2:]),
            immutables=tuple(raw["immutables"]),
        )

    @cached_property
    def functions(self) -> dict[str, Entry]:
        """Functions by name; those that share a name (ERC-721's) by signature only."""
        return self._entries("function")

    @cached_property
    def events(self) -> dict[bytes, Entry]:
        """Events by their first topic."""
        return {each.topic: each for each in self._entries("event").values()}

    @cached_property
    def errors(self) -> dict[bytes, Entry]:
        """Custom errors by selector; what the contract calls may refuse with others: see `every_error`."""
        return {each.selector: each for each in self._entries("error").values()}

    def encode(self, function: str, args: Mapping[str, Any] | Sequence[Any] = ()) -> bytes:
        """Calldata of a call.

        Raises:
            NotInAbi: there is no such function.
            ArgumentsDiffer: a name is missing or unknown, or the count is another.
        """
        return self._function(function).encode(args)

    def decode_result(self, function: str, data: bytes) -> Any:
        """What the function returned: the value itself, several by name, None for none."""
        return self._function(function).decode_result(data)

    def decode_log(self, topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]]:
        """An event's name and arguments.

        Raises:
            NotInAbi: the contract has no event with this first topic.
        """
        entry = self.events.get(bytes(topics[0]))
        if entry is None:
            raise NotInAbi(contract=self.contract, name="0x" + bytes(topics[0]).hex())
        return entry.name, entry.decode_log(topics, data)

    def construct(self, args: Mapping[str, Any] | Sequence[Any] = ()) -> bytes:
        """Creation code with the constructor's arguments."""
        inputs = next(
            (tuple(map(Parameter.of, each["inputs"])) for each in self.abi if each["type"] == "constructor"),
            (),
        )
        values = _arrange("constructor", inputs, args)
        return self.bytecode + codec.encode([each.type for each in inputs], values)

    def is_code_of(self, code: bytes) -> bool:
        """Whether deployed `code` is this contract's, whatever its immutables hold."""
        return self._blank(code) == self._blank(self.deployed_bytecode)

    def _blank(self, code: bytes) -> bytes:
        blank = bytearray(code)
        for start in self.immutables:
            blank[start : start + 32] = bytes(32)
        return bytes(blank)

    def _function(self, name: str) -> Entry:
        entry = self.functions.get(name)
        if entry is None:
            raise NotInAbi(contract=self.contract, name=name)
        return entry

    def _entries(self, kind: str) -> dict[str, Entry]:
        found = [
            Entry(
                each["name"],
                tuple(map(Parameter.of, each["inputs"])),
                tuple(map(Parameter.of, each.get("outputs", ()))),
            )
            for each in self.abi
            if each["type"] == kind
        ]
        names = [each.name for each in found]
        return {each.name if names.count(each.name) == 1 else each.signature: each for each in found}


@cache
def load(contract: str) -> Artifact:
    """The artifact of a contract.

    Raises:
        ArtifactMissing: none was committed under this name.
    """
    file = resources.files("contracts") / "artifacts" / f"{contract}.json"
    if not file.is_file():
        raise ArtifactMissing(contract=contract)
    return Artifact.of(json.loads(file.read_text(encoding="utf-8")))


@cache
def every_error() -> dict[bytes, Entry]:
    """Custom errors of all contracts by selector: a refusal passes through the contracts that called."""
    return {
        selector: entry
        for name in (*CONTRACTS, "AccessManager")
        for selector, entry in load(name).errors.items()
    }

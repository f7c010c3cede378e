"""Custom errors of the contracts by name, with the ids and values that decided; from the committed ABIs."""

from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from contracts.artifacts import every_error

PANIC: Final = keccak(text="Panic(uint256)")[:4]
MESSAGE: Final = keccak(text="Error(string)")[:4]


@dataclass(frozen=True, slots=True)
class Revert:
    """A refusal by a contract: the error's name and its facts; bytes are given as `0x…` text."""

    name: str
    facts: dict[str, Any]


def named_revert(data: bytes) -> Revert:
    """What a contract's revert data says; an error that no ABI here declares keeps its bytes."""
    selector, rest = data[:4], data[4:]
    if not data:
        return Revert("NoReason", {})
    if selector == MESSAGE:
        return Revert("Message", {"message": decode(["string"], rest)[0]})
    if selector == PANIC:
        return Revert("Panic", {"panic": decode(["uint256"], rest)[0]})
    declared = every_error().get(selector)
    if declared is None:
        return Revert("Undeclared", {"data": "0x" + data.hex()})
    try:
        facts = declared.decode(rest)
    except DecodingError:
        return Revert("Undeclared", {"data": "0x" + data.hex()})
    return Revert(declared.name, {name: _shown(value) for name, value in facts.items()})


def _shown(value: Any) -> Any:
    return "0x" + value.hex() if isinstance(value, bytes) else value

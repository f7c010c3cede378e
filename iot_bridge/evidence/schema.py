"""How the fields of a body are written down, and the check that a value is of its field's type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from iot_bridge.evidence.canonical import MAX_INTEGER, SAID
from iot_bridge.evidence.errors import FieldMissing, FieldUnknown, FieldWrongType, FieldWrongValue

CANNOT_TELL: Final = "cannot_tell"
_HEX: Final = re.compile(r"0x[0-9a-f]*")


class FieldType(Protocol):
    """What a field may hold."""

    def require(self, value: Any, path: str) -> None:
        """Refuse a value that the field may not hold; `path` names it in the refusal."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer from `low` to `high`, both allowed."""

    low: int = 0
    high: int = MAX_INTEGER

    def require(self, value: Any, path: str) -> None:
        """Refuse what is no integer, booleans too, or lies outside."""
        if type(value) is not int:
            raise FieldWrongType(field=path, wanted="integer", found=type(value).__name__)
        if not self.low <= value <= self.high:
            raise FieldWrongValue(field=path, value=value, low=self.low, high=self.high)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def require(self, value: Any, path: str) -> None:
        """Refuse what is no boolean."""
        if type(value) is not bool:
            raise FieldWrongType(field=path, wanted="boolean", found=type(value).__name__)


@dataclass(frozen=True, slots=True)
class Text:
    """Text of 1 to `longest` characters."""

    longest: int = 500

    def require(self, value: Any, path: str) -> None:
        """Refuse what is no text, empty, or too long."""
        if type(value) is not str:
            raise FieldWrongType(field=path, wanted="text", found=type(value).__name__)
        if not 1 <= len(value) <= self.longest:
            raise FieldWrongValue(field=path, length=len(value), longest=self.longest)


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few words."""

    among: frozenset[str]

    def require(self, value: Any, path: str) -> None:
        """Refuse every other word."""
        if type(value) is not str:
            raise FieldWrongType(field=path, wanted="text", found=type(value).__name__)
        if value not in self.among:
            raise FieldWrongValue(field=path, value=value[:SAID], among=sorted(self.among))


@dataclass(frozen=True, slots=True)
class Hex:
    """`0x` and the lower-case hex of exactly `length` bytes."""

    length: int = 32

    def require(self, value: Any, path: str) -> None:
        """Refuse upper case, a missing prefix, and every other length."""
        if type(value) is not str:
            raise FieldWrongType(field=path, wanted="hex text", found=type(value).__name__)
        if len(value) != 2 + 2 * self.length or not _HEX.fullmatch(value):
            raise FieldWrongValue(field=path, value=value[:SAID], bytes=self.length)


@dataclass(frozen=True, slots=True)
class Many:
    """A list of up to `most` values of one type, in an order that means something."""

    of: FieldType
    most: int = 1000

    def require(self, value: Any, path: str) -> None:
        """Refuse what is no list, too long, or holds a value of another type."""
        if type(value) is not list:
            raise FieldWrongType(field=path, wanted="list", found=type(value).__name__)
        if len(value) > self.most:
            raise FieldWrongValue(field=path, length=len(value), most=self.most)
        for at, each in enumerate(value):
            self.of.require(each, f"{path}[{at}]")


@dataclass(frozen=True, slots=True)
class Record:
    """An object with these fields, those in `optional` perhaps absent, and no others."""

    fields: Mapping[str, FieldType]
    optional: frozenset[str] = field(default=frozenset())

    def require(self, value: Any, path: str) -> None:
        """Refuse what is no object, and a field that is missing, unknown or wrong."""
        if type(value) is not dict:
            raise FieldWrongType(field=path or "body", wanted="object", found=type(value).__name__)
        for name in value:
            if name not in self.fields:
                raise FieldUnknown(field=_under(path, name[:SAID]))
        for name, each in self.fields.items():
            if name in value:
                each.require(value[name], _under(path, name))
            elif name not in self.optional:
                raise FieldMissing(field=_under(path, name))


@dataclass(frozen=True, slots=True)
class OrCannotTell:
    """A value, or `{"cannot_tell": reason}`: not knowing is itself a value, never a zero."""

    of: FieldType

    def require(self, value: Any, path: str) -> None:
        """Refuse what is neither."""
        if type(value) is dict and CANNOT_TELL in value:
            Record({CANNOT_TELL: Text()}).require(value, path)
        else:
            self.of.require(value, path)


def cannot_tell(reason: str) -> dict[str, str]:
    """The value that says why there is none."""
    return {CANNOT_TELL: reason}


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name

"""One text for one value: RFC 8785 bytes of what bodies are made of, and a reader that refuses the rest.

Only text, integers below 2^53, booleans, lists and objects; no floats, no null.
"""

import json
from collections import Counter
from typing import Any, Final, NoReturn

from contracts.nesting import is_shallow
from iot_bridge.evidence.errors import (
    IntegerTooLarge,
    KeyDuplicated,
    NumberNotInteger,
    TextMalformed,
    TextNotCanonical,
    TypeNotCanonical,
)

MAX_INTEGER: Final = (1 << 53) - 1
MAX_TEXT_BYTES: Final = 1 << 18
MAX_DEPTH: Final = 32
SAID: Final = 80
"""So many characters of what was refused are told; what is said of a hostile message is not as long as it."""

_encode: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`.

    Raises:
        TypeNotCanonical: something in it is none of the five types, or an object's key is not text.
        IntegerTooLarge: an integer is not below 2^53 in size.
        NumberNotInteger: a float.
        TextMalformed: text with half of a surrogate pair, or nesting deeper than 32.
    """
    try:
        return _encode(_ordered(value, MAX_DEPTH)).encode("utf-8")
    except UnicodeEncodeError as error:
        raise TextMalformed(at=error.start) from error


def parse_canonical(text: bytes) -> Any:
    """The value that `text` is the canonical form of.

    Raises:
        TextMalformed: no JSON in UTF-8, longer than 256 KiB, or nested deeper than 32.
        KeyDuplicated: an object names one key twice.
        NumberNotInteger: a number with a fraction or exponent, or one that is none.
        TextNotCanonical: the same value in other bytes.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise TextMalformed(length=len(text))
    value = read_json(text)
    if canonical(value) != text:
        raise TextNotCanonical(length=len(text))
    return value


def read_json(text: bytes) -> Any:
    """The value of a JSON text in which no number is a float and no key is named twice.

    Raises:
        TextMalformed: no JSON in UTF-8, or nested deeper than 32.
        KeyDuplicated: an object names one key twice.
        NumberNotInteger: a number with a fraction or exponent, or one that is none.
        IntegerTooLarge: an integer has more digits than 2^53.
    """
    if not is_shallow(text, MAX_DEPTH):
        raise TextMalformed(deeper_than=MAX_DEPTH)
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_integer,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TextMalformed(length=len(text)) from error


def _ordered(value: Any, depth: int) -> Any:
    """The value with every object's keys in the order of RFC 8785 (UTF-16 code units); types checked."""
    kind = type(value)
    if kind is str or kind is bool:
        return value
    if kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise IntegerTooLarge(value=value)
        return value
    if depth == 0:
        raise TextMalformed(depth=MAX_DEPTH)
    if kind is list or kind is tuple:
        return [_ordered(each, depth - 1) for each in value]
    if kind is dict:
        return {key: _ordered(value[key], depth - 1) for key in _keys(value)}
    if kind is float:
        raise NumberNotInteger(value=value)
    raise TypeNotCanonical(type=kind.__name__)


def _keys(value: dict[Any, Any]) -> list[str]:
    if not all(type(key) is str for key in value):
        raise TypeNotCanonical(type="object with a key that is not text")
    if all(map(str.isascii, value)):
        return sorted(value)
    return sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]  # counted in one go: a hostile object has 60 000
        raise KeyDuplicated(key=next(name for name, times in Counter(names).items() if times > 1)[:SAID])
    return found


def _refuse_number(text: str) -> NoReturn:
    raise NumberNotInteger(value=text)


def _integer(text: str) -> int:
    if len(text) > len(str(-MAX_INTEGER)):
        raise IntegerTooLarge(value=text[:32])
    return int(text)

"""What the ledger is told of a loan: salted hashes that say nothing until the bank opens them.

An opening is the canonical JSON (RFC 8785) of `{kind, salt, content}`, filled up with spaces to a whole
number of blocks, so that not even the length of a stored or sealed opening tells one kind from another.
The commitment is its SHA-256. Spaces after JSON change nothing for whoever parses it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

from backend.errors import Invalid

BLOCK: Final = 1_024
SALT_BYTES: Final = 32
TERMS: Final = "loan.terms"
_FIELDS: Final = {"kind", "salt", "content"}


class OpeningInvalid(Invalid):
    """An opening is not in the one form that it may have, or its salt is not 32 bytes."""

    code = "loans.opening_invalid"


class OpeningDiffers(Invalid):
    """The opening does not lead to the commitment that is on the ledger."""

    code = "loans.opening_differs"


def make_opening(kind: str, content: Mapping[str, Any], salt: bytes) -> bytes:
    """The bytes to be committed to and kept; `content` holds strings, integers below 2^53, lists and objects.

    Raises:
        OpeningInvalid: the salt has another length, or the content is not canonical JSON.
    """
    if len(salt) != SALT_BYTES:
        raise OpeningInvalid(salt_bytes=len(salt))
    try:
        text = rfc8785.dumps({"kind": kind, "salt": "0x" + salt.hex(), "content": dict(content)})
    except rfc8785.CanonicalizationError as error:
        raise OpeningInvalid(kind=kind, reason=str(error)) from error
    return text + b" " * (-len(text) % BLOCK)


def commitment_of(opening: bytes) -> bytes:
    """The 32 bytes that the ledger keeps."""
    return hashlib.sha256(opening).digest()


def open_commitment(opening: bytes, commitment: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and content behind a commitment.

    Raises:
        OpeningDiffers: the opening leads to another commitment.
        OpeningInvalid: the bytes are not exactly what `make_opening` would have made.
    """
    if commitment_of(opening) != commitment:
        raise OpeningDiffers(commitment="0x" + commitment.hex(), found="0x" + commitment_of(opening).hex())
    try:
        data = json.loads(opening)
        salt = bytes.fromhex(data["salt"].removeprefix("0x"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OpeningInvalid(reason=str(error)) from error
    if set(data) != _FIELDS or make_opening(data["kind"], data["content"], salt) != opening:
        raise OpeningInvalid(reason="not canonical")
    return str(data["kind"]), dict(data["content"])

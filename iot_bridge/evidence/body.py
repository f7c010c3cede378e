"""A body of a statement: its kind's typed fields, the media it names, and a salt; bound by its hash."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from iot_bridge.evidence.canonical import canonical, parse_canonical
from iot_bridge.evidence.errors import BodyHashDiffers, BodyRefused
from iot_bridge.evidence.kinds import ENVELOPE, Unit, require_fields, require_unit
from iot_bridge.evidence.statement import Statement

__all__ = [
    "Body",
    "BodyRefused",
    "Media",
    "body_hash",
    "new_boot",
    "parse_body",
    "require_body",
    "write_body",
]


@dataclass(frozen=True, slots=True)
class Media:
    """A still, clip or document in the evidence store: its SHA-256, media type, and length in bytes."""

    sha256: bytes
    type: str
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """The form it has in a body."""
        return {"sha256": "0x" + self.sha256.hex(), "type": self.type, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Body:
    """A checked body: `text` is its one canonical text, `fields` are its kind's own, without the envelope."""

    kind: str
    fields: Mapping[str, Any]
    media: tuple[Media, ...]
    boot: bytes
    text: str

    @property
    def hash(self) -> bytes:
        """The SHA-256 that a header commits to."""
        return body_hash(self.text)


def body_hash(text: str) -> bytes:
    """The SHA-256 of a body's text."""
    return sha256(text.encode("utf-8")).digest()


def new_boot() -> bytes:
    """A fresh boot id: 16 random bytes, one per start of a device."""
    return secrets.token_bytes(16)


def write_body(
    kind: str,
    fields: Mapping[str, Any],
    *,
    boot: bytes,
    media: Sequence[Media] = (),
    salt: bytes | None = None,
) -> Body:
    """A body of `kind` with a fresh salt (or this one of 16 bytes, to write the same body again).

    Raises:
        KindUnknown, FieldUnknown, FieldMissing, FieldWrongType, FieldWrongValue: as `parse_body`.
    """
    value = {
        **fields,
        "boot": "0x" + boot.hex(),
        "media": [each.as_json() for each in media],
        "salt": "0x" + (secrets.token_bytes(16) if salt is None else salt).hex(),
    }
    require_fields(kind, value)
    text = canonical(value).decode("utf-8")
    return Body(kind, dict(fields), tuple(media), boot, text)


def parse_body(kind: str, text: str | bytes) -> Body:
    """The body behind a text, which must be the canonical one of exactly its kind's fields.

    Raises:
        KindUnknown: there is no such kind.
        FieldUnknown, FieldMissing, FieldWrongType, FieldWrongValue: a field is not as its kind says.
        KeyDuplicated, NumberNotInteger, IntegerTooLarge, TypeNotCanonical, TextMalformed, TextNotCanonical:
            the text is not the canonical one of any body.
    """
    raw = _utf8(text) if isinstance(text, str) else text
    value = parse_canonical(raw)
    require_fields(kind, value)
    media = tuple(
        Media(bytes.fromhex(each["sha256"][2:]), each["type"], each["bytes"]) for each in value["media"]
    )
    fields = {name: each for name, each in value.items() if name not in ENVELOPE}
    return Body(kind, fields, media, bytes.fromhex(value["boot"][2:]), raw.decode("utf-8"))


def require_body(statement: Statement, text: str | bytes) -> Body:
    """The statement's body, shown to be the one that its header commits to and counts.

    Raises:
        BodyHashDiffers: the header commits to another text.
        HeaderContradictsBody: its subject or quantity is not what the fields say.
        BodyRefused: as `parse_body`.
    """
    raw = _utf8(text) if isinstance(text, str) else text
    found = sha256(raw).digest()
    if found != statement.body:
        raise BodyHashDiffers(header="0x" + statement.body.hex(), body="0x" + found.hex())
    body = parse_body(statement.kind, raw)
    require_unit(statement.kind, body.fields, Unit(statement.subject, statement.quantity))
    return body


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

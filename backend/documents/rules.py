"""Which files are kept: a few media types, none empty, none large; each is named by its SHA-256."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from backend.errors import Invalid, NotFound, Unavailable

LARGEST: Final = 10 * 1024 * 1024


class MediaType(StrEnum):
    """What a document may be."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    CSV = "text/csv"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    TEXT = "text/plain"


class MediaTypeUnknown(Invalid):
    """The document is of a media type that is not kept; send a PDF, PNG, JPEG, CSV, XLSX or plain text."""

    code = "documents.media_type_unknown"
    status = 415


class SizeOutOfRange(Invalid):
    """The document is empty, or larger than 10 MiB."""

    code = "documents.size_out_of_range"


class KeptUnknown(NotFound):
    """The organisation keeps no document of this SHA-256 here."""

    code = "documents.unknown"


class KeptDamaged(Unavailable):
    """The bytes of the document are missing from the store or damaged there; restore them from the backup."""

    code = "documents.damaged"


@dataclass(frozen=True, slots=True)
class Document:
    """A file that may be kept, and what it is by its sender's word."""

    sha256: str
    media_type: MediaType
    size: int


def document_of(content: bytes, declared: str) -> Document:
    """The document that these bytes are.

    Args:
        content: the bytes as they came.
        declared: the media type that came with them; its parameters, as `charset`, are left out.

    Raises:
        MediaTypeUnknown: it is none that is kept.
        SizeOutOfRange: there is no byte, or there are too many.
    """
    essence = declared.partition(";")[0].strip().lower()
    if essence not in {each.value for each in MediaType}:
        raise MediaTypeUnknown(media_type=declared[:100])
    if not 1 <= len(content) <= LARGEST:
        raise SizeOutOfRange(size=len(content), at_most=LARGEST)
    return Document(sha256(content).hexdigest(), MediaType(essence), len(content))

"""The statutory document of a receipt: which fields a law demands, and the bytes hashed on the ledger.

A document is plain JSON. Unknown fields, wrong types and fractions are refused, so that equal documents
have equal bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Final

import rfc8785

from backend.errors import Invalid

Document = dict[str, Any]


class ProfileUnknown(Invalid):
    """No law of that name is known here, so nothing can be said to be complete under it."""

    code = "receipts.profile_unknown"


class FieldUnknown(Invalid):
    """The document states something that no profile knows; nobody would read it."""

    code = "receipts.field_unknown"


class FieldMalformed(Invalid):
    """A field of the document is not of the form that it must have."""

    code = "receipts.field_malformed"


class FieldsMissing(Invalid):
    """The document lacks fields that the law demands of a receipt."""

    code = "receipts.fields_missing"


class DocumentDiffers(Invalid):
    """The document says something other than the terms on the ledger."""

    code = "receipts.document_differs"


@dataclass(frozen=True, slots=True)
class LedgerTerms:
    """What the ledger says about the same receipt, as far as the document says it too."""

    site: str
    bay: str
    commodity: str
    grade: str
    mass_kg: int
    pieces: int


TEXT: Final = "text"
DAY: Final = "day"
COUNT: Final = "count"
FLAG: Final = "flag"
TEXTS: Final = "texts"

FIELDS: Final[dict[str, str]] = {
    "label": TEXT,
    "number": TEXT,
    "form": TEXT,
    "operator.name": TEXT,
    "operator.address": TEXT,
    "operator.registration": TEXT,
    "depositor.name": TEXT,
    "depositor.address": TEXT,
    "goods.commodity": TEXT,
    "goods.grade": TEXT,
    "goods.quality": TEXT,
    "goods.mass_kg": COUNT,
    "goods.pieces": COUNT,
    "goods.packaging": TEXT,
    "goods.marks": TEXTS,
    "goods.loss_standard": TEXT,
    "goods.certificates": TEXTS,
    "storage.site": TEXT,
    "storage.bay": TEXT,
    "storage.place": TEXT,
    "storage.from": DAY,
    "storage.until": DAY,
    "storage.fee": TEXT,
    "storage.agreement_date": DAY,
    "insurance.insured": FLAG,
    "insurance.sum_minor": COUNT,
    "insurance.currency": TEXT,
    "insurance.from": DAY,
    "insurance.until": DAY,
    "insurance.insurer": TEXT,
    "third_party_claims": TEXTS,
    "issued.by": TEXT,
    "issued.at": TEXT,
    "issued.on": DAY,
    "salt": TEXT,
}
"""Every field of every profile, as a path into the document, with its form. Days are `YYYY-MM-DD`."""

MAY_BE_EMPTY: Final = frozenset({"goods.marks", "goods.certificates", "third_party_claims"})
"""Lists in which nothing is an answer: no marks, no known claims. The list itself must be there."""

ONLY_IF_INSURED: Final = (
    "insurance.sum_minor",
    "insurance.currency",
    "insurance.from",
    "insurance.until",
    "insurance.insurer",
)

PROFILES: Final[dict[str, tuple[str, ...]]] = {
    # PRC Civil Code 909, the label and number of GB/T 30332, and the known claims of Model Law 10.
    "CN-909": tuple(name for name in FIELDS if name not in (*ONLY_IF_INSURED, "goods.certificates")),
}
LARGEST_EXACT: Final = 2**53 - 1


def require_complete(document: Document, profile: str) -> None:
    """Refuse a document that the profile's law would not call a receipt.

    Raises:
        ProfileUnknown: there is no such profile.
        FieldUnknown: a field that no profile knows.
        FieldMalformed: a field of the wrong form.
        FieldsMissing: names every field that is missing or empty.
    """
    if profile not in PROFILES:
        raise ProfileUnknown(profile=profile)
    stated = _flat(document)
    for name, value in stated.items():
        _require_form(name, value)
    demanded = list(PROFILES[profile])
    if stated.get("insurance.insured") is True:
        demanded += ONLY_IF_INSURED
    missing = [name for name in demanded if not _is_stated(name, stated)]
    if missing:
        raise FieldsMissing(profile=profile, missing=", ".join(missing))


def require_same_terms(document: Document, terms: LedgerTerms) -> None:
    """Refuse a document that differs from the ledger in goods or place.

    Raises:
        DocumentDiffers: names the first field that differs, with both values.
    """
    stated = _flat(document)
    ledger = {
        "storage.site": terms.site,
        "storage.bay": terms.bay,
        "goods.commodity": terms.commodity,
        "goods.grade": terms.grade,
        "goods.mass_kg": terms.mass_kg,
        "goods.pieces": terms.pieces,
    }
    for name, value in ledger.items():
        if stated.get(name) != value:
            raise DocumentDiffers(field=name, document=stated.get(name), ledger=value)


def canonical(document: Document) -> bytes:
    """The document's one byte form, RFC 8785."""
    return rfc8785.dumps(document)


def document_hash(document: Document) -> bytes:
    """SHA-256 of the canonical bytes: what the ledger holds."""
    return sha256(canonical(document)).digest()


def _flat(document: Document) -> dict[str, object]:
    """The document as paths; sections are one level deep."""
    flat: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": held for inner, held in value.items()}
        else:
            flat[name] = value
    return flat


def _require_form(name: str, value: object) -> None:
    if name not in FIELDS:
        raise FieldUnknown(field=name)
    if not _FORMS[FIELDS[name]](value):
        raise FieldMalformed(field=name, form=FIELDS[name], value=repr(value))


def _is_stated(name: str, stated: dict[str, object]) -> bool:
    return name in stated and (name in MAY_BE_EMPTY or stated[name] not in ("", []))


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_EXACT


_FORMS: Final[dict[str, Callable[[object], bool]]] = {
    TEXT: lambda value: isinstance(value, str),
    DAY: _is_day,
    COUNT: _is_count,
    FLAG: lambda value: isinstance(value, bool),
    TEXTS: lambda value: isinstance(value, list) and all(isinstance(each, str) and each for each in value),
}

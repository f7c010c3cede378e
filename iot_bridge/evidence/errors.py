"""Why bytes are not evidence: one class per reason, each with a stable code and the facts that decided."""

from typing import Any, ClassVar


class EdgeError(Exception):
    """Root of every refusal at the edge; the first line of a class's docstring is its explanation."""

    code: ClassVar[str]
    ends_program: ClassVar[bool] = False
    """Whether a program that met it must stop rather than go on with the next thing."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """The code, the explanation, then each fact as `name=value`."""
        explanation = (type(self).__doc__ or "").strip().partition("\n")[0]
        facts = " ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code}: {explanation} {facts}".strip()


class EvidenceRefused(EdgeError):
    """Bytes that are not evidence in its one form."""


class StatementRefused(EvidenceRefused):
    """A header or its signature is not of its one form."""


class NameMalformed(StatementRefused):
    """A site, device or kind is not 3 to 32 characters of `a-z`, `0-9`, `.` and `-`."""

    code = "statement.name_malformed"


class FieldOutOfRange(StatementRefused):
    """A field of the header does not fit the type that the contracts read."""

    code = "statement.field_out_of_range"


class EntryMalformed(StatementRefused):
    """An entry is not 384 bytes of header followed by 65 bytes of signature, each padded with zeros."""

    code = "statement.entry_malformed"


class SignatureMalformed(StatementRefused):
    """A signature is not r‖s‖v of 65 bytes with s in the lower half and v 27 or 28."""

    code = "statement.signature_malformed"


class SignerUnknown(StatementRefused):
    """No key could have made this signature over these bytes."""

    code = "statement.signer_unknown"


class KeyMalformed(StatementRefused):
    """A secret key is not 32 bytes between 1 and the order of secp256k1."""

    code = "statement.key_malformed"


class AddressMalformed(StatementRefused):
    """An address is not `0x` and 40 hex digits."""

    code = "statement.address_malformed"


class BodyRefused(EvidenceRefused):
    """A body is not the canonical text of the fields of its kind."""


class KindUnknown(BodyRefused):
    """No kind of statement has this name."""

    code = "body.kind_unknown"


class FieldUnknown(BodyRefused):
    """The body has a field that its kind does not know; nobody would read it."""

    code = "body.field_unknown"


class FieldMissing(BodyRefused):
    """The body lacks a field that its kind demands."""

    code = "body.field_missing"


class FieldWrongType(BodyRefused):
    """A field of the body is of another type than its kind says."""

    code = "body.field_wrong_type"


class FieldWrongValue(BodyRefused):
    """A field of the body has the right type and a value that its kind does not allow."""

    code = "body.field_wrong_value"


class KeyDuplicated(BodyRefused):
    """An object names one key twice; two readers could take different values."""

    code = "body.key_duplicated"


class NumberNotInteger(BodyRefused):
    """A number is not an integer; quantities are whole numbers of a stated unit."""

    code = "body.number_not_integer"


class IntegerTooLarge(BodyRefused):
    """An integer is not below 2^53, so not every reader keeps it exactly; such travel as hex text."""

    code = "body.integer_too_large"


class TypeNotCanonical(BodyRefused):
    """A value is none of text, integer, boolean, list and object."""

    code = "body.type_not_canonical"


class TextMalformed(BodyRefused):
    """The body is not JSON text in UTF-8, or is nested or long beyond measure."""

    code = "body.text_malformed"


class TextNotCanonical(BodyRefused):
    """The body says what it says in other bytes than RFC 8785 gives."""

    code = "body.text_not_canonical"


class BodyHashDiffers(BodyRefused):
    """The signed header commits to another body."""

    code = "body.hash_differs"


class HeaderContradictsBody(BodyRefused):
    """Subject or quantity in the header is not the one that the body's own fields give."""

    code = "body.header_contradicts"


class ProofRefused(EvidenceRefused):
    """A proof does not prove what it is given for."""


class InclusionNotProven(ProofRefused):
    """The hashes do not lead from this entry at this index to this head."""

    code = "log.inclusion_not_proven"


class ConsistencyNotProven(ProofRefused):
    """The hashes do not show that the later head only extends the earlier one."""

    code = "log.consistency_not_proven"


class HeadUnknown(EvidenceRefused):
    """The log never had this size, or not yet, or the index lies outside it."""

    code = "log.head_unknown"


class RootsDiffer(EvidenceRefused):
    """Two programs derive different roots from the same entries, so no head may leave."""

    code = "log.roots_differ"


class MessageRefused(EvidenceRefused):
    """A message on the wire is not of its one form."""


class MessageMalformed(MessageRefused):
    """The message is not the JSON object that its topic carries."""

    code = "message.malformed"


class MessageSiteDiffers(MessageRefused):
    """The message names another site than the statement inside it."""

    code = "message.site_differs"


class EvidenceMissing(EvidenceRefused):
    """The evidence store holds nothing of that SHA-256."""

    code = "store.missing"


class EvidenceCorrupt(EvidenceRefused):
    """What the evidence store holds is not what its SHA-256 says."""

    code = "store.corrupt"


class FingerprintPartEmpty(EvidenceRefused):
    """Mill, heat or coil number has no letter or digit left, so the piece has no name of its own."""

    code = "fingerprint.part_empty"


class FingerprintKeyWeak(EvidenceRefused):
    """The network's key is shorter than 32 bytes; names of goods could be guessed from their fingerprints."""

    code = "fingerprint.key_weak"

"""The signed promise that a statement was taken into a log; only this lets its sender forget the statement.

A broker's acknowledgement proves nothing of the kind.
"""

from dataclasses import dataclass
from typing import Any, Final

from iot_bridge.evidence.canonical import canonical, read_json
from iot_bridge.evidence.errors import EvidenceRefused, FieldOutOfRange, MessageMalformed
from iot_bridge.evidence.schema import Hex, Record, Text, Whole
from iot_bridge.evidence.signature import Signer, as_signer, keccak, recover_digest
from iot_bridge.evidence.statement import EvidenceDomain, domain_separator, name32

ACKNOWLEDGEMENT_TYPEHASH: Final = keccak(
    b"Acknowledgement(bytes32 site,bytes32 id,uint64 index,uint64 size,bytes32 root)"
)
_JSON: Final = Record(
    {
        "site": Text(32),
        "id": Hex(32),
        "index": Whole(),
        "size": Whole(),
        "root": Hex(32),
        "signature": Hex(65),
    }
)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Statement `id` is at `index` of the site's log, which the signer knows at `size` with this root.

    `size` is 0 and the root zero while the signer cannot vouch for a head yet.
    """

    site: str
    id: bytes
    index: int
    size: int
    root: bytes

    def __post_init__(self) -> None:
        name32(self.site)
        for field in ("index", "size"):
            value = getattr(self, field)
            if type(value) is not int or not 0 <= value < 1 << 64:
                raise FieldOutOfRange(field=field, value=value)
        for field in ("id", "root"):
            value = getattr(self, field)
            if type(value) is not bytes or len(value) != len(bytes(32)):
                raise FieldOutOfRange(field=field, value=repr(value))

    def digest(self, domain: EvidenceDomain) -> bytes:
        """The EIP-712 digest in the statements' own domain."""
        struct = keccak(
            ACKNOWLEDGEMENT_TYPEHASH
            + name32(self.site)
            + self.id
            + self.index.to_bytes(32)
            + self.size.to_bytes(32)
            + self.root
        )
        return keccak(b"\x19\x01" + domain_separator(domain) + struct)


@dataclass(frozen=True, slots=True)
class SignedAcknowledgement:
    """An acknowledgement and the 65 bytes its signer put under it."""

    acknowledgement: Acknowledgement
    signature: bytes

    def to_bytes(self) -> bytes:
        """The message that carries it."""
        said = self.acknowledgement
        return canonical(
            {
                "site": said.site,
                "id": "0x" + said.id.hex(),
                "index": said.index,
                "size": said.size,
                "root": "0x" + said.root.hex(),
                "signature": "0x" + self.signature.hex(),
            }
        )

    @classmethod
    def parse(cls, message: bytes) -> "SignedAcknowledgement":
        """The acknowledgement that a message carries; its signature is not checked yet.

        Raises:
            MessageMalformed: the message is no acknowledgement.
        """
        try:
            value: dict[str, Any] = read_json(message)
            _JSON.require(value, "")
            said = Acknowledgement(
                site=value["site"],
                id=bytes.fromhex(value["id"][2:]),
                index=value["index"],
                size=value["size"],
                root=bytes.fromhex(value["root"][2:]),
            )
        except EvidenceRefused as error:
            raise MessageMalformed(why=error.code, **error.facts) from error
        return cls(said, bytes.fromhex(value["signature"][2:]))


def acknowledge(said: Acknowledgement, key: bytes | Signer, domain: EvidenceDomain) -> SignedAcknowledgement:
    """The acknowledgement signed with `key`."""
    return SignedAcknowledgement(said, as_signer(key).sign_digest(said.digest(domain)))


def recover_acknowledger(signed: SignedAcknowledgement, domain: EvidenceDomain) -> str:
    """The checksum address of the key that signed.

    Raises:
        SignatureMalformed: length, a high s, or v other than 27 and 28.
        SignerUnknown: no key could have made it.
    """
    return recover_digest(signed.acknowledgement.digest(domain), signed.signature)

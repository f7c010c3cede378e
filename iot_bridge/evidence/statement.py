"""The unit of evidence: a header of fixed fields that a contract can read, its id, digest and signature.

The header says what was seen, by which device, when it says so. Its body is bound by hash only (`body.py`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from iot_bridge.evidence.errors import EntryMalformed, FieldOutOfRange, NameMalformed
from iot_bridge.evidence.signature import (
    SIGNATURE_BYTES,
    Signer,
    address_bytes,
    as_signer,
    keccak,
    recover_digest,
)

STATEMENT_TYPE: Final = (
    "Statement(bytes32 site,bytes32 device,uint32 keyEpoch,uint64 seq,bytes32 prev,uint64 seenAtMs,"
    "uint64 beaconBlock,bytes32 beaconHash,bytes32 kind,bytes32 subject,uint256 quantity,bytes32 body)"
)
STATEMENT_TYPEHASH: Final = keccak(STATEMENT_TYPE.encode("ascii"))
DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOMAIN_NAME: Final = "Tallystick Evidence"
DOMAIN_VERSION: Final = "1"
HEADER_BYTES: Final = 384
ENTRY_BYTES: Final = HEADER_BYTES + SIGNATURE_BYTES
ZERO32: Final = bytes(32)

_NAME: Final = re.compile(r"[a-z0-9.-]{3,32}")
_BITS: Final = {
    "key_epoch": 32,
    "seq": 64,
    "seen_at_ms": 64,
    "beacon_block": 64,
    "quantity": 256,
}
_WORDS: Final = ("prev", "beacon_hash", "subject", "body")


@dataclass(frozen=True, slots=True)
class EvidenceDomain:
    """Where statements and acknowledgements are valid: one PartyRegistry on one chain."""

    chain_id: int
    registry: str
    """The PartyRegistry's address."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one device says it saw. Ids and hashes are 32 bytes; `quantity` is in its kind's unit.

    `seq` starts at 1 and `prev` is the id of the device's previous statement (zero for its first).
    `seen_at_ms` is the device's own claim; age counts from `beacon_block`, the newest confirmed it knew.
    """

    site: str
    device: str
    key_epoch: int
    seq: int
    prev: bytes
    seen_at_ms: int
    beacon_block: int
    beacon_hash: bytes
    kind: str
    subject: bytes
    quantity: int
    body: bytes

    def __post_init__(self) -> None:
        for name in (self.site, self.device, self.kind):
            name32(name)
        for field, bits in _BITS.items():
            value = getattr(self, field)
            if type(value) is not int or not 0 <= value < 1 << bits:
                raise FieldOutOfRange(field=field, value=value)
        for field in _WORDS:
            value = getattr(self, field)
            if type(value) is not bytes or len(value) != len(ZERO32):
                raise FieldOutOfRange(field=field, value=repr(value))
        if self.seq == 0:
            raise FieldOutOfRange(field="seq", value=0)

    def header(self) -> bytes:
        """The 384 bytes of `abi.encode(header)`."""
        return b"".join(
            (
                name32(self.site),
                name32(self.device),
                self.key_epoch.to_bytes(32),
                self.seq.to_bytes(32),
                self.prev,
                self.seen_at_ms.to_bytes(32),
                self.beacon_block.to_bytes(32),
                self.beacon_hash,
                name32(self.kind),
                self.subject,
                self.quantity.to_bytes(32),
                self.body,
            )
        )


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement and the 65 bytes its device's key put under it; `recover` says whose key that was."""

    statement: Statement
    signature: bytes

    def entry(self) -> bytes:
        """The 449 bytes that a site's log holds."""
        return self.statement.header() + self.signature

    def leaf(self) -> bytes:
        """The RFC 9162 leaf hash of the entry."""
        return sha256(b"\x00" + self.entry()).digest()


@lru_cache(maxsize=4096)
def name32(name: str) -> bytes:
    """A registry or kind name as the contracts keep it: ASCII, padded with zeros to 32 bytes.

    Raises:
        NameMalformed: not 3 to 32 characters of `a-z`, `0-9`, `.` and `-`.
    """
    if not _NAME.fullmatch(name):
        raise NameMalformed(name=name)
    return name.encode("ascii").ljust(32, b"\0")


@lru_cache(maxsize=4096)
def name_of(word: bytes) -> str:
    """The name behind 32 bytes, the reverse of `name32`.

    Raises:
        NameMalformed: the bytes are no name padded with zeros.
    """
    try:
        name = word.rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError as error:
        raise NameMalformed(name="0x" + word.hex()) from error
    if name32(name) != word:
        raise NameMalformed(name="0x" + word.hex())
    return name


def statement_id(statement: Statement) -> bytes:
    """The EIP-712 hashStruct: what `prev`, the spent set and acknowledgements use. Knows no domain."""
    return keccak(STATEMENT_TYPEHASH + statement.header())


@lru_cache(maxsize=64)
def domain_separator(domain: EvidenceDomain) -> bytes:
    """The EIP-712 domain separator of statements and acknowledgements."""
    return keccak(
        keccak(DOMAIN_TYPE.encode("ascii"))
        + keccak(DOMAIN_NAME.encode("ascii"))
        + keccak(DOMAIN_VERSION.encode("ascii"))
        + domain.chain_id.to_bytes(32)
        + address_bytes(domain.registry).rjust(32, b"\0")
    )


def digest(statement: Statement, domain: EvidenceDomain) -> bytes:
    """What the device's key signs: the EIP-712 digest in `domain`."""
    return keccak(b"\x19\x01" + domain_separator(domain) + statement_id(statement))


def sign(statement: Statement, key: bytes | Signer, domain: EvidenceDomain) -> SignedStatement:
    """The statement signed with `key`, a secret of 32 bytes or a signer that keeps it elsewhere."""
    return SignedStatement(statement, as_signer(key).sign_digest(digest(statement, domain)))


def recover(signed: SignedStatement, domain: EvidenceDomain) -> str:
    """The checksum address of the key that signed; a flipped byte gives another address or a refusal.

    Raises:
        SignatureMalformed: length, a high s, or v other than 27 and 28.
        SignerUnknown: no key could have made it.
    """
    return recover_digest(digest(signed.statement, domain), signed.signature)


def parse_entry(entry: bytes) -> SignedStatement:
    """The signed statement behind 449 bytes, which it encodes back to exactly.

    Raises:
        EntryMalformed: another length.
        NameMalformed: site, device or kind is no name padded with zeros.
        FieldOutOfRange: an integer has bits above its type.
    """
    if len(entry) != ENTRY_BYTES:
        raise EntryMalformed(length=len(entry))
    word = [entry[at : at + 32] for at in range(0, HEADER_BYTES, 32)]
    statement = Statement(
        site=name_of(word[0]),
        device=name_of(word[1]),
        key_epoch=int.from_bytes(word[2]),
        seq=int.from_bytes(word[3]),
        prev=word[4],
        seen_at_ms=int.from_bytes(word[5]),
        beacon_block=int.from_bytes(word[6]),
        beacon_hash=word[7],
        kind=name_of(word[8]),
        subject=word[9],
        quantity=int.from_bytes(word[10]),
        body=word[11],
    )
    return SignedStatement(statement, entry[HEADER_BYTES:])

"""secp256k1 over 32-byte digests in the form contracts accept: r‖s‖v, s in the lower half, v 27 or 28."""

from functools import lru_cache
from typing import Final, Protocol

import sha3
from coincurve import PrivateKey, PublicKey

from iot_bridge.evidence.errors import AddressMalformed, KeyMalformed, SignatureMalformed, SignerUnknown

SIGNATURE_BYTES: Final = 65
HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_SECRET_BYTES: Final = 32
_V: Final = (27, 28)
_ADDRESS_DIGITS: Final = 40
_HIGH_NIBBLE: Final = 8


class Signer(Protocol):
    """A key that signs digests, wherever its secret is kept."""

    @property
    def address(self) -> str:
        """The checksum address of the key."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """r‖s‖v over the 32 bytes of `digest`."""
        ...


def keccak(data: bytes) -> bytes:
    """keccak-256, as contracts hash."""
    return bytes(sha3.keccak_256(data).digest())


class LocalKey:
    """A signer whose secret is in this process's memory."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        if not isinstance(secret, bytes) or len(secret) != _SECRET_BYTES:
            raise KeyMalformed(length=len(secret))
        try:
            self._key = PrivateKey(secret)
        except ValueError as error:
            raise KeyMalformed(length=len(secret)) from error
        self.address = address_of(self._key.public_key)

    def sign_digest(self, digest: bytes) -> bytes:
        """r‖s‖v over the 32 bytes of `digest`; the same digest always gives the same bytes (RFC 6979)."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))


def as_signer(key: "bytes | Signer") -> Signer:
    """The signer itself, or one made of a secret of 32 bytes."""
    return LocalKey(key) if isinstance(key, bytes) else key


def recover_digest(digest: bytes, signature: bytes) -> str:
    """The checksum address whose key signed `digest`.

    Raises:
        SignatureMalformed: length, a high s, or v other than 27 and 28.
        SignerUnknown: no point of the curve answers to it.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureMalformed(length=len(signature))
    if signature[64] not in _V:
        raise SignatureMalformed(v=signature[64])
    if int.from_bytes(signature[32:64]) > HALF_ORDER:
        raise SignatureMalformed(s="0x" + signature[32:64].hex())
    compact = signature[:64] + bytes((signature[64] - 27,))
    try:
        key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception as error:  # coincurve raises a bare Exception where no point fits
        raise SignerUnknown(signature="0x" + signature.hex()) from error
    return address_of(key)


def address_of(key: PublicKey) -> str:
    """The checksum address of a public key."""
    return _checksum(keccak(key.format(compressed=False)[1:])[12:])


def address_bytes(address: str) -> bytes:
    """The 20 bytes of an address, in any letter case.

    Raises:
        AddressMalformed: anything but `0x` and 40 hex digits.
    """
    digits = address.removeprefix("0x")
    try:
        value = bytes.fromhex(digits)
    except ValueError as error:
        raise AddressMalformed(address=address) from error
    if len(digits) != _ADDRESS_DIGITS or len(address) != _ADDRESS_DIGITS + 2:
        raise AddressMalformed(address=address)
    return value


def checksum_address(address: str) -> str:
    """The address in the letter case of EIP-55."""
    return _checksum(address_bytes(address))


@lru_cache(maxsize=4096)
def _checksum(raw: bytes) -> str:
    digits = raw.hex()
    case = keccak(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= _HIGH_NIBBLE else digit
        for digit, nibble in zip(digits, case, strict=False)
    )

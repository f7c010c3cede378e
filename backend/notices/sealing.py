"""Keeps webhook secrets: each must sign again and again, so it is encrypted and never merely hashed.

The key is derived from the keystore's password, so a copy of the database alone signs nothing.
"""

import base64
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from backend.errors import Unavailable

NONCE: Final = 12
SCRYPT_N: Final = 2**14


class SecretNotOpened(Unavailable):
    """The webhook's secret was sealed under another keystore password, or is another endpoint's."""

    code = "notices.secret_not_opened"


@dataclass(frozen=True)
class SecretBox:
    """Seals and opens the secrets of one installation's webhooks."""

    password: str = field(repr=False)
    installation: str

    @cached_property
    def _cipher(self) -> AESGCM:
        salt = f"tallystick/webhook-secrets/{self.installation}".encode()
        key = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=8, p=1).derive(self.password.encode())
        return AESGCM(key)

    def seal(self, secret: bytes, endpoint_id: str) -> bytes:
        """The secret, encrypted for this endpoint only."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, endpoint_id.encode())

    def open(self, sealed: bytes, endpoint_id: str) -> bytes:
        """The secret.

        Raises:
            SecretNotOpened: it was sealed otherwise.
        """
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], endpoint_id.encode())
        except InvalidTag as error:
            raise SecretNotOpened(endpoint=endpoint_id) from error

    def shown(self, sealed: bytes | None, endpoint_id: str) -> str:
        """The secret as Standard Webhooks writes it; raises as `open`."""
        return "whsec_" + base64.b64encode(self.open(sealed or b"", endpoint_id)).decode("ascii")

"""Named signing keys, each in an encrypted keyfile (Web3 Secret Storage); one password opens a folder."""

import json
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from eth_account import Account

from contracts.errors import LedgerError

SCRYPT_N: Final = 2**14
"""Cost of opening a keyfile: 16 MiB and some 50 ms; a bank's keys belong behind a remote signer anyway."""


class KeyUnknown(LedgerError):
    """The keystore holds no key of that name."""

    code = "keystore.key_unknown"


class KeyExists(LedgerError):
    """A key of that name is there already; overwriting it could lose the only copy."""

    code = "keystore.key_exists"


class KeyNotOpened(LedgerError):
    """The password does not open the keyfile, or the file is not a keyfile."""

    code = "keystore.key_not_opened"


class Keystore:
    """A folder of keyfiles, one per name."""

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder
        self._password = password
        self._opened = lru_cache(maxsize=None)(self._open)

    def create(self, name: str) -> str:
        """Make a key and give its checksum address.

        Raises:
            KeyExists: the name is taken.
        """
        path = self._path(name)
        if path.exists():
            raise KeyExists(name=name)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        account = Account.create()
        keyfile = Account.encrypt(bytes(account.key), self._password, kdf="scrypt", iterations=SCRYPT_N)
        fresh = path.with_suffix(f".{secrets.token_hex(8)}.new")
        fresh.touch(mode=0o600)
        try:
            fresh.write_text(json.dumps(keyfile), encoding="ascii")
            path.hardlink_to(fresh)
        except FileExistsError as error:
            raise KeyExists(name=name) from error
        finally:
            fresh.unlink()
        return str(account.address)

    def ensure(self, names: Iterable[str]) -> dict[str, str]:
        """The address behind each name, made where it is missing."""
        return {name: self._ensured(name) for name in names}

    def key(self, name: str) -> bytes:
        """The 32 secret bytes.

        Raises:
            KeyUnknown: there is no such name.
            KeyNotOpened: the password does not fit.
        """
        return self._opened(name)

    def address(self, name: str) -> str:
        """The checksum address of a key."""
        return str(Account.from_key(self.key(name)).address)

    def addresses(self) -> dict[str, str]:
        """The checksum address of every key in the folder, by name.

        Raises:
            KeyNotOpened: the password does not fit one of them.
        """
        return {path.stem: self.address(path.stem) for path in sorted(self.folder.glob("*.json"))}

    def _ensured(self, name: str) -> str:
        if self._path(name).exists():
            return self.address(name)
        try:
            return self.create(name)
        except KeyExists:  # another process has just made it
            return self.address(name)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _open(self, name: str) -> bytes:
        path = self._path(name)
        if not path.exists():
            raise KeyUnknown(name=name, folder=str(self.folder))
        try:
            return bytes(Account.decrypt(json.loads(path.read_text(encoding="ascii")), self._password))
        except (ValueError, TypeError, KeyError) as error:
            raise KeyNotOpened(name=name) from error

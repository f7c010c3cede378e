"""Passwords: which are taken, how one is kept (argon2id), and how one is tried without telling who exists."""

import secrets
from functools import cache
from typing import Final

from pwdlib import PasswordHash

from backend.errors import Invalid

LEAST_LENGTH: Final = 12
LONGEST: Final = 256
COMMON: Final = frozenset(
    {
        "123456789012",
        "1234567890123",
        "administrator",
        "changemechangeme",
        "iloveyouiloveyou",
        "letmeinletmein",
        "password1234",
        "passwordpassword",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiopasdf",
        "tallystick123",
        "welcomewelcome",
    }
)
LEAST_DISTINCT: Final = 5


class PasswordTooWeak(Invalid):
    """A password has 12 to 256 characters, five of them different, is no common one and has no name in it."""

    code = "identity.password_too_weak"


@cache
def _hashing() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _nobody() -> str:
    return hash_password(secrets.token_urlsafe(24))


def require_strong(password: str, person: str) -> None:
    """Refuse a password that is easily guessed.

    Raises:
        PasswordTooWeak: it is short, common, or says the person's name; `why` says which.
    """
    plain = password.casefold()
    whys = {
        "length": not LEAST_LENGTH <= len(password) <= LONGEST,
        "common": plain in COMMON,
        "name": person.casefold() in plain,
        "repetition": len(set(plain)) < LEAST_DISTINCT,
    }
    wrong = [why for why, holds in whys.items() if holds]
    if wrong:
        raise PasswordTooWeak(why=wrong)


def new_password() -> str:
    """A password for somebody's first time."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> str:
    """What is kept of a password: its argon2id hash with a salt of its own."""
    return _hashing().hash(password)


def is_password(password: str, kept: str | None) -> bool:
    """Whether this is the password; where there is no account it takes just as long to say no."""
    return _hashing().verify(password, kept or _nobody()) and kept is not None

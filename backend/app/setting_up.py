"""The first start of an installation: its bank, and the one person who lets all others in."""

import sys
from typing import Final

import typer

from backend.clock import SystemClock
from backend.db import carry_out, open_database
from backend.errors import Invalid
from backend.identity.admitting import NAME, set_up
from backend.identity.rules import Person
from backend.migrations import require_current
from backend.settings import Settings
from contracts.keystore import Keystore

ASKED: Final = "Password (12 characters or more)"


class NameInvalid(Invalid):
    """A person's name has 3 to 25 characters: a-z, 0-9, dot and hyphen, the first a letter or digit."""

    code = "app.name_invalid"


def read_password() -> str:
    """The password as typed twice at a terminal, or the first line of what is piped in."""
    if sys.stdin.isatty():
        return str(typer.prompt(ASKED, hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def set_up_installation(settings: Settings, person: str, password: str) -> Person:
    """The first administrator, who is the bank's registrar as well and has a signing key from now on.

    Raises:
        NameInvalid: the name cannot be a person's.
        AlreadySetUp: it was done before.
        PasswordTooWeak: the password is easily guessed.
    """
    if not NAME.fullmatch(person):
        raise NameInvalid(person=person)
    keys = Keystore(settings.keystore, settings.keystore_password.get_secret_value())
    engine = open_database(settings.database())
    try:
        require_current(engine)
        now = SystemClock().now()
        first = carry_out(engine, lambda session: set_up(session, settings.bank, person, password, now=now))
    finally:
        engine.dispose()
    keys.ensure([first.signer])
    return first

"""Accounts and sessions: who signs in with which password, how often it may be tried, when a session ends.

A try is counted before its password is looked at, so tries side by side cannot outrun the count. What is
counted goes by name, whoever has it: a name that nobody has is refused, counted and locked just the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Engine, delete, update
from sqlmodel import Field, Session, SQLModel, col

from backend.db import UtcDateTime, carry_out, reading
from backend.errors import TallystickError, Unauthenticated
from backend.identity.credentials import (
    SESSION_PREFIX,
    CredentialRefused,
    OrganisationRow,
    SignInRow,
    hash_of,
    new_token,
)
from backend.identity.passwords import hash_password, is_password, require_strong
from backend.identity.tables import PersonRow

SESSION_LASTS: Final = timedelta(hours=12)
FREE_FAILURES: Final = 5
"""Wrong passwords in a row that cost no waiting."""
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(hours=24)
WINDOW: Final = timedelta(minutes=1)
MOST_TRIES: Final = 120
"""Tries in a minute, of all names together."""
EVERYBODY: Final = "everybody"


class SignInRefused(Unauthenticated):
    """Person and password do not belong together."""

    code = "identity.sign_in_refused"


class TooManyTries(TallystickError):
    """There were too many tries to sign in; wait until the time that is given."""

    code = "identity.too_many_tries"
    status = 429


class AccountRow(SQLModel, table=True):
    """What a person signs in with."""

    __tablename__ = "account"

    person: str = Field(primary_key=True, max_length=32)
    password_hash: str = Field(max_length=256)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    must_change: bool


class TryRow(SQLModel, table=True):
    """Tries to sign in under a name that have not succeeded yet, or those of everybody in this minute."""

    __tablename__ = "sign_in_try"

    name_hash: str = Field(primary_key=True, max_length=64)
    tries: int
    since: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    again_at: datetime = Field(sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; the token is told once and kept nowhere.

    With `must_change` it permits nothing but to change the password.
    """

    token: str
    person: str
    expires_at: datetime
    must_change: bool


def open_account(session: Session, person: str, password: str, *, now: datetime, must_change: bool) -> None:
    """Let a person sign in with this password; who changes it themselves need not change it again.

    Raises:
        PasswordTooWeak: it is easily guessed.
    """
    require_strong(password, person)
    session.merge(
        AccountRow(
            person=person, password_hash=hash_password(password), changed_at=now, must_change=must_change
        )
    )
    end_sessions(session, person, now)
    session.flush()


def sign_in(engine: Engine, person: str, password: str, now: datetime) -> SignedIn:
    """A session for whoever knows the password.

    Raises:
        TooManyTries: of this name, or of all names together.
        SignInRefused: nobody has that name, it is another's password, or the person no longer acts.
    """
    carry_out(engine, lambda session: _count(session, person, now))
    with reading(engine) as session:
        account = session.get(AccountRow, person)
    if not is_password(password, account.password_hash if account else None):
        raise SignInRefused
    return carry_out(engine, lambda session: _begin(session, account, now))


def sign_in_unasked(session: Session, person: str, now: datetime) -> SignedIn:
    """A session for a person who was not asked for a password: for demonstrations on one's own machine.

    Raises:
        SignInRefused: nobody has that name, or the person no longer acts.
    """
    account = session.get(AccountRow, person)
    if account is None:
        raise SignInRefused
    return _begin(session, account, now)


def sign_out(session: Session, token: str, now: datetime) -> None:
    """End the session of a token.

    Raises:
        CredentialRefused: it stands for no session, as an API key does not.
    """
    row = session.get(SignInRow, hash_of(token))
    if row is None:
        raise CredentialRefused
    row.ended_at = row.ended_at or now
    session.flush()


def change_password(engine: Engine, person: str, old: str, new: str, now: datetime) -> None:
    """Take a new password in place of the old one, and end every session of the person.

    Raises:
        TooManyTries: the old one was tried too often.
        SignInRefused: the old one is wrong.
        PasswordTooWeak: the new one is easily guessed, or is the old one.
    """
    carry_out(engine, lambda session: _count(session, person, now))
    with reading(engine) as session:
        account = session.get(AccountRow, person)
    if account is None or not is_password(old, account.password_hash):
        raise SignInRefused
    require_strong(new, old)

    def change(session: Session) -> None:
        _require_unchanged(session, account)
        _forget(session, person)
        open_account(session, person, new, now=now, must_change=False)

    carry_out(engine, change)


def end_sessions(session: Session, person: str, now: datetime) -> None:
    """End every session of a person."""
    session.exec(
        update(SignInRow)
        .where(col(SignInRow.person) == person, col(SignInRow.ended_at).is_(None))
        .values(ended_at=now)
    )


def wait_after(failures: int) -> timedelta:
    """How long a name waits after so many wrong passwords in a row: twice as long each time, to a limit."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    doublings = min(failures - FREE_FAILURES, 10)
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))


def _count(session: Session, person: str, now: datetime) -> None:
    """Count a try of a name, or refuse it before anything is tried; a refused one is not counted."""
    everybody = session.get(TryRow, EVERYBODY)
    if everybody is None or everybody.since + WINDOW <= now:
        session.exec(delete(TryRow).where(col(TryRow.last_at) <= now - FORGOTTEN_AFTER))
        everybody = session.merge(
            TryRow(name_hash=EVERYBODY, tries=0, since=now, last_at=now, again_at=now + WINDOW)
        )
    if everybody.tries >= MOST_TRIES:
        raise TooManyTries(again_at=everybody.again_at)
    name = _name_hash(person)
    of_name = session.get(TryRow, name) or TryRow(
        name_hash=name, tries=0, since=now, last_at=now, again_at=now
    )
    if of_name.again_at > now:
        raise TooManyTries(again_at=of_name.again_at)
    everybody.tries, everybody.last_at = everybody.tries + 1, now
    of_name.tries, of_name.last_at = of_name.tries + 1, now
    of_name.again_at = now + wait_after(of_name.tries)
    session.add(of_name)
    session.flush()


def _begin(session: Session, account: AccountRow | None, now: datetime) -> SignedIn:
    account = _require_unchanged(session, account)
    person = session.get(PersonRow, account.person)
    organisation = session.get(OrganisationRow, person.organisation) if person else None
    if person is None or not person.active or organisation is None or not organisation.active:
        raise SignInRefused
    _forget(session, account.person)
    token = new_token(SESSION_PREFIX)
    expires_at = now + SESSION_LASTS
    session.add(
        SignInRow(
            token_hash=hash_of(token),
            person=account.person,
            began_at=now,
            expires_at=expires_at,
            seen_at=now,
            restricted=account.must_change,
        )
    )
    session.flush()
    return SignedIn(token, account.person, expires_at, account.must_change)


def _require_unchanged(session: Session, account: AccountRow | None) -> AccountRow:
    """The account, which still has the password that was tried."""
    newest = account and session.get(AccountRow, account.person)
    if account is None or newest is None or newest.password_hash != account.password_hash:
        raise SignInRefused
    return newest


def _forget(session: Session, person: str) -> None:
    session.exec(delete(TryRow).where(col(TryRow.name_hash) == _name_hash(person)))


def _name_hash(person: str) -> str:
    """Names are kept as hashes, since somebody will type their password there."""
    return sha256(person.encode()).hexdigest()

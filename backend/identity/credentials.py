"""From a secret that somebody shows to the caller behind it. Secrets are long, random, and kept as hashes.

A password is asked for once, when a session begins; the session's token stands for the person from then on.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, Session, SQLModel

from backend.db import UtcDateTime
from backend.errors import Unauthenticated
from backend.identity.permissions import Caller, OrganisationKind, Permission, permissions_of
from backend.identity.tables import person_of

SESSION_PREFIX: Final = "tss_"
KEY_PREFIX: Final = "tsk_"
SECRET_BYTES: Final = 32
IDLE_LIMIT: Final = timedelta(minutes=30)
"""A session that nobody used for so long has ended."""
SEEN_EVERY: Final = timedelta(minutes=1)


class CredentialRefused(Unauthenticated):
    """Nobody stands behind this credential, or not any more; sign in again or ask for a new key."""

    code = "identity.credential_refused"


class OrganisationRow(SQLModel, table=True):
    """An organisation that people and machines act for; its id is its party's name. One is the bank."""

    __tablename__ = "organisation"
    __table_args__ = (
        Index(
            "uq_organisation_bank",
            "kind",
            unique=True,
            sqlite_where=text("kind = 'bank'"),
            postgresql_where=text("kind = 'bank'"),
        ),
    )

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=32)
    active: bool = True


class SignInRow(SQLModel, table=True):
    """A person's session, from signing in until its end."""

    __tablename__ = "sign_in"

    token_hash: str = Field(primary_key=True, max_length=64)
    person: str = Field(max_length=32, index=True)
    began_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    restricted: bool = False
    """Permits nothing until its person has chosen a password of their own."""


class ApiKeyRow(SQLModel, table=True):
    """A machine's key: what it may ask for, for whom, and until when."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True, max_length=32)
    token_hash: str = Field(unique=True, max_length=64)
    organisation: str = Field(max_length=32, index=True)
    permissions: list[str] = Field(sa_type=JSON)
    made_by: str = Field(max_length=32)
    made_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def new_token(prefix: str) -> str:
    """A secret that nobody can guess, which says by its first letters what it is."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()


def caller_of(session: Session, token: str, now: datetime) -> Caller:
    """Who stands behind a token at this wall-clock instant.

    Raises:
        CredentialRefused: nobody, not any more, or their organisation does not act here.
    """
    if token.startswith(SESSION_PREFIX):
        return _person(session, token, now)
    if token.startswith(KEY_PREFIX):
        return _machine(session, token, now)
    raise CredentialRefused


def is_due(session: Session, token: str, now: datetime) -> bool:
    """Whether a session's use has not been noted for a while."""
    row = session.get(SignInRow, hash_of(token)) if token.startswith(SESSION_PREFIX) else None
    return row is not None and row.seen_at is not None and row.seen_at + SEEN_EVERY <= now


def note_use(session: Session, token: str, now: datetime) -> None:
    """Note that a session is in use, so that it does not end as an idle one."""
    row = session.get(SignInRow, hash_of(token))
    if row is not None and row.ended_at is None:
        row.seen_at = now
        session.flush()


def _person(session: Session, token: str, now: datetime) -> Caller:
    row = session.get(SignInRow, hash_of(token))
    if row is None or row.ended_at is not None or row.expires_at <= now:
        raise CredentialRefused
    if row.seen_at is not None and row.seen_at + IDLE_LIMIT <= now:
        raise CredentialRefused
    person = person_of(session, row.person)
    if not person.active:
        raise CredentialRefused
    kind = _kind(session, person.organisation)
    return Caller(
        organisation=person.organisation,
        kind=kind,
        permissions=frozenset() if row.restricted else permissions_of(kind, person.roles),
        person=person.id,
    )


def _machine(session: Session, token: str, now: datetime) -> Caller:
    key_id = token.removeprefix(KEY_PREFIX).partition(".")[0]
    row = session.get(ApiKeyRow, key_id)
    if row is None or not hmac.compare_digest(row.token_hash, hash_of(token)):
        raise CredentialRefused
    if row.revoked_at is not None or row.expires_at <= now:
        raise CredentialRefused
    return Caller(
        organisation=row.organisation,
        kind=_kind(session, row.organisation),
        permissions=frozenset(Permission(each) for each in row.permissions),
        key=row.id,
    )


def _kind(session: Session, organisation: str) -> OrganisationKind:
    row = session.get(OrganisationRow, organisation)
    if row is None or not row.active:
        raise CredentialRefused
    return OrganisationKind(row.kind)

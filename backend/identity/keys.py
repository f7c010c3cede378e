"""API keys: made for machines by an administrator, told once, for a time, never for an act of a person."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from backend.errors import Forbidden, Invalid, NotFound
from backend.identity.credentials import KEY_PREFIX, ApiKeyRow, hash_of, new_token
from backend.identity.permissions import OF_KIND, Caller, Permission, permissions_of, require_person

OF_PEOPLE_ONLY: Final = frozenset(
    {
        Permission.PLEDGES_ACCEPT,
        Permission.LOANS_APPROVE,
        Permission.RELEASES_ORDER,
        Permission.PAYMENTS_ORDER,
        Permission.PEOPLE_ADMINISTER,
        Permission.KEYS_ADMINISTER,
        Permission.ORGANISATIONS_ADMINISTER,
    }
)
"""What no key can be given: it takes a natural person, or makes one."""
LASTS_AT_MOST: Final = timedelta(days=366)


class PermissionNotForKeys(Forbidden):
    """A key of this organisation cannot have this permission."""

    code = "identity.permission_not_for_keys"


class KeyLastsTooLong(Invalid):
    """A key ends in the future, and within a year."""

    code = "identity.key_lasts_too_long"


class ApiKeyUnknown(NotFound):
    """The organisation has no API key of that name."""

    code = "identity.api_key_unknown"


def make_key(
    session: Session,
    caller: Caller,
    permissions: frozenset[Permission],
    *,
    expires_at: datetime,
    now: datetime,
) -> tuple[ApiKeyRow, str]:
    """A key of the caller's organisation, and its secret, which is told this once.

    Raises:
        PersonNeeded: a machine asks.
        PermissionNotForKeys: one of them is a person's, or is nobody's in an organisation of this kind.
        KeyLastsTooLong: it would end in the past, or later than in a year.
    """
    person = require_person(caller)
    possible = permissions_of(caller.kind, OF_KIND[caller.kind]) - OF_PEOPLE_ONLY
    if not permissions or not permissions <= possible:
        raise PermissionNotForKeys(permissions=sorted(permissions - possible), possible=sorted(possible))
    if not now < expires_at <= now + LASTS_AT_MOST:
        raise KeyLastsTooLong(expires_at=expires_at, at_most=now + LASTS_AT_MOST)
    key_id = secrets.token_hex(8)
    secret = new_token(f"{KEY_PREFIX}{key_id}.")
    row = ApiKeyRow(
        id=key_id,
        token_hash=hash_of(secret),
        organisation=caller.organisation,
        permissions=sorted(each.value for each in permissions),
        made_by=person,
        made_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, secret


def revoke_key(session: Session, caller: Caller, key_id: str, now: datetime) -> ApiKeyRow:
    """The key, which opens nothing from now on; revoking it again changes nothing.

    Raises:
        ApiKeyUnknown: the caller's organisation has none of that name.
    """
    row = session.get(ApiKeyRow, key_id)
    if row is None or row.organisation != caller.organisation:
        raise ApiKeyUnknown(key=key_id)
    row.revoked_at = row.revoked_at or now
    session.flush()
    return row


def keys_of(session: Session, organisation: str, after: str, limit: int) -> list[ApiKeyRow]:
    """Keys of an organisation in the order of their names, from behind `after`."""
    found = session.exec(
        select(ApiKeyRow)
        .where(col(ApiKeyRow.organisation) == organisation, col(ApiKeyRow.id) > after)
        .order_by(col(ApiKeyRow.id))
        .limit(limit)
    )
    return list(found)

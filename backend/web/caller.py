"""Who asks: found from the credential alone, and held to the permission that the operation names."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from backend.db import carry_out, reading
from backend.errors import Unauthenticated
from backend.identity.credentials import caller_of, is_due, note_use
from backend.identity.permissions import Caller, Permission, require_permission
from backend.web.ports import Times, port

PERMISSION = "permission"
bearer = HTTPBearer(
    auto_error=False,
    description="A session's token (`POST /v1/sessions`) or an API key.",
)


class CredentialMissing(Unauthenticated):
    """No credential came with the request; send `Authorization: Bearer` and a session token or API key."""

    code = "web.credential_missing"


def current_caller(
    engine: Annotated[Engine, Depends(port(Engine))],
    times: Annotated[Times, Depends(port(Times))],
    credential: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    """The caller behind the request's credential.

    Raises:
        CredentialMissing: there is none.
        CredentialRefused: nobody stands behind it, or not any more.
    """
    if credential is None:
        raise CredentialMissing
    token, now = credential.credentials, times.wall.now()
    with reading(engine) as session:
        caller, due = caller_of(session, token, now), is_due(session, token, now)
    if due:
        carry_out(engine, lambda session: note_use(session, token, now))
    return caller


def may(permission: Permission) -> Callable[[Caller], Caller]:
    """A dependency that gives the caller, once they are known to have the permission."""

    def permitted(caller: Annotated[Caller, Depends(current_caller)]) -> Caller:
        require_permission(caller, permission)
        return caller

    setattr(permitted, PERMISSION, permission)
    return permitted

"""The cookies: the session's token, which no script can read, and what a reader prefers."""

from datetime import datetime
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from backend.errors import Forbidden, Unauthenticated

SESSION: Final = "tallystick-session"
GUARDED: Final = f"__Host-{SESSION}"
"""The same where a certificate stands in front; browsers take that name only over TLS and for this host."""
LANGUAGE: Final = "tallystick-language"
THEME: Final = "tallystick-theme"
SEEN: Final = "tallystick-seen"
THEMES: Final = ("auto", "light", "dark")
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
A_YEAR_S: Final = 365 * 24 * 3600


class NotSignedIn(Unauthenticated):
    """Nobody is signed in here, or the session has ended; sign in to go on."""

    code = "console.not_signed_in"


class ForeignForm(Forbidden):
    """The form was not sent from one of our own pages."""

    code = "console.foreign_form"


def host_of(request: Request) -> str:
    """The name that the browser calls us by, without the port."""
    host = request.headers.get("host", "")
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def is_loopback(request: Request) -> bool:
    """Whether the browser calls us by a name of this machine itself."""
    return host_of(request) in LOOPBACK


def token_of(request: Request) -> str:
    """The session's token.

    Raises:
        NotSignedIn: no cookie came.
    """
    token = request.cookies.get(SESSION if is_loopback(request) else GUARDED)
    if not token:
        raise NotSignedIn
    return token


def keep_token(request: Request, response: Response, token: str, until: datetime) -> None:
    """Have the browser keep a session's token until the session ends at the latest."""
    near = is_loopback(request)
    response.set_cookie(
        SESSION if near else GUARDED,
        token,
        expires=until,
        httponly=True,
        secure=not near,
        samesite="strict",
        path="/",
    )


def forget_token(request: Request, response: Response) -> None:
    """Have the browser forget the token."""
    near = is_loopback(request)
    response.delete_cookie(
        SESSION if near else GUARDED, httponly=True, secure=not near, samesite="strict", path="/"
    )


def keep_choice(request: Request, response: Response, name: str, value: str) -> None:
    """Have the browser keep a preference."""
    response.set_cookie(
        name,
        value,
        max_age=A_YEAR_S,
        secure=not is_loopback(request),
        httponly=True,
        samesite="lax",
        path="/",
    )


def require_own_form(request: Request) -> None:
    """Refuse what another site's page sends in a reader's name.

    Browsers say where a request comes from: by `Sec-Fetch-Site`, older ones by `Origin`.

    Raises:
        ForeignForm: from elsewhere, or it does not say.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    ours = origin in (f"https://{host}", f"http://{host}")
    if (site is None and not ours) or (site is not None and site != "same-origin") or (origin and not ours):
        raise ForeignForm(site=site or "", origin=origin or "")

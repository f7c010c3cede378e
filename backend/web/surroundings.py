"""What surrounds each request: bounded in size, timed, logged and counted."""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import TallystickError
from backend.web.problems import problem

LARGEST_BODY: Final = 12 * 1024 * 1024
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
REQUESTS: Final = Counter("tallystick_requests", "Requests answered.", ["method", "route", "status"])
SECONDS: Final = Histogram("tallystick_request_seconds", "Time until the answer began.", ["method", "route"])
DEEPEST: Final = 32
MARKS: Final = re.compile(rb'[\[\]{}"\\]')
UNKNOWN_ROUTE: Final = "unknown"
log = structlog.get_logger(__name__)


class BodyTooLarge(TallystickError):
    """The request's body is larger than anything that this takes."""

    code = "web.body_too_large"
    status = 413


class Nesting:
    """How deep the JSON goes that comes in pieces; counts brackets outside strings."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped_at = -1
        self._seen = 0

    def bears(self, piece: bytes) -> bool:
        """Take the next piece; False once it has gone too deep."""
        for found in MARKS.finditer(piece):
            at, mark = self._seen + found.start(), found.group()
            if self._in_string:
                if at == self._escaped_at:
                    continue
                if mark == b"\\":
                    self._escaped_at = at + 1
                elif mark == b'"':
                    self._in_string = False
            elif mark == b'"':
                self._in_string = True
            elif mark in b"[{":
                self._depth += 1
                if self._depth > DEEPEST:
                    return False
            elif mark in b"]}":
                self._depth -= 1
        self._seen += len(piece)
        return True


class Surroundings:
    """Wraps the app; pure ASGI, so that a stream of events passes through as it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watched = _Watched(scope, send)
        if _declared_length(scope) > LARGEST_BODY:
            refused = problem(
                413, BodyTooLarge.code, "The request's body is too large.", {"at_most": LARGEST_BODY}
            )
            await refused(scope, receive, watched.send)
            return
        await self._app(scope, _bounded(receive, is_json=_is_json(scope)), watched.send)


class _Watched:
    """Times one request and says how it ended, by its route's template and never by its path."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._begun = time.monotonic()

    async def send(self, message: Message) -> None:
        """Pass a message on, with what every answer carries."""
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in HEADERS if header[0] not in given),
            ]
            self._tell(int(message["status"]))
        await self._send(message)

    def _tell(self, status: int) -> None:
        route = getattr(self._scope.get("route"), "path_format", UNKNOWN_ROUTE)
        method = self._scope["method"] if route != UNKNOWN_ROUTE else "any"
        took = time.monotonic() - self._begun
        REQUESTS.labels(method, route, status).inc()
        SECONDS.labels(method, route).observe(took)
        log.info("request_answered", method=method, route=route, status=status, ms=round(took * 1000, 1))


def _declared_length(scope: Scope) -> int:
    """What the request says of its body's length; one that says nothing is counted as it comes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return -1


def _bounded(receive: Receive, *, is_json: bool) -> Callable[[], Any]:
    """Receive no more than the largest body; what is behind it is cut off as if the client had left.

    Raises:
        HTTPException: JSON within JSON within JSON: a parser that recurses would end the process.
    """
    taken, nesting = 0, Nesting()

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        body = message.get("body", b"")
        taken += len(body)
        if is_json and not nesting.bears(body):
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"nested more than {DEEPEST} deep")
        return message if taken <= LARGEST_BODY else {"type": "http.disconnect"}

    return counted


def _is_json(scope: Scope) -> bool:
    """Whether a parser of JSON may be given this; whoever says nothing of the kind is counted in."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return not kinds or b"json" in kinds[0].lower()

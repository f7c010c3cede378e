"""Refusals as a page: a sentence in the reader's language, the code, the facts, and a way on.

The same refusals leave the API as problem details; which of the two is sent follows from what was asked for.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from backend.console.rendering import PageUnknown
from backend.console.session import NotSignedIn
from backend.console.visiting import Reader, reader_of, see_other, visit_of
from backend.errors import TallystickError, Unauthenticated
from backend.web.problems import RequestInvalid, plain
from contracts.errors import LedgerError

MACHINES: Final = ("/v1/", "/metrics", "/healthz", "/readyz", "/openapi.json", "/events", "/static/")
"""Where machines ask; whatever else is asked for by a browser is a page."""
FAULT: Final = "web.fault"
Handler = Callable[[Request, Exception], Response | Awaitable[Response]]
READING: Final = ("GET", "HEAD")


def install(app: FastAPI) -> None:
    """Have refusals of pages leave the app as pages, and all others as they did before."""
    for kind in (TallystickError, LedgerError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _for_pages(app.exception_handlers[kind]))


def is_page(request: Request) -> bool:
    """Whether a person looks at the answer."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(MACHINES)


def _for_pages(before: Handler) -> Handler:
    async def refuse(request: Request, refusal: Exception) -> Response:
        if not is_page(request):
            found = before(request, refusal)
            return found if isinstance(found, Response) else await found
        if isinstance(refusal, Unauthenticated):
            return _to_sign_in(request, refusal)
        if not isinstance(refusal, TallystickError | LedgerError | RequestValidationError | HTTPException):
            before(request, refusal)  # writes it to the log
        return await run_in_threadpool(_page, request, refusal)

    return refuse


def _to_sign_in(request: Request, refusal: Unauthenticated) -> Response:
    """To the sign-in page, and from there back; whose session has ended is told so."""
    query = f"?{request.url.query}" if request.url.query else ""
    next_path = request.url.path + query if request.method in READING else "/"
    told = {} if isinstance(refusal, NotSignedIn) else {"done": "session_ended"}
    return see_other(f"/sign-in?{urlencode({'next': next_path} | told)}")


def _reader(request: Request) -> Reader:
    """The reader with their shell around them, where it can still be told who they are."""
    try:
        return visit_of(request)
    except TallystickError:
        return reader_of(request)


def _page(request: Request, refusal: Exception) -> Response:
    reader = _reader(request)
    status, code, sentence, facts = explained(refusal)
    return reader.page(
        "error.html",
        http_status=status,
        refusal=code,
        sentence=reader.words.named("error", code) or sentence,
        given={name: plain(value) for name, value in facts.items()},
        status=status,
    )


def explained(refusal: Exception) -> tuple[int, str, str, dict[str, Any]]:
    """Status, code, sentence and facts of a refusal."""
    if isinstance(refusal, TallystickError):
        return refusal.status, refusal.code, _sentence(refusal), refusal.facts
    if isinstance(refusal, LedgerError):
        return HTTPStatus.SERVICE_UNAVAILABLE, refusal.code, _sentence(refusal), refusal.facts
    if isinstance(refusal, RequestValidationError):
        wrong = {".".join(map(str, each["loc"])): each["msg"] for each in refusal.errors()[:20]}
        return RequestInvalid.status, RequestInvalid.code, _sentence(RequestInvalid()), wrong
    if isinstance(refusal, HTTPException):
        if refusal.status_code == HTTPStatus.NOT_FOUND:
            return PageUnknown.status, PageUnknown.code, _sentence(PageUnknown()), {}
        return refusal.status_code, f"web.http_{refusal.status_code}", str(refusal.detail), {}
    return 500, FAULT, "Something is wrong on our side; it was written to the log.", {}


def _sentence(refusal: Exception) -> str:
    return (type(refusal).__doc__ or type(refusal).__name__).strip().splitlines()[0]

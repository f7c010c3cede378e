"""Refusals as problem details (RFC 9457): a stable code, a sentence, and the facts that decided."""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from backend.errors import Invalid, TallystickError
from contracts.errors import LedgerError

MEDIA_TYPE: Final = "application/problem+json"
PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
log = structlog.get_logger(__name__)


class RequestInvalid(Invalid):
    """The request does not have the form that this operation takes."""

    code = "web.request_invalid"


class Problem(BaseModel):
    """Why a request was refused."""

    type: str = Field(examples=["/docs/errors#valuation.price_stale"])
    title: str = Field(examples=["Service Unavailable"])
    status: int = Field(examples=[503])
    detail: str = Field(examples=["The newest price is older than the facility allows."])
    code: str = Field(examples=["valuation.price_stale"])
    facts: dict[str, Any]


def install(app: FastAPI) -> None:
    """Have every refusal of the app leave it as a problem."""
    app.add_exception_handler(TallystickError, _of_refusal)
    app.add_exception_handler(LedgerError, _of_ledger)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_fault)


def refusals(*errors: type[TallystickError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that may refuse for these reasons."""
    by_status: dict[int | str, dict[str, Any]] = defaultdict(dict)
    for error in sorted(errors, key=lambda each: each.code):
        by_status[error.status][error.code] = {"value": _body(error.status, error.code, _why(error), {})}
    return {
        status: {
            "description": HTTPStatus(int(status)).phrase,
            "content": {MEDIA_TYPE: {"schema": PROBLEM, "examples": examples}},
        }
        for status, examples in by_status.items()
    }


def plain(value: Any) -> Any:
    """A fact as JSON can hold it."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def problem(status: int, code: str, detail: str, facts: Mapping[str, Any] | None = None) -> Response:
    """The answer that says so."""
    body = _body(status, code, detail, facts or {})
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return Response(json.dumps(body), status, headers=headers, media_type=MEDIA_TYPE)


def _body(status: int, code: str, detail: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": f"/docs/errors#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "facts": plain(facts),
    }


def _why(error: type[Exception]) -> str:
    return (error.__doc__ or error.__name__).strip().splitlines()[0]


def _of_refusal(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, TallystickError):
        raise refusal
    return problem(refusal.status, refusal.code, _why(type(refusal)), refusal.facts)


def _of_ledger(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, LedgerError):
        raise refusal
    return problem(503, refusal.code, _why(type(refusal)), refusal.facts)


def _of_validation(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, RequestValidationError):
        raise refusal
    wrong = [{"where": ".".join(map(str, each["loc"])), "why": each["msg"]} for each in refusal.errors()[:20]]
    return problem(422, RequestInvalid.code, _why(RequestInvalid), {"wrong": wrong})


def _of_http(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, HTTPException):
        raise refusal
    status = int(refusal.status_code)
    code = RequestInvalid.code if status == RequestInvalid.status else f"web.http_{status}"
    answer = problem(status, code, str(refusal.detail))
    answer.headers.update(refusal.headers or {})
    return answer


def _of_fault(request: Request, fault: Exception) -> Response:
    log.error("request_failed", path=request.url.path, method=request.method, exc_info=fault)
    return problem(500, "web.fault", "Something is wrong on our side; it was written to the log.")

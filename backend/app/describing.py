"""The OpenAPI 3.1 description: each operation with the permission it needs and every way it may refuse."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from backend.backup.rules import NotReconciled
from backend.db import DatabaseContended, DatabaseUnavailable
from backend.errors import TallystickError
from backend.identity.credentials import CredentialRefused
from backend.identity.permissions import Permission, PermissionMissing
from backend.loans.shapes import ProductForm
from backend.web.caller import PERMISSION, CredentialMissing
from backend.web.problems import MEDIA_TYPE, Problem, RequestInvalid, refusals
from backend.web.surroundings import BodyTooLarge
from backend.web.work import KeyReused

DESCRIPTION: Final = """\
Lend against goods in a warehouse, on signed evidence and a ledger that nobody can rewrite.

Send `Authorization: Bearer` with a session's token or an API key; the organisation comes from that alone.

Each POST that moves goods, rights or money names itself with an `Idempotency-Key`: sent again with the same
key and body it has no second effect and gets the same answer, but for a secret: no copy is kept of a
webhook's, a key's or a first password, so a repetition says null and `told_before: true`. Refusals are
problem details with a stable `code` and the facts that decided. An act of two people is the same request
sent by both; the first gets 202.

Money is `{amount_minor, currency}` in minor units, ratios are basis points, instants carry their zone, ids
are `0x` and hex.
"""
IDEMPOTENCY: Final = "Idempotency-Key"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""What may be asked of a bank that a backup has put back and that is not reconciled yet."""


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of an app whose routes are all there."""
    schema = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        openapi_version="3.1.0",
    )
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    # FastAPI leaves every null out, also of an example in which it says that there is no limit.
    schemas["ProductForm"]["examples"] = ProductForm.model_json_schema()["examples"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for route in api_routes(app):
        for method in route.methods or ():
            operation = schema["paths"][route.path_format][method.lower()]
            _complete(operation, route, [] if method in READING else [NotReconciled])
    return schema


def api_routes(app: FastAPI) -> Iterator[RouteContext]:
    """Every operation that the description holds, however its router was included."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute) and route.original_route.include_in_schema:
            yield route


def permission_of(route: RouteContext) -> Permission | None:
    """The permission that an operation needs; None where it is open to anybody, or to anybody signed in."""
    for dependant in _every(route.dependant):
        found = getattr(dependant.call, PERMISSION, None)
        if isinstance(found, Permission):
            return found
    return None


def _complete(operation: dict[str, Any], route: RouteContext, also: Sequence[type[TallystickError]]) -> None:
    """Add what every operation of its kind may answer, below what it says itself."""
    common = list[type[TallystickError]]((RequestInvalid, DatabaseUnavailable, *also))
    permission = permission_of(route)
    if operation.get("security"):
        common += [CredentialMissing, CredentialRefused]
    if permission is not None:
        common.append(PermissionMissing)
        operation["x-permission"] = permission.value
    if any(each.get("name") == IDEMPOTENCY for each in operation.get("parameters", [])):
        common += [KeyReused, DatabaseContended]
    if operation.get("requestBody"):
        common.append(BodyTooLarge)
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status, response in refusals(*common).items():
        mine = responses.setdefault(str(status), response)
        examples = mine["content"].setdefault(MEDIA_TYPE, response["content"][MEDIA_TYPE])["examples"]
        examples.update(response["content"][MEDIA_TYPE]["examples"])
    operation["responses"] = dict(sorted(responses.items()))


def _every(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _every(each)

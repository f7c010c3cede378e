"""The API's description for people, made on the server: no script, no third party, any browser."""

import json
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE: Final = Path(__file__).parent
CSP: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGES: Final = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> JSONResponse:
    """The description for machines."""
    return JSONResponse(request.app.openapi_schema)


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """The description for people."""
    schema = request.app.openapi_schema
    page = PAGES.get_template("reference.html").render(
        schema=schema, sections=sections_of(schema), shown=shown
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": CSP})


@router.get("/docs/reference.css")
def style() -> Response:
    """How it looks."""
    return Response((HERE / "reference.css").read_text(encoding="utf-8"), media_type="text/css")


def sections_of(schema: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations under their tags, each with its method and path."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for tag in operation.get("tags", ["other"]):
                sections.setdefault(tag, []).append({"method": method.upper(), "path": path, **operation})
    return dict(sorted(sections.items()))


def shown(value: object) -> str:
    """A piece of the description as JSON text."""
    return json.dumps(value, indent=2, ensure_ascii=False)

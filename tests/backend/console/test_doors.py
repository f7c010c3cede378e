"""What holds for every page and form, those included that are yet to be made."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from backend.console.forms import posted_fields
from backend.console.rendering import assets, policy
from backend.console.routes import ROUTERS
from backend.console.visiting import own_path
from backend.web.caller import PERMISSION
from tests.backend.console.conftest import Client
from tests.backend.console.house import House

TEMPLATES = sorted((Path(__file__).resolve().parents[3] / "backend/console/templates").glob("**/*.html"))
OPEN = frozenset({"/sign-in", "/sign-in/demo", "/static/{name}", "/demo/bar", "/demo/{wanted}"})
"""What may be asked for by somebody who is not signed in; the last two only where a demonstration plays."""
FORBIDDEN = {
    "an inline style": re.compile(r"\sstyle\s*=|<style"),
    "an inline handler": re.compile(r"<[^>]*\son[a-z]+\s*="),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)"),
    "a script's address": re.compile(r"javascript:", re.IGNORECASE),
    "a text that is not escaped": re.compile(r"\|\s*safe\b|autoescape\s+false|Markup"),
    "another host": re.compile(r"(?:src|href|action)=\"(?:https?:)?//"),
}


def routes() -> Iterator[APIRoute]:
    for router in ROUTERS:
        for route in iter_route_contexts(router.routes):
            if isinstance(route.original_route, APIRoute):
                yield route.original_route


def depends_on(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from depends_on(each)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_carries_nothing_that_the_policy_would_stop(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == []


def test_every_form_is_taken_from_our_own_pages_only() -> None:
    posts = [route for route in routes() if route.methods != {"GET"}]
    assert posts != []
    assert [route.path for route in posts if posted_fields not in depends_on(route.dependant)] == []


def test_every_page_asks_who_reads_it() -> None:
    unasked = [
        route.path
        for route in routes()
        if not any(hasattr(each, PERMISSION) for each in depends_on(route.dependant))
    ]
    assert set(unasked) == OPEN


def test_no_page_is_in_the_apis_description(house: House) -> None:
    assert {route.path for route in routes()}.isdisjoint(house.app.openapi_schema["paths"])


def test_every_answer_carries_the_policy(browse: Client) -> None:
    client = browse("officer")
    for path in ("/", "/nowhere", "/sign-in", "/search?q=L-2026-1001", "/static/none", "/v1/me"):
        told = client.get(path).headers["content-security-policy"]
        assert "unsafe" not in told
        assert "default-src 'none'" in told
        assert "frame-ancestors 'none'" in told
    assert policy() == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


def test_one_page_may_ask_one_more_origin_and_no_other() -> None:
    assert "connect-src 'self' http://127.0.0.1:8545;" in policy(connect="http://127.0.0.1:8545")
    assert policy(connect="x").count("'self'") == policy().count("'self'")


def test_static_files_are_kept_for_good_under_their_hash(browse: Client) -> None:
    for asset in assets().values():
        answer = browse().get(asset.url)
        assert answer.content == asset.content
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert browse().get("/static/console.css").status_code == 404


def test_the_way_back_may_carry_a_query() -> None:
    assert own_path("/loans?after=L-1&lang=en") == "/loans?after=L-1&lang=en"

"""The demonstration's bar: the next event, a new beginning, and the bar alone for who polls it."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from backend.console.demonstration import Playing, Wanted, Wish, demonstration_before
from backend.console.forms import Fields, FormInvalid, posted_fields
from backend.console.rendering import PageUnknown
from backend.console.visiting import own_path, reader_of, see_other

router = APIRouter(include_in_schema=False)
FieldsDep = Annotated[Fields, Depends(posted_fields)]
COUNT: Final = re.compile(r"[0-9]{1,2}")


@router.get("/demo/bar")
def bar(request: Request) -> Response:
    """The bar as it is now."""
    _playing(request)
    answer = reader_of(request).page("demo_alone.html")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/demo/{wanted}")
def ask(request: Request, wanted: Wanted, fields: FieldsDep) -> Response:
    """Have the next event happen, or all of it begin anew."""
    _playing(request)
    played = fields.one("played")
    if not COUNT.fullmatch(played):
        raise FormInvalid(played=played[:20])
    wish = Wish(what=wanted, run=fields.one("run")[:64], played=int(played))
    demonstration_before(request).wish(wish)
    return see_other(own_path(fields.one("back", "/")))


def _playing(request: Request) -> Playing:
    """How far the story is.

    Raises:
        PageUnknown: there is no demonstration here.
    """
    playing = demonstration_before(request).playing()
    if playing is None:
        raise PageUnknown
    return playing

"""Signing in and out, and choosing a password of one's own."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import Engine

from backend.console import session as cookies
from backend.console.forms import Fields, FormInvalid, posted_fields
from backend.console.refusing import explained
from backend.console.rendering import PageUnknown
from backend.console.visiting import (
    Posted,
    Reader,
    Visit,
    done_by,
    own_path,
    reader_of,
    see_other,
    seen_by,
    visit_of,
)
from backend.db import carry_out, reading
from backend.errors import TallystickError, Unauthenticated
from backend.identity import accounts, admitting
from backend.identity.accounts import SignedIn, SignInRefused, TooManyTries
from backend.identity.passwords import PasswordTooWeak
from backend.identity.permissions import require_person
from backend.settings import Settings
from backend.web.ports import Times, port

router = APIRouter(include_in_schema=False)
EngineDep = Annotated[Engine, Depends(port(Engine))]
TimesDep = Annotated[Times, Depends(port(Times))]
FieldsDep = Annotated[Fields, Depends(posted_fields)]
MOST_PEOPLE: Final = 40
LONGEST_PASSWORD: Final = 256
LONGEST_NAME: Final = 64


@router.get("/sign-in")
def sign_in_page(request: Request, engine: EngineDep) -> Response:
    """Name and password; on a demonstration each of the people in it by one click."""
    try:
        visit_of(request)
    except Unauthenticated:
        return _sign_in_page(request, engine)
    return see_other(own_path(request.query_params.get("next", "/")))


@router.post("/sign-in")
def sign_in(request: Request, engine: EngineDep, times: TimesDep, fields: FieldsDep) -> Response:
    """Begin a session; a refusal is told on the page itself, and the name stays filled in."""
    person, password = fields.one("person")[:LONGEST_NAME], (fields.all("password") or [""])[-1]
    try:
        _require_bounded(password)
        signed_in = accounts.sign_in(engine, person, password, times.wall.now())
    except (SignInRefused, TooManyTries) as refusal:
        return _sign_in_page(request, engine, refusal=refusal, person=person)
    return _begun(request, signed_in, fields.one("next"))


@router.post("/sign-in/demo")
def sign_in_unasked(request: Request, engine: EngineDep, times: TimesDep, fields: FieldsDep) -> Response:
    """Begin a session of one of the demonstration's people."""
    if not _is_demo(request):
        raise PageUnknown
    person, now = fields.one("person")[:LONGEST_NAME], times.wall.now()
    signed_in = carry_out(engine, lambda session: accounts.sign_in_unasked(session, person, now))
    return _begun(request, signed_in, fields.one("next"))


@router.post("/sign-out")
def sign_out(posted: Annotated[Posted, Depends(done_by())]) -> Response:
    """End the session."""
    now = posted.times.wall.now()
    carry_out(posted.look.engine, lambda session: accounts.sign_out(session, posted.token, now))
    answer = posted.see("/sign-in", "signed_out")
    cookies.forget_token(posted.request, answer)
    return answer


@router.get("/password")
def password_page(visit: Annotated[Visit, Depends(seen_by())]) -> Response:
    """A password of one's own."""
    return visit.page("password.html", refusal=None)


@router.post("/password")
def change_password(posted: Annotated[Posted, Depends(done_by())]) -> Response:
    """Take a new password in place of the old one, and go on with a session that permits everything again."""
    person, engine, now = require_person(posted.caller), posted.look.engine, posted.times.wall.now()
    old, new, again = (posted.fields.values.get(name, [""])[-1] for name in ("old", "new", "again"))
    try:
        _require_bounded(old, new)
        _require_same(new, again)
        accounts.change_password(engine, person, old, new, now)
    except (SignInRefused, TooManyTries, PasswordTooWeak, FormInvalid) as refusal:
        return posted.page("password.html", status=refusal.status, refusal=_told(posted, refusal))
    signed_in = accounts.sign_in(engine, person, new, posted.times.wall.now())
    return _begun(posted.request, signed_in, "/?done=password_changed")


def _begun(request: Request, signed_in: SignedIn, wanted: str) -> Response:
    """On to where the reader wanted to go, or first to a password of their own."""
    answer = see_other("/password" if signed_in.must_change else own_path(wanted))
    cookies.keep_token(request, answer, signed_in.token, signed_in.expires_at)
    return answer


def _sign_in_page(
    request: Request, engine: Engine, *, refusal: TallystickError | None = None, person: str = ""
) -> Response:
    reader = reader_of(request)
    with reading(engine) as session:
        people = admitting.acting_people(session, MOST_PEOPLE)
    return reader.page(
        "sign_in.html",
        status=200 if refusal is None else refusal.status,
        refusal=None if refusal is None else _told(reader, refusal),
        person=person,
        people=people if _is_demo(request) else [],
        is_set_up=bool(people),
        wanted=own_path(request.query_params.get("next", "/")),
    )


def _told(reader: Reader, refusal: TallystickError) -> str:
    """The refusal as one sentence."""
    _, code, sentence, _ = explained(refusal)
    return reader.words.named("error", code) or sentence


def _require_bounded(*passwords: str) -> None:
    """Refuse what takes long to hash and is nobody's password."""
    if any(len(each) > LONGEST_PASSWORD for each in passwords):
        raise SignInRefused


def _require_same(new: str, again: str) -> None:
    if new != again:
        raise FormInvalid(again="not the same")


def _is_demo(request: Request) -> bool:
    """Whether people may come in unasked: by the settings, and only from this machine itself."""
    settings: Settings = request.app.state.ports.of(Settings)
    return settings.demo_sign_in and cookies.is_loopback(request)

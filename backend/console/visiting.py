"""One request of a reader: who they are, what they may, in which language; and the page that answers it.

A page's function takes a `Visit` from `seen_by(permission)`, a form's a `Posted` from `done_by(permission)`;
it calls the capabilities' route functions with what is in it, so that who sees what is decided in one place.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy import Engine

from backend.console import session as cookies
from backend.console.demonstration import demonstration_before
from backend.console.forms import Fields, M, posted_fields, read
from backend.console.navigation import current_of, entries_for
from backend.console.pulse import Pulse
from backend.console.rendering import Renderer, answer
from backend.console.words import Language, Words, language_of
from backend.identity.credentials import CredentialRefused
from backend.identity.permissions import Caller, Permission, require_permission
from backend.notices import actions as notices
from backend.notices import routes as notice_routes
from backend.notices.rules import NoticeKind
from backend.web.caller import PERMISSION, current_caller
from backend.web.ports import Ports, Times
from backend.web.two import TwoPeople
from backend.web.work import Look, Once

MOST_UNREAD: Final = 99
SEE_OTHER: Final = 303


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody before the screen, known or not yet, and how they like to read."""

    request: Request
    renderer: Renderer
    language: Language
    theme: str
    chosen: Mapping[str, str]
    """What they have just chosen by the query, to be kept in a cookie."""

    @property
    def words(self) -> Words:
        """Their language's."""
        return self.renderer.words[self.language]

    def page(
        self, template: str, /, *, status: int = 200, connect: str | None = None, **facts: Any
    ) -> Response:
        """The answer: a template with its facts, within the shell.

        Args:
            template: its name below `templates`.
            status: of the answer.
            connect: one more origin that the page's script may ask.
            facts: what the template names.
        """
        html = self.renderer.html(self.language, template, self.shell() | facts)
        made = answer(html, status=status, connect=connect)
        self.keep_choices(made)
        return made

    def keep_choices(self, response: Response) -> None:
        """Have the browser keep what the reader has just chosen."""
        for name, value in self.chosen.items():
            cookies.keep_choice(self.request, response, name, value)

    def shell(self) -> dict[str, Any]:
        """What the layout names."""
        return {
            "language": self.language,
            "theme": self.theme,
            "path": self.request.url.path,
            "here": self.here,
            "fresh_key": fresh_key,
            "who": None,
            "navigation": [],
            "current": "",
            "done": self.request.query_params.get("done", ""),
            "demo": demonstration_before(self.request).playing(),
        }

    def here(self, **changed: str) -> str:
        """This page's address with some of its query changed; an empty value takes one away."""
        query = {**self.request.query_params, **changed}
        query.pop("done", None)
        kept = urlencode({name: value for name, value in query.items() if value != ""})
        return self.request.url.path + (f"?{kept}" if kept else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Reader):
    """Somebody who is signed in."""

    caller: Caller
    token: str
    look: Look
    times: Times
    ports: Ports

    def may(self, permission: Permission) -> bool:
        """Whether a part of the page is for them."""
        return permission in self.caller.permissions

    @property
    def credential(self) -> HTTPAuthorizationCredentials:
        """Their session as the API's routes take it."""
        return HTTPAuthorizationCredentials(scheme="Bearer", credentials=self.token)

    def shell(self) -> dict[str, Any]:
        """What the layout names, with the reader's own."""
        moment = self.times.moment()
        unread, newest = self._unread()
        return Reader.shell(self) | {
            "who": self.caller,
            "navigation": entries_for(self.caller),
            "current": current_of(self.request.url.path),
            "dots": self.ports.of(Pulse).dots(),
            "as_of": self.times.wall.now(),
            "today": moment.today,
            "unread": unread,
            "newest": newest,
            "kinds": [each.value for each in NoticeKind],
        }

    def _unread(self) -> tuple[int, int]:
        """How many notices came since the reader last looked, and the newest of all."""
        if not self.may(Permission.EVENTS_READ):
            return 0, 0
        kept = self.request.cookies.get(cookies.SEEN, "")
        seen = int(kept) if kept.isascii() and kept.isdigit() and len(kept) < 10 else 0  # noqa: PLR2004 - fits
        scope = None if notice_routes.sees_all(self.caller) else self.caller.organisation
        return self.look(
            lambda session: (
                notices.unread(session, seen, MOST_UNREAD + 1, scope),
                notices.newest(session),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(Visit):
    """Somebody who is signed in and has sent a form of ours."""

    fields: Fields

    def form(self, model: type[M], **also: Any) -> M:
        """What they filled in, as a capability's own request model.

        Args:
            model: of the request; a field that it does not know is refused.
            also: values that the form does not hold, or holds in another shape.

        Raises:
            FormInvalid: it is not what the model takes; names each field.
        """
        return read(self.fields, model, also)

    @property
    def once(self) -> Once:
        """Carries the form's effect out once, however often it is sent."""
        content = json.dumps(sorted(self.fields.values.items()), ensure_ascii=False)
        return Once(
            engine=self.look.engine,
            times=self.times,
            caller=self.caller,
            key=self.fields.key,
            operation=f"{self.request.method} {self.request.url.path}",
            body_hash=sha256(content.encode()).hexdigest(),
        )

    @property
    def two(self) -> TwoPeople:
        """Brings the reader together with a second person."""
        return TwoPeople(self.caller, self.times)

    def see(self, path: str, done: str = "") -> Response:
        """Send the reader on; `done` is a code of the context `done`, told on the page they come to."""
        return see_other(f"{path}?{urlencode({'done': done})}" if done else path)


def fresh_key() -> str:
    """A key for a form, so that sending it twice has one effect."""
    return secrets.token_urlsafe(18)


def see_other(path: str) -> RedirectResponse:
    """Send the browser on to one of our own pages."""
    return RedirectResponse(path, SEE_OTHER)


def own_path(wanted: str) -> str:
    """A path on this host that was asked for by a query; the first page where it is none."""
    parts = urlsplit(wanted)
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if plain and not parts.scheme and not parts.netloc and "\\" not in wanted else "/"


def reader_of(request: Request) -> Reader:
    """The reader's language and theme, known person or not."""
    return Reader(**_tastes(request))


def visit_of(request: Request, permission: Permission | None = None) -> Visit:
    """The visit of whoever is signed in.

    Raises:
        NotSignedIn: nobody is.
        CredentialRefused: the session has ended.
        PermissionMissing: the page is not for them.
    """
    ports: Ports = request.app.state.ports
    engine, times, token = ports.of(Engine), ports.of(Times), cookies.token_of(request)
    caller = current_caller(engine, times, HTTPAuthorizationCredentials(scheme="Bearer", credentials=token))
    if caller.person is None:
        raise CredentialRefused
    if permission is not None:
        require_permission(caller, permission)
    return Visit(**_tastes(request), caller=caller, token=token, look=Look(engine), times=times, ports=ports)


def seen_by(permission: Permission | None = None) -> Callable[[Request], Visit]:
    """A dependency that gives the visit of a reader who has the permission."""

    def visit(request: Request) -> Visit:
        return visit_of(request, permission)

    setattr(visit, PERMISSION, permission)
    return visit


def done_by(permission: Permission | None = None) -> Callable[..., Posted]:
    """A dependency that gives a form sent from one of our pages by a reader who has the permission."""

    def posted(
        visit: Annotated[Visit, Depends(seen_by(permission))],
        fields: Annotated[Fields, Depends(posted_fields)],
    ) -> Posted:
        known = {name: getattr(visit, name) for name in ("caller", "token", "look", "times", "ports")}
        return Posted(**_tastes(visit.request), **known, fields=fields)

    return posted


def _tastes(request: Request) -> dict[str, Any]:
    asked, kept = request.query_params, request.cookies
    language = language_of(
        asked=asked.get("lang"),
        kept=kept.get(cookies.LANGUAGE),
        accepted=request.headers.get("accept-language", "")[:200],
    )
    theme = next(
        (each for each in (asked.get("theme"), kept.get(cookies.THEME)) if each in cookies.THEMES), "auto"
    )
    chosen = {}
    if "lang" in asked:
        chosen[cookies.LANGUAGE] = language.value
    if "theme" in asked:
        chosen[cookies.THEME] = theme
    renderer = request.app.state.ports.of(Renderer)
    return {
        "request": request,
        "renderer": renderer,
        "language": language,
        "theme": theme,
        "chosen": chosen,
    }

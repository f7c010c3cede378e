"""Pages out of templates: escaped, in the reader's language, under a policy that lets no foreign code run."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from backend.console import charts
from backend.console.reasons import reason
from backend.console.words import Language, Words, catalogue_of, words_for
from backend.errors import NotFound

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
HASH_LENGTH: Final = 16
SHOWN_OF_HASH: Final = 10
FOREVER: Final = "public, max-age=31536000, immutable"
POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
TONES: Final[Mapping[str, str]] = {
    "healthy": "good",
    "disbursed": "good",
    "well": "good",
    "confirmed": "good",
    "settled": "good",
    "effective": "good",
    "warned": "warn",
    "overdue": "warn",
    "no_data": "nodata",
    "unknown": "nodata",
    "unvalued": "nodata",
    "called": "bad",
    "enforcing": "bad",
    "ill": "bad",
    "open": "bad",
    "firing": "bad",
    "against": "bad",
    "broken": "bad",
    "weak": "warn",
    "holds": "good",
    "intact": "good",
    "pending": "warn",
    "acknowledged": "warn",
    "rejected": "bad",
    "freezing": "bad",
    "withholding": "warn",
    "refused": "bad",
}
"""State → how it looks; any other is plain. Every state says its name as well: colour alone says nothing."""


class PageUnknown(NotFound):
    """There is no such page; it may have moved, or the address was mistyped."""

    code = "console.page_unknown"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that goes with the pages, under an address that changes with its content."""

    url: str
    content: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every static file by the last part of its address."""
    found = {}
    for path in sorted(STATIC.iterdir()):
        content = path.read_bytes()
        name = f"{path.stem}.{sha256(content).hexdigest()[:HASH_LENGTH]}{path.suffix}"
        kind = "text/javascript" if path.suffix == ".mjs" else mimetypes.guess_type(path.name)[0]
        found[name] = Asset(f"/static/{name}", content, kind or "application/octet-stream")
    return found


def asset_url(name: str) -> str:
    """The address of a static file as it is now."""
    stem, _, suffix = name.rpartition(".")
    return next(
        asset.url
        for key, asset in assets().items()
        if key.startswith(f"{stem}.") and key.endswith(f".{suffix}")
    )


def policy(*, connect: str | None = None) -> str:
    """The Content-Security-Policy; one page may name one more origin that its script asks."""
    told = dict(POLICY)
    if connect is not None:
        told["connect-src"] = f"'self' {connect}"
    return "; ".join(f"{name} {value}" for name, value in told.items())


@dataclass(frozen=True, slots=True)
class Renderer:
    """The pages of one bank: a template environment for each language."""

    words: Mapping[Language, Words]
    environments: Mapping[Language, Environment]

    @classmethod
    def at(cls, zone: str) -> Self:
        """The pages of a bank in that zone."""
        words = words_for(zone)
        return cls(words, {language: _environment(each) for language, each in words.items()})

    def html(self, language: Language, template: str, facts: Mapping[str, Any]) -> str:
        """A template filled in; a fact that it names and nobody gave is an error, never an empty place."""
        return self.environments[language].get_template(template).render(facts)


def answer(html: str, *, status: int = 200, connect: str | None = None) -> Response:
    """A page as it is sent."""
    headers = {"Content-Security-Policy": policy(connect=connect), "Referrer-Policy": "same-origin"}
    return HTMLResponse(html, status, headers=headers)


def hash_html(value: str | bytes) -> Markup:
    """A hash by its first and last digits, whole for a screen reader's user and for the copy button."""
    whole = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    short = whole if len(whole) <= 2 * SHOWN_OF_HASH else f"{whole[:SHOWN_OF_HASH]}…{whole[-4:]}"
    return Markup(
        '<span class="hash"><code title="{whole}">{short}</code>'
        '<button type="button" class="copy" data-copy="{whole}"><svg class="icon" aria-hidden="true">'
        '<use href="#i-copy"></use></svg><span class="unseen">{whole}</span></button></span>'
    ).format(whole=whole, short=short)


def tone_of(state: object) -> str:
    """How a state looks."""
    return TONES.get(str(state), "plain")


def _environment(words: Words) -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = catalogue_of(words.language)
    made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined] # the extension's
    made.filters.update(
        money=lambda amount: _money(words, amount),
        mass=words.mass,
        ratio=words.ratio,
        number=words.number,
        instant=lambda at: _time(at.isoformat(), words.instant(at)),
        day=lambda on: _time(on.isoformat(), words.day(on)),
        duration=words.duration,
        hash=hash_html,
    )
    made.globals.update(
        words=words,
        code=words.code,
        named=words.named,
        reason=partial(reason, words),
        tone=tone_of,
        asset=asset_url,
        Language=Language,
        charts=charts,
    )
    return made


def _money(words: Words, amount: Any) -> Markup:
    """An amount: anything with `amount_minor` and `currency`, or a pair of the two."""
    minor, currency = amount if isinstance(amount, tuple) else (amount.amount_minor, amount.currency)
    return Markup('<span class="money">{}&nbsp;<span class="unit">{}</span></span>').format(
        words.amount(minor, currency), currency
    )


def _time(machine: str, said: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(machine, said)

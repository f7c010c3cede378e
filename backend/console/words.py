"""The console's languages: which one a reader gets, its catalogue, and how it writes figures and instants.

Texts in code and templates are English and their own keys; `locale/<language>/*.po` holds the other words.
Codes (states, roles, kinds) are looked up under a context, so that one code may have several meanings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta, get_timezone_gmt
from babel.numbers import format_decimal, format_percent
from babel.support import Translations

from backend.units import BPS, KG_PER_TONNE, MINOR_DIGITS

LOCALE: Final = Path(__file__).parent / "locale"
SEPARATED: Final = "#,##0"


class Language(StrEnum):
    """A language that every page is written in; the value is what HTML calls it."""

    CHINESE = "zh-CN"
    ENGLISH = "en"

    @property
    def locale(self) -> Locale:
        """Its rules for figures and dates."""
        return _LOCALES[self]

    @property
    def own_name(self) -> str:
        """What its readers call it."""
        return {Language.CHINESE: "中文", Language.ENGLISH: "English"}[self]


_LOCALES: Final = {each: Locale.parse(each.value.replace("-", "_")) for each in Language}


def language_of(*, asked: str | None, kept: str | None, accepted: str) -> Language:
    """The reader's language: asked for now, or before, or by their browser; Chinese where nobody says.

    Args:
        asked: the query's `lang`, if any.
        kept: the cookie's, if any.
        accepted: the header `Accept-Language`, in the browser's order of preference.
    """
    known = {each.value for each in Language}
    for wanted in (asked, kept):
        if wanted in known:
            return Language(wanted)
    preferred = [each.split(";")[0].strip().lower()[:2] for each in accepted.split(",")]
    read = {"zh": Language.CHINESE, "en": Language.ENGLISH}
    return next((read[each] for each in preferred if each in read), Language.CHINESE)


@cache
def catalogue_of(language: Language) -> NullTranslations:
    """Every catalogue of a language as one."""
    whole: Translations | None = None
    for path in sorted((LOCALE / language.value.replace("-", "_")).glob("*.mo")):
        with path.open("rb") as file:
            read = Translations(file)
        whole = read if whole is None else whole.add(read)
    return NullTranslations() if whole is None else whole


@dataclass(frozen=True, slots=True)
class Words:
    """How a language says things; `zone` is the bank's, in which every instant is told."""

    language: Language
    zone: ZoneInfo

    def __call__(self, text: str, **facts: Any) -> str:
        """The text in this language, with `%(name)s` filled in from the facts."""
        found = catalogue_of(self.language).gettext(text)
        return found % facts if facts else found

    def plural(self, one: str, many: str, number: int, **facts: Any) -> str:
        """The text for that many, with `%(number)s` filled in."""
        found = catalogue_of(self.language).ngettext(one, many, number)
        return found % {"number": self.number(number), **facts}

    def code(self, context: str, code: str) -> str:
        """What a code is called, as in `code("loan state", "disbursed")`; itself where nobody named it."""
        plain = str(code).replace("_", " ")
        return self.named(context, code) or plain[:1].upper() + plain[1:]

    def named(self, context: str, code: str) -> str | None:
        """What the catalogue calls a code; None where it does not know it."""
        found = catalogue_of(self.language).pgettext(context, str(code))
        return None if found == str(code) else found

    def number(self, value: int) -> str:
        """A whole number with its thousands separated."""
        return format_decimal(value, format=SEPARATED, locale=self.language.locale)

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount to the minor unit with its currency, as in `180,000.00 CNY`."""
        return f"{self.amount(amount_minor, currency)}\N{NO-BREAK SPACE}{currency}"

    def amount(self, amount_minor: int, currency: str) -> str:
        """An amount to the minor unit, without its currency."""
        digits = MINOR_DIGITS[currency]
        pattern = SEPARATED + ("." + "0" * digits if digits else "")
        return format_decimal(
            Decimal(amount_minor).scaleb(-digits), format=pattern, locale=self.language.locale
        )

    def mass(self, mass_kg: int) -> str:
        """A mass in tonnes to the kilogram, or in kilograms below one tonne."""
        if abs(mass_kg) < KG_PER_TONNE:
            return f"{self.number(mass_kg)}\N{NO-BREAK SPACE}kg"
        tonnes = format_decimal(Decimal(mass_kg).scaleb(-3), format="#,##0.###", locale=self.language.locale)
        return f"{tonnes}\N{NO-BREAK SPACE}t"

    def ratio(self, bps: int) -> str:
        """Basis points as a percentage with two places."""
        return format_percent(Decimal(bps) / BPS, format="#,##0.00%", locale=self.language.locale)

    def instant(self, at: datetime) -> str:
        """An instant to the second in the bank's zone, which it names by its offset."""
        there = at.astimezone(self.zone)
        said = format_datetime(there, "yyyy-MM-dd HH:mm:ss", locale=self.language.locale)
        return f"{said}\N{NO-BREAK SPACE}{get_timezone_gmt(there, locale=Locale('en')).replace('GMT', 'UTC')}"

    def day(self, on: date) -> str:
        """A date."""
        return format_date(on, "yyyy-MM-dd", locale=self.language.locale)

    def duration(self, span: timedelta) -> str:
        """How long, in its largest unit."""
        return format_timedelta(span, locale=self.language.locale, threshold=1.5)


def words_for(zone: str) -> Mapping[Language, Words]:
    """Every language's words at a bank in that zone."""
    return {language: Words(language, ZoneInfo(zone)) for language in Language}

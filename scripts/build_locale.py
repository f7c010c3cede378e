"""Compile the console's catalogues, and say which texts of its pages nobody has translated.

Use it through `scripts/build-locale`; `--check` writes nothing and fails where one is out of date. Each
`.po` file is a page's own, so that pages can be made side by side; what several of them say must be the same.
"""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.console.codes import CODES, IN_ENGLISH  # noqa: E402 - needs the path

CONSOLE = ROOT / "backend" / "console"
LOCALE = CONSOLE / "locale"
CHINESE, ENGLISH = "zh_CN", "en"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "words": None, "plural": (1, 2)}
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Written into each, so that the same texts are the same bytes whenever they are compiled."""
LONE_PERCENT = re.compile(r"%(?![(%])")
Text = tuple[str, str]
"""Context, empty for a text of a page, and the text or code itself."""


def wanted() -> dict[Text, str]:
    """Every text and code that a page may show, with the file that shows it."""
    found: dict[Text, str] = {}
    for file, _, message, _, _ in extract_from_dir(
        str(CONSOLE), method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS
    ):
        text = message[0] if isinstance(message, tuple) else message
        found.setdefault(("", text), file)
    for context, codes in CODES.items():
        for code in codes:
            found.setdefault((context, str(code)), "codes.py")
    return found


def catalogues(language: str) -> Iterator[tuple[Path, Catalog]]:
    """The catalogues of a language."""
    for path in sorted((LOCALE / language).glob("*.po")):
        with path.open("rb") as file:
            yield path, read_po(file, locale=language)


def told(language: str) -> tuple[dict[Text, str], list[str]]:
    """What a language's catalogues say, and what is wrong with them."""
    said: dict[Text, str] = {}
    strings: dict[Text, object] = {}
    wrong = []
    for path, catalogue in catalogues(language):
        for message in catalogue:
            if not message.id:
                continue
            text = message.id[0] if isinstance(message.id, tuple) else message.id
            key = (message.context or "", text)
            empty = not (all(message.string) if isinstance(message.string, tuple) else message.string)
            if empty or message.fuzzy:
                wrong.append(f"{path.name}: not translated: {key}")
            if key in said and strings[key] != message.string:
                wrong.append(f"{path.name}: {key} is told otherwise in {said[key]}")
            wrong += [f"{path.name}: {key}: {error}" for error in message.check(catalogue)]
            if LONE_PERCENT.search(str(message.string)):
                wrong.append(f"{path.name}: {key}: write %% for a per cent sign")
            said[key], strings[key] = path.name, message.string
    return said, wrong


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as the programs read it."""
    catalogue.creation_date = catalogue.revision_date = LONG_AGO
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def main(arguments: list[str]) -> int:
    """Compile, or with `--check` say what is out of date; 1 if anything is wrong."""
    texts = wanted()
    chinese, wrong = told(CHINESE)
    english, also_wrong = told(ENGLISH)
    wrong += also_wrong
    wrong += [f"{texts[key]}: no Chinese for {key}" for key in sorted(texts) if key not in chinese]
    wrong += [f"no English for {key}" for key in sorted(texts) if key[0] in IN_ENGLISH and key not in english]
    wrong += [f"{chinese[key]}: no page shows {key}" for key in sorted(chinese) if key not in texts]
    for language in (CHINESE, ENGLISH):
        for path, catalogue in catalogues(language):
            target, content = path.with_suffix(".mo"), compiled(catalogue)
            if target.exists() and target.read_bytes() == content:
                continue
            if "--check" in arguments:
                wrong.append(f"{target.relative_to(ROOT)} is out of date: run scripts/build-locale")
            else:
                target.write_bytes(content)
                print(f"» wrote {target.relative_to(ROOT)}")
    for each in wrong:
        print(f"✗ {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

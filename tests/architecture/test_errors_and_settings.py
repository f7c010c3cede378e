"""Every refusal and every setting is named, explained and written down."""

import re
from collections import Counter
from pathlib import Path
from types import ModuleType

from pydantic_settings import BaseSettings

CODE = re.compile(r"^[a-z_]+\.[a-z0-9_]+$")


def test_every_error_class_has_a_code_of_its_own_in_two_words(build_docs: ModuleType) -> None:
    wrong = {each.__qualname__: build_docs.code_of(each) for each in build_docs.refusals()}
    assert {name: code for name, code in wrong.items() if not CODE.match(code)} == {}


def test_no_two_error_classes_share_a_code(build_docs: ModuleType) -> None:
    codes = Counter(build_docs.code_of(each) for each in build_docs.refusals())
    assert [code for code, times in codes.items() if times > 1] == []


def test_every_error_class_explains_itself_in_a_sentence(build_docs: ModuleType) -> None:
    mute = [
        each.__qualname__ for each in build_docs.refusals() if not (vars(each).get("__doc__") or "").strip()
    ]
    assert mute == []


def test_every_setting_says_what_it_is_for(build_docs: ModuleType) -> None:
    settings = build_docs.own_classes(BaseSettings)
    assert settings != []
    assert [s.variable for each in settings for s in build_docs.settings_of(each) if not s.meaning] == []


def test_the_generated_pages_are_what_the_code_says_today(build_docs: ModuleType, root: Path) -> None:
    stale = [
        name for name, page in build_docs.PAGES.items() if (root / name).read_text(encoding="utf-8") != page()
    ]
    assert stale == [], "run scripts/build-docs"

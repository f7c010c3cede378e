"""Every refusal and every setting is named, explained and written down."""

import re
from collections import Counter
from pathlib import Path
from types import ModuleType

from pydantic_settings import BaseSettings

from tests.architecture.tree import own

CODE = re.compile(r"^[a-z_]+\.[a-z0-9_]+$")
NOT_RAISED = {
    "capture.source_broken": "a clip that FFmpeg opens and then gives up on; it conceals most damage",
    "capture.stream_silent": "a network camera that stops in the middle",
    "chain.request_refused": "tests meet it on the other side of the wire, as the node's answer",
    "chain.transaction_refused": "tests meet it on the other side of the wire, as the node's answer",
    "scene.clip_too_long": "a clip of more than six thousand pictures",
    "sender.book_not_durable": "a disk on which SQLite does not grant synchronous=FULL",
    "story.act_refused": "stops the demonstration; that none does is the story's own test",
    "story.bundle_not_verified": "stops the demonstration; that none does is the story's own test",
    "story.enrolment_failed": "stops the demonstration; that none does is the story's own test",
    "story.not_in_time": "stops the demonstration; that none does is the story's own test",
    "story.not_refused": "stops the demonstration; that none does is the story's own test",
}
"""Code → what it would take to raise it in a test."""


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


def test_every_error_is_named_by_a_test_or_says_what_that_would_take(
    build_docs: ModuleType, root: Path
) -> None:
    here = Path(__file__).resolve().relative_to(root)
    files = [path for path in [*own("*.py", "tests"), *own("*.json", "tests")] if path != here]
    tests = "\n".join((root / path).read_text("utf-8") for path in files)
    unnamed = {
        build_docs.code_of(each)
        for each in build_docs.refusals()
        if not re.search(rf"\b{each.__name__}\b", tests) and build_docs.code_of(each) not in tests
    }
    assert unnamed == set(NOT_RAISED)

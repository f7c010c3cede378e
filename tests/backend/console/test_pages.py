"""Every page for everybody who may see it: whole, escaped, under the policy, in both languages."""

import re

import pytest

from tests.backend.console.conftest import Client
from tests.backend.console.house import HOSTILE
from tests.backend.console.pages import PAGES, Shown


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_whole_and_says_its_language(browse: Client, page: Shown, language: str) -> None:
    answer = browse(page.reader, language).get(page.path)
    assert answer.status_code == page.status, answer.text
    assert f'<html lang="{language}"' in answer.text
    assert page.says[language] in answer.text
    assert answer.text.count("<h1") == 1


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_runs_and_styles_nothing_inline(browse: Client, page: Shown) -> None:
    answer = browse(page.reader).get(page.path)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<[^>]*\s(style|on[a-z]+)\s*=", answer.text)
    assert re.findall(r"<script(?![^>]*\bsrc=)", answer.text) == []
    assert HOSTILE not in answer.text
    assert "<script>alert" not in answer.text
    assert "49" not in re.findall(r"alert\(1\)>(\d+)", answer.text)

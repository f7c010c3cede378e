"""Every page of the list in a real browser: both languages, both themes, desktop and phone, and no script."""

import itertools

import pytest

from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from tests.backend.console.browser import DESKTOP, PHONE, Screen
from tests.backend.console.house import CALLED, House
from tests.backend.console.pages import PAGES, Shown

LOOKS = list(itertools.product(("zh-CN", "en"), ("light", "dark"), (DESKTOP, PHONE)))
AXED = [LOOKS[0], LOOKS[3], LOOKS[5], LOOKS[6]]
"""Where axe looks: each language in each theme, each theme at each width, and each language at each width."""
EXPECTED = "Failed to load resource"
"""What the browser says of a page whose status is a refusal."""


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_sound_in_every_look(screen: Screen, page: Shown) -> None:
    found = {}
    with screen.opened(page.reader) as window:
        for look in LOOKS:
            language, theme, viewport = look
            window.look(language=language, theme=theme, viewport=viewport)
            assert window.go(page.path) == page.status
            wrong = window.violations() if look in AXED else []
            if window.overflow_px() > 0:
                wrong.append(f"{window.overflow_px()} px wider than the window")
            wrong += window.said(but=EXPECTED if page.status >= 400 else None)
            if wrong:
                found[language, theme, viewport["width"]] = wrong
    assert found == {}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_reads_without_scripting(screen: Screen, page: Shown) -> None:
    with screen.opened(page.reader, java_script_enabled=False) as window:
        assert window.go(page.path) == page.status
        assert window.page.locator("h1").is_visible()
        assert page.english in window.page.locator("main").inner_text()
        assert all(each.is_visible() for each in window.page.locator("main svg[role=img]").all())


def test_an_open_page_shows_what_happens_without_being_loaded_anew(screen: Screen, house: House) -> None:
    def told(session: object) -> int:
        at = house.world.bank.wall.now()
        kind, facts = NoticeKind.LOAN_STATE_CHANGED, {"after": "disbursed"}
        return announce(session, kind, organisation=None, subject=f"loan/{CALLED}", facts=facts, at=at).id

    with screen.opened("officer") as window:
        window.go("/notices")  # all is seen now
        window.go("/")
        window.page.wait_for_selector("body[data-listening=yes]")
        window.page.evaluate("window.mark = 'same page'")
        assert window.page.locator("#bell .count").count() == 0
        house.world.do(told)
        window.page.wait_for_selector("#bell .count")
        assert window.page.evaluate("window.mark") == "same page"
        assert window.complaints == []


def test_the_keyboard_reaches_the_search_and_a_loan(screen: Screen) -> None:
    with screen.opened("officer") as window:
        window.go("/")
        window.page.keyboard.press("/")
        window.page.keyboard.type("nothing-like-it")
        window.page.keyboard.press("Enter")
        window.page.wait_for_url("**/search?q=nothing-like-it")
        window.page.keyboard.press("Tab")
        assert window.page.evaluate("document.activeElement.className") == "skip"


def test_a_reader_signs_in_by_one_click_and_out_again(screen: Screen) -> None:
    with screen.opened() as window:
        window.go("/loans")
        window.page.wait_for_url("**/sign-in?next=%2Floans")
        assert window.page.locator("h1").inner_text() == "Sign in"


def test_theme_and_language_are_kept(screen: Screen) -> None:
    with screen.opened("officer") as window:
        window.go("/loans?lang=zh-CN&theme=dark")
        window.go("/loans")
        html = window.page.locator("html")
        assert (html.get_attribute("lang"), html.get_attribute("data-theme")) == ("zh-CN", "dark")


def test_the_price_slider_swaps_the_fragment_in_place(screen: Screen) -> None:
    with screen.opened("officer") as window:
        window.go(f"/loans/{CALLED}")
        window.page.evaluate("window.mark = 'same page'")
        window.page.locator("#fall").fill("40")
        window.page.locator("#whatif", has_text="40.00%").wait_for()
        assert window.page.evaluate("window.mark") == "same page"
        assert "fall=40" in window.page.url
        assert window.complaints == []

"""A real browser before the house: Debian's Chromium, one for all tests of a session."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from backend.console.session import LANGUAGE, THEME
from backend.notices.streaming import Tide
from backend.story.parts import free_port
from tests.backend.console.house import House
from tests.support.parts import debian_program, npm_file

CHROMIUM: Final = Path("/usr/bin/chromium")
AXE: Final = ("axe-core", "4.10.3", "axe-core/axe.min.js")
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
PATIENCE_MS: Final = 10_000
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Screen:
    """The house served on a port, and a browser that readers of it open pages in."""

    house: House
    url: str
    browser: Browser

    @contextmanager
    def opened(
        self, reader: str = "", *, language: str = "en", theme: str = "light", **told: Any
    ) -> Iterator["Watched"]:
        """A window of a reader's own, whose complaints are kept."""
        context = self.browser.new_context(viewport=told.pop("viewport", DESKTOP), **told)
        context.set_default_timeout(PATIENCE_MS)
        kept = {LANGUAGE: language, THEME: theme} | (self.house.cookies(reader) if reader else {})
        context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in kept.items()])
        watched = Watched(self.url, context, context.new_page(), [])
        watched.listen()
        try:
            yield watched
        finally:
            context.close()


@dataclass
class Watched:
    """A page whose console is watched."""

    url: str
    context: BrowserContext
    page: Page
    complaints: list[str]

    def listen(self) -> None:
        """Keep what the browser complains of."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None,
        )

    def go(self, path: str) -> int:
        """Open a page; its status."""
        answer = self.page.goto(self.url + path, wait_until="load")
        assert answer is not None
        return answer.status

    def look(self, *, language: str, theme: str, viewport: dict[str, int]) -> None:
        """From now on another look."""
        kept = {LANGUAGE: language, THEME: theme}
        self.context.add_cookies(
            [{"name": name, "value": value, "url": self.url} for name, value in kept.items()]
        )
        self.page.set_viewport_size(viewport)

    def violations(self) -> list[str]:
        """What axe finds wrong with the page, with where."""
        self.page.evaluate(axe_source())
        found = self.page.evaluate(
            "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
        )
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def said(self, *, but: str | None = None) -> list[str]:
        """What the browser complained of since it was asked last, but for what was to be expected."""
        said = [each for each in self.complaints if but is None or not each.startswith(but)]
        self.complaints.clear()
        return said

    def overflow_px(self) -> int:
        """By how much the page is wider than its window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return found


@cache
def axe_source() -> str:
    """The checker, which no page of the product carries."""
    return npm_file(*AXE).read_text(encoding="utf-8")


@contextmanager
def screen_before(house: House) -> Iterator[Screen]:
    """The house served, and a browser."""
    port = free_port()
    config = uvicorn.Config(house.app, host="127.0.0.1", port=port, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    executable = str(debian_program("chromium", CHROMIUM))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield Screen(house, f"http://127.0.0.1:{port}", browser)
        browser.close()
    tide: Tide = house.app.state.ports.of(Tide)
    tide.end()
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()

"""What the console's pages weigh, how soon they show, and what they cost the server; `scripts/bench console`.

The pages are those that the tests list, of the bank that the tests fill; images are not counted.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import statistics
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tests.backend.console.browser import DESKTOP, Screen, screen_before
from tests.backend.console.house import House, house_in
from tests.backend.console.pages import PAGES, Shown
from tests.backend.console.test_loans import fill_with_loans

if TYPE_CHECKING:
    from pathlib import Path

Figures = dict[str, dict[str, Any]]
GOAL_KB: Final = 150
GOAL_PAINT_MS: Final = 300
GOAL_RATIO: Final = 3
GOAL_LAST_PAGE_MS: Final = 300
CLIENTS: Final = 50
LISTEN_S: Final = 5.0
SAMPLES_OF_ONE: Final = 2
"""How often each page is asked for, for each run that is asked for."""
WEIGHED = """() => {
  const kept = performance.getEntriesByType('resource').filter(each => each.initiatorType !== 'img');
  const page = performance.getEntriesByType('navigation')[0];
  return kept.reduce((sum, each) => sum + each.transferSize, page.transferSize);
}"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"


def console(*, runs: int, folder: Path) -> Figures:
    """The heaviest and slowest page beside the lightest, live readers, and the last of ten thousand loans."""
    shutil.rmtree(folder / "console", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    with house_in(folder / "console") as house, screen_before(house) as screen:
        pages = [page for page in PAGES if page.status == 200]  # noqa: PLR2004 - those that are shown
        weights, paints = _looked_at(screen, pages, runs)
        costs = {str(page): _cost_ms(screen, page, runs) for page in pages}
        live = _live_percent(screen)
        fill_with_loans(house)
        last_ms = _answered_ms(screen, house, "/loans?after=Z-09950", runs)
    heaviest, slowest = max(weights, key=weights.__getitem__), max(paints, key=paints.__getitem__)
    dearest, cheapest = max(costs, key=costs.__getitem__), min(costs.values())
    return {
        f"weight of {heaviest}": _figure(weights[heaviest], "KB", min(weights.values()), GOAL_KB),
        f"first paint of {slowest}": _figure(paints[slowest], "ms", min(paints.values()), GOAL_PAINT_MS),
        f"server cpu of {dearest}": _ratio(costs[dearest], "ms", cheapest, GOAL_RATIO),
        f"cpu of {CLIENTS} live readers": _figure(live, "% of a core", None, None),
        "last page of 10 000 loans": _figure(last_ms, "ms", None, GOAL_LAST_PAGE_MS),
    }


def _looked_at(screen: Screen, pages: list[Shown], runs: int) -> tuple[dict[str, float], dict[str, float]]:
    """Kilobytes of a page of which nothing was kept, and milliseconds until it shows, the middle of all."""
    weights, paints = {}, {}
    for page in pages:
        shown = []
        for _ in range(max(3, runs // 4)):
            with screen.opened(page.reader, viewport=DESKTOP) as window:
                window.go(page.path)
                window.page.wait_for_function("() => performance.getEntriesByType('paint').length > 0")
                weights[str(page)] = round(window.page.evaluate(WEIGHED) / 1000, 1)
                shown.append(window.page.evaluate(PAINTED))
        paints[str(page)] = round(statistics.median(shown))
    return weights, paints


def _cost_ms(screen: Screen, page: Shown, runs: int) -> float:
    """Processor time of this process for one page; the asking itself costs a fraction of a millisecond."""
    taken = []
    for _ in range(max(5, runs * SAMPLES_OF_ONE)):
        begun = time.process_time()
        _ask(screen, page.reader, page.path)
        taken.append(time.process_time() - begun)
    return round(1000 * statistics.median(taken), 1)


def _answered_ms(screen: Screen, house: House, path: str, runs: int) -> float:
    """Milliseconds until a page was there, the middle of all."""
    assert house.tokens  # noqa: S101 - its readers are signed in
    taken = []
    for _ in range(max(5, runs)):
        begun = time.monotonic()
        _ask(screen, "officer", path)
        taken.append(time.monotonic() - begun)
    return round(1000 * statistics.median(taken), 1)


def _ask(screen: Screen, reader: str, path: str) -> None:
    at = urlsplit(screen.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
    connection.request("GET", path, headers={"Accept": "text/html", "Cookie": _cookie(screen, reader)})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:  # noqa: PLR2004 - anything else would be measured in vain
        raise SystemExit(f"{path}: {answer.status}")


def _live_percent(screen: Screen) -> float:
    """Per cent of a core while that many readers hold their stream of events and nothing happens."""
    at = urlsplit(screen.url)
    head = f"GET /events HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {_cookie(screen, 'officer')}\r\n\r\n"
    readers = [
        socket.create_connection((at.hostname or "", at.port or 0), timeout=10) for _ in range(CLIENTS)
    ]
    for each in readers:
        each.sendall(head.encode("ascii"))
    for each in readers:
        each.recv(65536)
    time.sleep(1)  # what had happened before is sent
    begun_cpu, begun = time.process_time(), time.monotonic()
    time.sleep(LISTEN_S)
    percent = 100 * (time.process_time() - begun_cpu) / (time.monotonic() - begun)
    for each in readers:
        each.close()
    return round(percent, 1)


def _cookie(screen: Screen, reader: str) -> str:
    kept = screen.house.cookies(reader) if reader else {}
    return "; ".join(f"{name}={value}" for name, value in kept.items())


def _figure(value: float, unit: str, baseline: float | None, goal: float | None) -> dict[str, Any]:
    ratio = None if not baseline else round(value / baseline, 1)
    holds = None if goal is None else value <= goal
    return {"value": value, "unit": unit, "baseline": baseline, "ratio": ratio, "goal": goal, "holds": holds}


def _ratio(value: float, unit: str, baseline: float, goal: float) -> dict[str, Any]:
    """A figure whose goal is a ratio to its baseline."""
    figure = _figure(value, unit, baseline, None)
    return figure | {"goal": goal, "holds": figure["ratio"] <= goal}

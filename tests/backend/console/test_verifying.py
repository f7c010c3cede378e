"""Verification in a real browser against a real ledger: what holds, what fails, what a node refuses."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page

from backend.console.pages.statements import LEDGER_STEPS, STEPS
from backend.story.parts import free_port
from tests.backend.console.browser import Screen
from tests.backend.console.house import House
from tests.support.ledger_life import SITE

FIRST = f"/audit/logs/{SITE}/1/1"
LOCAL = [each for each in STEPS if each not in LEDGER_STEPS]


def outcomes(page: Page) -> dict[str, str]:
    """Every step's outcome once the verdict is told."""
    page.wait_for_selector("#verdict[data-verdict]")
    found: dict[str, str] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-step]')]"
        ".map(each => [each.dataset.step, each.dataset.outcome]))"
    )
    return found


def node_of(house: House) -> str:
    """The ledger that the house runs on."""
    return house.world.life.ledger.chain.ledger.server.url()


@contextmanager
def another_node(answer: Any, *, lets_read: bool = True) -> Iterator[str]:
    """A node that gives one answer to everything, and lets pages read it or not."""

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            self._send(b"")

        def do_POST(self) -> None:
            self._send(json.dumps(answer).encode())

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            if lets_read:
                self.send_header("access-control-allow-origin", "*")
                self.send_header("access-control-allow-headers", "content-type")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_every_step_holds_against_a_node_of_the_ledger(screen: Screen, house: House) -> None:
    with screen.opened("auditor") as window:
        window.go(FIRST)
        found = outcomes(window.page)
        assert {each: found[each] for each in LOCAL} == dict.fromkeys(LOCAL, "holds")
        assert {found[each] for each in LEDGER_STEPS} == {"unasked"}
        window.page.fill("#node", node_of(house))
        window.page.click("text=Verify against this node")
        window.page.wait_for_url("**node=**")
        assert outcomes(window.page) == dict.fromkeys(STEPS, "holds")
        assert "Verified: every step holds." in window.page.inner_text("#verdict")
        assert window.complaints == []


def test_a_statement_with_a_still_is_verified_down_to_the_still(screen: Screen, house: House) -> None:
    with screen.opened("auditor") as window:
        window.go(f"/audit/statements/{house.there.values['statement']}")
        found = outcomes(window.page)
        assert (found["media"], found["signatures"], found["inclusion"]) == ("holds", "holds", "absent")
        assert "Not every step was reached" in window.page.inner_text("#verdict")


FLIP = """
new MutationObserver((_, watch) => {
  const list = document.getElementById("verify");
  if (!list) return;
  watch.disconnect();
  const [old, at] = [list.dataset["%s"], %d];
  const place = at < 0 ? old.length + at : at;
  list.dataset["%s"] = old.slice(0, place) + (old[place] === "0" ? "1" : "0") + old.slice(place + 1);
}).observe(document, {childList: true, subtree: true});
"""
"""Changes one digit of a fact of the page before its script sees it."""


@pytest.mark.parametrize(
    ("fact", "place", "fails"),
    [
        ("entry", 2 + 2 * 120, "statements"),  # in the sequence number
        ("entry", 2 + 2 * 300, "identity"),  # in the subject
        ("body", -3, "bodies"),
        ("path", 5, "inclusion"),
        ("root", 5, "inclusion"),
        ("id", 5, "identity"),
        ("anchoredAt", 0, "anchors"),
        ("witnessedAt", 0, "witness"),
    ],
)
def test_what_was_tampered_with_fails_at_its_step(
    screen: Screen, house: House, fact: str, place: int, fails: str
) -> None:
    with screen.opened("auditor") as window:
        window.page.add_init_script(FLIP % (fact, place, fact))
        window.go(f"{FIRST}?node={node_of(house)}")
        found = outcomes(window.page)
        first = next(name for name in STEPS if found[name] != "holds")
        assert (first, found[first]) == (fails, "fails"), window.page.inner_text("#verify")
        assert "Not verified: at least one step fails." in window.page.inner_text("#verdict")


def test_another_signature_leads_to_no_key_of_the_device(screen: Screen, house: House) -> None:
    with screen.opened("auditor") as window:
        window.page.add_init_script(FLIP % ("entry", 2 + 2 * 390, "entry"))
        window.go(f"{FIRST}?node={node_of(house)}")
        found = outcomes(window.page)
        assert "fails" in (found["signatures"], found["devices"])  # most signatures give some address
        assert found["inclusion"] == "fails"


def test_a_node_of_another_ledger_is_named_as_such(screen: Screen) -> None:
    with (
        another_node({"jsonrpc": "2.0", "id": 1, "result": "0x1"}) as node,
        screen.opened("auditor") as window,
    ):
        window.go(f"{FIRST}?node={node}")
        found = outcomes(window.page)
        assert found["chain"] == "fails"
        assert {found[each] for each in LEDGER_STEPS[1:]} == {"unreached"}


@pytest.mark.parametrize("refuses", ["no answer", "no leave to read", "an error", "no JSON-RPC"])
def test_a_node_that_refuses_is_said_plainly(screen: Screen, refuses: str) -> None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "<b>not for you</b>"}}
    with another_node(
        error if refuses == "an error" else [], lets_read=refuses != "no leave to read"
    ) as other:
        node = f"http://127.0.0.1:{free_port()}" if refuses == "no answer" else other
        with screen.opened("auditor") as window:
            window.go(f"{FIRST}?node={node}")
            found = outcomes(window.page)
            assert found["chain"] == "silent"
            assert {found[each] for each in LOCAL} == {"holds"}
            step = window.page.inner_text('[data-step="chain"]')
            assert "the node refused or did not answer" in step
            assert ("<b>not for you</b>" in step) == (refuses == "an error")
            assert "Not every step was reached" in window.page.inner_text("#verdict")


def test_the_policy_lets_the_page_ask_nobody_else(screen: Screen, house: House) -> None:
    with another_node({}) as other, screen.opened("auditor") as window:
        window.go(f"{FIRST}?node={node_of(house)}")
        outcomes(window.page)
        asked = window.page.evaluate(
            "url => fetch(url, {method: 'POST'}).then(() => 'asked', () => 'barred')", other
        )
        assert asked == "barred"
        assert any("Content Security Policy" in each for each in window.complaints)

"""A statement's page: what it carries for its verification, and the one origin that its policy may name."""

import re

import pytest

from backend.console.pages.statements import STEPS, NodeAddressInvalid, node_origin
from backend.evidence.rules import StatementUnknown
from tests.backend.console.conftest import Client
from tests.backend.console.house import House
from tests.support.ledger_life import SITE

FIRST = f"/audit/logs/{SITE}/1/1"


def connects_to(policy: str) -> str:
    return next(each for each in policy.split("; ") if each.startswith("connect-src"))


def test_only_the_named_origin_is_added_and_only_to_this_page(browse: Client) -> None:
    client = browse("auditor")
    named = client.get(FIRST, params={"node": "https://Node.Example:8545/"})
    assert connects_to(named.headers["content-security-policy"]) == (
        "connect-src 'self' https://node.example:8545"
    )
    assert 'data-origin="https://node.example:8545"' in named.text
    for path in (FIRST, "/loans", "/loans?node=https://node.example"):
        assert connects_to(client.get(path).headers["content-security-policy"]) == "connect-src 'self'"


@pytest.mark.parametrize(
    "node",
    [
        "*",
        "https://*",
        "https://*.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ws://node.example",
        "//node.example",
        "node.example:8545",
        "https://user:secret@node.example",
        "https://node.example/rpc",
        "https://node.example?key=1",
        "https://node.example#a",
        "https://node.example:0",
        "https://node.example:99999",
        "https://node.example:port",
        "https://node.example; script-src *",
        "https://node.example https://other.example",
        "https://node.example,https://other.example",
        "https://node.example\n",
        "http://[::1]:8545",
        "https://-node.example",
        "https://узел.example",
        "https://'self'",
        "https://",
    ],
)
def test_whatever_is_no_plain_origin_opens_nothing(browse: Client, node: str) -> None:
    if node.strip() == node:
        with pytest.raises(NodeAddressInvalid):
            node_origin(node)
    answer = browse("auditor").get(FIRST, params={"node": node + ("/x" if node.endswith("\n") else "")})
    assert answer.status_code == NodeAddressInvalid.status
    assert connects_to(answer.headers["content-security-policy"]) == "connect-src 'self'"
    assert 'data-origin=""' in answer.text


def test_the_page_carries_what_every_step_takes(browse: Client) -> None:
    page = browse("auditor").get(FIRST).text
    assert re.findall(r'data-step="([a-z]+)"', page) == list(STEPS)
    for fact in ("entry", "body", "root", "path", "anchored-at", "witnessed-at", "key-of", "registry", "log"):
        assert re.search(rf' data-{fact}="[^"]+"', page), fact


def test_a_statement_is_found_by_its_hash(browse: Client, house: House) -> None:
    statement = house.there.values["statement"]
    found = browse("officer").get("/search", params={"q": statement})
    assert (found.status_code, found.headers["location"]) == (303, f"/audit/statements/{statement}")
    page = browse("officer").get(f"/audit/statements/{statement}").text
    assert "No head of the log covers this statement yet." in page


def test_a_statement_of_a_site_that_does_not_concern_one_does_not_exist(browse: Client, house: House) -> None:
    statement = house.there.values["statement"]
    stranger = next(
        each for each in house.askers if each.is_other and "evidence:read" in each.permissions and each.token
    )
    client = browse("operator")
    client.cookies.clear()
    client.cookies.set("tallystick-session", stranger.token)
    assert client.get(FIRST).status_code == StatementUnknown.status
    assert client.get(f"/audit/statements/{statement}").status_code == StatementUnknown.status

"""Pages of any origin may read the embedded ledger, as auditors do in a browser; none may send to it."""

import httpx

from backend.chain.embedded.methods import REFUSED
from tests.support.ledger import LedgerInTests

ORIGIN = {"Origin": "https://auditor.example"}
BATCH = [
    {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []},
    {"jsonrpc": "2.0", "id": 2, "method": "eth_sendRawTransaction", "params": ["0x02"]},
]


def test_the_browsers_question_before_the_question_is_answered(chain: LedgerInTests) -> None:
    asked = {
        **ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = httpx.options(chain.server.url(), headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-private-network" not in httpx.options(chain.server.url()).headers


def test_a_page_reads(chain: LedgerInTests) -> None:
    answer = httpx.post(chain.server.url(), json=BATCH[0], headers=ORIGIN)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["result"] == hex(chain.engine.chain_id)


def test_a_page_sends_no_transaction_however_it_asks(chain: LedgerInTests) -> None:
    for origin in ("https://auditor.example", "null", chain.server.url()):
        for kind in ("application/json", "text/plain"):  # a form's type needs no leave from the node first
            headers = {"Origin": origin, "Content-Type": kind}
            read, sent = httpx.post(chain.server.url(), json=BATCH, headers=headers).json()
            assert read["result"] == hex(chain.engine.chain_id)
            assert sent["error"] == {"code": REFUSED, "message": "a page may read here, and send nothing"}
    one = httpx.post(chain.server.url(), json=BATCH[1], headers=ORIGIN).json()
    assert one["error"]["code"] == REFUSED


def test_what_is_no_page_sends_as_before(chain: LedgerInTests) -> None:
    answer = httpx.post(chain.server.url(), json=BATCH[1]).json()
    assert "send nothing" not in answer["error"]["message"]  # it is read, and is no transaction

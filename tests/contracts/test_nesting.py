"""An answer of a node that is nested without measure is no answer, and does not end who asked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from contracts.rpc import NodeUnavailable, Rpc
from tests.support.hostile import DEEP, no_bound_on_recursion


class Lying(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        said = b'{"jsonrpc":"2.0","id":0,"result":' + b"[" * DEEP + b"]" * DEEP + b"}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *said: object) -> None:
        """A test says what it expects."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Lying)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_nested_without_measure_is_none(url: str) -> None:
    with no_bound_on_recursion():
        with pytest.raises(NodeUnavailable):
            Rpc(url).call("eth_blockNumber")
        with pytest.raises(NodeUnavailable):
            Rpc(url).batch([("eth_blockNumber", [])])

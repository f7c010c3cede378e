"""Stands between a node and whoever asks it: passes requests on, or does what bad nodes and lines do."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

ANOTHER_CHAIN: Final = 4_711
PATIENCE_S: Final = 20.0
ADDRESS: Final = "127.0.0.1"


class Fault(StrEnum):
    """What it does instead of passing an answer on."""

    NONE = "none"
    HANGS_UP = "hangs up"
    SLOW = "slow"
    EMPTY_LOGS = "empty logs"
    ANOTHER_CHAIN = "another chain"
    HALF_AN_ANSWER = "half an answer"
    ERROR_500 = "error 500"
    TOO_MANY_429 = "too many, by HTTP"
    TOO_MANY = "too many, by JSON-RPC"
    NULLS = "nulls"
    NO_JSON = "no JSON"
    NO_FIELDS = "no fields"


class FaultyNode:
    """A URL that may go away and come back, and a fault that a test may set at any time."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.fault = Fault.NONE
        self.slow_s = 0.0
        self.port = 0
        self.over = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it is reached while it is up."""
        return f"http://{ADDRESS}:{self.port}"

    def up(self) -> None:
        """Listen, on the same port as before."""
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                node.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *said: object) -> None:
                """A test says what it expects."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server((ADDRESS, self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections; those that are open end with their next request."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, handler: BaseHTTPRequestHandler, asked: bytes) -> None:
        """Answer one request, as the fault will have it."""
        if self._server is None or self.fault is Fault.HANGS_UP:
            handler.close_connection = True
            return
        if self.fault is Fault.SLOW:
            self.over.wait(self.slow_s)
        if self.fault is Fault.ERROR_500:
            _reply(handler, 500, b"out of order")
        elif self.fault is Fault.TOO_MANY_429:
            _reply(handler, 429, b"too many requests")
        elif self.fault is Fault.NO_JSON:
            _reply(handler, 200, b"<html>a login page</html>")
        else:
            self._pass_on(handler, asked)

    def _pass_on(self, handler: BaseHTTPRequestHandler, asked: bytes) -> None:
        request = urllib.request.Request(  # noqa: S310 - a loopback URL of the test's own
            self.upstream, data=asked, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - as above
            said = answer.read()
        if self.fault is Fault.HALF_AN_ANSWER:
            said = said[: len(said) // 2]
        elif self.fault is not Fault.NONE:
            said = self._bent(json.loads(asked), json.loads(said))
        _reply(handler, 200, said)

    def _bent(self, asked: Any, said: Any) -> bytes:
        if isinstance(asked, list):
            methods = {each["id"]: each["method"] for each in asked}
            return json.dumps([self._bent_one(methods[each["id"]], each) for each in said]).encode()
        return json.dumps(self._bent_one(asked["method"], said)).encode()

    def _bent_one(self, method: str, said: dict[str, Any]) -> dict[str, Any]:
        shell = {"jsonrpc": "2.0", "id": said["id"]}
        if self.fault is Fault.NULLS:
            return {**shell, "result": None}
        if self.fault is Fault.NO_FIELDS:
            return {**shell, "result": {}}
        if self.fault is Fault.TOO_MANY:
            return {**shell, "error": {"code": -32005, "message": "too many requests"}}
        if self.fault is Fault.EMPTY_LOGS and method == "eth_getLogs":
            return {**shell, "result": []}
        if self.fault is Fault.ANOTHER_CHAIN and method == "eth_chainId":
            return {**shell, "result": hex(ANOTHER_CHAIN)}
        return said


def _reply(handler: BaseHTTPRequestHandler, status: int, said: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(said)))
    handler.end_headers()
    handler.wfile.write(said)


@contextmanager
def faulty_node(upstream: str) -> Iterator[FaultyNode]:
    """A node before `upstream`, faultless until told."""
    node = FaultyNode(upstream)
    node.up()
    try:
        yield node
    finally:
        node.over.set()
        node.down()

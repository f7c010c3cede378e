"""Serves the embedded ledger as JSON-RPC over HTTP on loopback, and seals its blocks in a thread.

Reads are answered to pages of any origin: the ledger is public to its network's members, and auditors verify
in a browser. A page sends nothing: what carries an origin came from one, and no page is served here.
Nagle is off and replies are written whole, else each waits 40 ms for a delayed acknowledgement.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import structlog
from typing_extensions import override

from backend.chain.embedded.engine import Engine
from backend.chain.embedded.methods import REFUSED, Methods, RpcError
from contracts.nesting import is_shallow

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_REQUESTS: Final = 1_000
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603
SENDING: Final = frozenset({"eth_sendRawTransaction"})
"""Methods that change the ledger; all others read."""
PREFLIGHT_HOLDS_S: Final = 600
log = structlog.get_logger(__name__)


class Sealer(threading.Thread):
    """Seals at most one block a second while something waits, and an empty one when nothing did for long.

    The empty ones let age that is counted in blocks go on, as on any other network.
    """

    def __init__(self, engine: Engine, *, heartbeat_s: float = 5.0) -> None:
        super().__init__(name="sealer", daemon=True)
        self._engine = engine
        self._heartbeat_s = heartbeat_s
        self._ending = threading.Event()
        self._waiting = threading.Event()
        self.failure: BaseException | None = None

    def wake(self) -> None:
        """Something waits to be sealed."""
        self._waiting.set()

    def end(self) -> None:
        """Stop after the block that is being sealed."""
        self._ending.set()
        self._waiting.set()
        self.join()

    @override
    def run(self) -> None:
        if self._engine.index.pool():
            self.wake()
        while not self._ending.is_set():
            self._waiting.wait(self._heartbeat_s)
            self._waiting.clear()
            while not self._ending.is_set() and not self._engine.may_seal():
                self._ending.wait(0.02)
            if self._ending.is_set():
                return
            try:
                block = self._engine.seal()
                if block is not None and block.transactions and self._engine.index.count_waiting():
                    self.wake()  # it held as much as fits; the next one goes on at once
            except Exception as error:
                self.failure = error
                log.exception("sealing_failed")
                return


class LedgerServer(ThreadingHTTPServer):
    """Listens on loopback only; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, engine: Engine, *, port: int, finality_depth: int = 0, sealer: Sealer | None = None
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.methods = Methods(engine, finality_depth)
        self.engine = engine
        self.sealer = sealer
        self.holds_back = False
        """Without a sealer each transaction is sealed at once, unless this is set."""

    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.server_port}"

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no failure of ours; anything else is worth its trace."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            log.error("connection_failed", exc_info=error)

    def reply(self, body: bytes, *, of_page: bool = False) -> Any:
        """The answer to a request's body, one or a batch; a page of some origin may read and not send."""
        try:
            asked = json.loads(body) if is_shallow(body) else None
        except ValueError:
            return _error(None, RpcError(PARSE_ERROR, "the body is not JSON"))
        if not isinstance(asked, list):
            return self._one(asked, of_page)
        if not asked or len(asked) > MOST_REQUESTS:
            return _error(None, RpcError(INVALID_REQUEST, f"a batch holds 1 to {MOST_REQUESTS} requests"))
        return [self._one(each, of_page) for each in asked]

    def _one(self, asked: Any, of_page: bool) -> dict[str, Any]:
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return _error(None, RpcError(INVALID_REQUEST, "a request is an object with a method"))
        name = asked.get("id")
        if of_page and asked["method"] in SENDING:
            return _error(name, RpcError(REFUSED, "a page may read here, and send nothing"))
        try:
            result = self.methods.answer(asked["method"], asked.get("params") or [])
        except RpcError as error:
            return _error(name, error)
        except Exception as error:
            log.exception("request_failed", method=asked["method"])
            return _error(name, RpcError(INTERNAL_ERROR, f"{type(error).__name__}: {error}"))
        if asked["method"] == "eth_sendRawTransaction":
            self._sent()
        return {"jsonrpc": "2.0", "id": name, "result": result}

    def _sent(self) -> None:
        if self.sealer is not None:
            self.sealer.wake()
        elif not self.holds_back:
            self.engine.seal()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: LedgerServer

    def do_POST(self) -> None:
        """One request or a batch."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            self._send(
                413, _error(None, RpcError(INVALID_REQUEST, f"a body holds at most {MOST_BYTES} bytes"))
            )
            return
        of_page = self.headers.get("origin") is not None
        self._send(200, self.server.reply(self.rfile.read(int(length)), of_page=of_page))

    def do_OPTIONS(self) -> None:
        """What a browser asks before it asks."""
        self._send(204, None)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are too many to write down."""

    def _send(self, status: int, answer: Any) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-allow-methods", "POST")
        self.send_header("access-control-allow-headers", "content-type")
        self.send_header("access-control-max-age", str(PREFLIGHT_HOLDS_S))
        if self.headers.get("access-control-request-private-network") == "true":
            self.send_header("access-control-allow-private-network", "true")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _error(name: Any, error: RpcError) -> dict[str, Any]:
    said: dict[str, Any] = {"code": error.number, "message": str(error)}
    if error.revert_data is not None:
        said["data"] = error.revert_data
    return {"jsonrpc": "2.0", "id": name, "error": said}

"""Somebody at the API: a request keeps its key until it is answered, and a refusal keeps its name."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backend.story import client as client_module
from backend.story.client import ApiRefused, ApiSilent, Client
from contracts.loopback import free_port


class Desk(ThreadingHTTPServer):
    """Answers with what is next, the last of it for ever, and remembers the keys it was sent."""

    def __init__(self, *answers: tuple[int, dict[str, object]]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers = list(answers)
        self.keys: list[str | None] = []


class Answering(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        status, body = self.server.answers[0] if len(self.server.answers) == 1 else self.server.answers.pop(0)
        told = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing is written about it."""


AWAY = (503, {"code": "db.unavailable", "facts": {}})


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    server = Desk(*request.param)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def client_at(desk: Desk) -> Client:
    return Client(f"http://127.0.0.1:{desk.server_address[1]}", "tss_token")


@pytest.mark.parametrize("desk", [(AWAY, AWAY, (200, {"done": True}))], indirect=True)
def test_a_request_is_sent_again_under_its_key_until_the_database_is_back(desk: Desk) -> None:
    assert client_at(desk).post("/v1/loans", {}) == {"done": True}
    assert len(desk.keys) == 3
    assert len(set(desk.keys)) == 1


@pytest.mark.parametrize(
    "desk", [((409, {"code": "loans.receipt_taken", "facts": {"receipt": 7}}),)], indirect=True
)
def test_a_refusal_keeps_its_name_and_facts(desk: Desk) -> None:
    with pytest.raises(ApiRefused) as refused:
        client_at(desk).post("/v1/loans", {})
    assert (refused.value.refusal, refused.value.facts["receipt"]) == ("loans.receipt_taken", 7)


def test_an_api_that_never_answers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_S", 0.2)
    with pytest.raises(ApiSilent, match="/v1/loans"):
        Client(f"http://127.0.0.1:{free_port()}").get("/v1/loans")

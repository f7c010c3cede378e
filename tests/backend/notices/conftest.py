"""A database with endpoints, a receiver that behaves as badly as a test wants, and a mail server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import Engine
from standardwebhooks import Webhook

from backend.clock import FixedClock
from backend.db import reading, transaction
from backend.notices.actions import announce, enrol_endpoint
from backend.notices.posting import Mailer, MailSettings, Poster
from backend.notices.rules import Notice, NoticeKind, UrlPolicy
from backend.notices.sealing import SecretBox
from backend.notices.tables import NoticeDeliveryRow, deliveries_after
from backend.notices.worker import Courier
from contracts.loopback import free_port

BANK, TRADER = "bank-one", "trader-one"
LOOPBACK = UrlPolicy(allow_loopback=True)


@dataclass
class Receiver:
    """Verifies every call; answers in turn what a test lists, then 204."""

    secret: str = ""
    answers: list[int | str] = field(default_factory=list)
    taken: list[tuple[str, Any]] = field(default_factory=list)
    calls: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.calls += 1
                answer = receiver.answers.pop(0) if receiver.answers else 204
                if answer == "hang":
                    receiver.held.wait(10)
                    return
                said = receiver.verified(body, dict(self.headers))
                receiver.taken.append((self.headers["webhook-id"], said))
                self.send_response(int(answer))
                if answer == 302:
                    self.send_header("location", f"{receiver.url}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        """What was said, its signature verified; where a test has moved the clock, without its freshness."""
        at, hook = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC), Webhook(self.secret)
        if abs(at - datetime.now(UTC)) < timedelta(minutes=4):
            return hook.verify(body, headers)
        assert hook.sign(headers["webhook-id"], at, body.decode()) == headers["webhook-signature"]
        return json.loads(body)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def close(self) -> None:
        self.held.set()
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Office:
    """A bank's database, its courier and its clock."""

    engine: Engine
    clock: FixedClock = field(default_factory=lambda: FixedClock(datetime.now(UTC)))
    box: SecretBox = field(default_factory=lambda: SecretBox("a password of the keystore", BANK))

    def courier(self, **changes: Any) -> Courier:
        poster = changes.pop("poster", Poster(f"urn:tallystick:{BANK}", LOOPBACK, attempt_s=0.5))
        return Courier(engine=self.engine, wall=self.clock, box=self.box, poster=poster, bank=BANK, **changes)

    def enrol(self, receiver: Receiver, *kinds: NoticeKind, organisation: str = BANK) -> str:
        with transaction(self.engine) as session:
            row = enrol_endpoint(
                session,
                organisation,
                receiver.url,
                kinds,
                sees_all=organisation == BANK,
                seal=self.box.seal,
                policy=LOOPBACK,
                now=self.clock.now(),
            )
        receiver.secret = self.box.shown(row.sealed_secret, row.id)
        return row.id

    def announce(
        self, kind: NoticeKind = NoticeKind.ALERT_OPENED, organisation: str | None = None, **facts: Any
    ) -> Notice:
        with transaction(self.engine) as session:
            return announce(
                session,
                kind,
                organisation=organisation,
                subject="alert/1",
                facts=facts or {"gate": "gate.1"},
                at=self.clock.now(),
            )

    def deliveries(self, endpoint: str) -> list[NoticeDeliveryRow]:
        with reading(self.engine) as session:
            return deliveries_after(session, endpoint, 0, 100)

    def later(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))


@dataclass
class Mailbox:
    """What the mail server took, after refusing as often as a test says."""

    refuse: int = 0
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            self.refuse -= 1
            return "451 try later"
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 taken"


@pytest.fixture
def office(database: Engine) -> Office:
    return Office(database)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mailer(mailbox: Mailbox) -> Iterator[Mailer]:
    port = free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    yield Mailer(
        MailSettings(host="127.0.0.1", port=port, sender="Bank <alerts@bank.invalid>", security="none")
    )
    server.stop()

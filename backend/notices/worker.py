"""Carries deliveries out, each committed after its attempt: killed in between, it is made again under one id.

1. Take what is due of endpoints with nothing on its way; a slow one holds up only itself.
2. Attempt each in order, within a deadline.
3. Keep the outcome; a receiver that says it is gone is disabled.
"""

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import Engine
from sqlmodel import Session

from backend.clock import Clock
from backend.db import DatabaseUnavailable, carry_out, reading, stored_number
from backend.notices.actions import disable_endpoint, enrol_recipients, record_attempt
from backend.notices.posting import ATTEMPT_S, Mailer, Outcome, Poster, is_mail
from backend.notices.rules import MAIL, Notice
from backend.notices.sealing import SecretBox, SecretNotOpened
from backend.notices.tables import EndpointRow, NoticeDeliveryRow, due_deliveries

LOOK_EVERY_S: Final = 0.25
AT_ONCE: Final = 200
STOP_S: Final = ATTEMPT_S + 5
log = structlog.get_logger(__name__)
Due = tuple[NoticeDeliveryRow, EndpointRow, Notice]


@dataclass(kw_only=True)
class Courier:
    """Delivers notices of one database; the one process that leads has one."""

    engine: Engine
    wall: Clock
    box: SecretBox
    poster: Poster
    bank: str
    mailer: Mailer | None = None
    recipients: tuple[str, ...] = ()
    failure: BaseException | None = None
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _under_way: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End within the time of an attempt; what was not delivered waits in the database."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    async def deliver_due(self) -> int:
        """Attempt everything that is due now, and wait for it; how much that was."""
        found = await asyncio.to_thread(self._due)
        self._set_out(found)
        await asyncio.gather(*self._under_way.values())
        self._under_way.clear()
        return len(found)

    def enrol(self) -> None:
        """Have those written to whom the settings name."""
        wanted = self.recipients if self.mailer is not None else ()
        carry_out(self.engine, lambda s: enrol_recipients(s, self.bank, wanted, self.wall.now()))

    def _run(self) -> None:
        try:
            asyncio.run(self._deliver())
        except Exception as error:  # noqa: BLE001 - whatever stopped it is for the service to say
            self.failure = error

    async def _deliver(self) -> None:
        is_enrolled = False
        while not self._ending.is_set():
            try:
                if not is_enrolled:
                    await asyncio.to_thread(self.enrol)
                    is_enrolled = True
                self._set_out(await asyncio.to_thread(self._due))
            except DatabaseUnavailable as trouble:
                log.warning("courier_waits", why=str(trouble))
            await asyncio.sleep(LOOK_EVERY_S)
            self._settle()
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _settle(self) -> None:
        """Forget what has ended; what no one foresaw stops the courier."""
        for name in [name for name, task in self._under_way.items() if task.done()]:
            self._under_way.pop(name).result()

    def _due(self) -> list[Due]:
        with reading(self.engine) as session:
            return due_deliveries(session, self.wall.now(), busy=list(self._under_way), limit=AT_ONCE)

    def _set_out(self, found: list[Due]) -> None:
        of_endpoint: dict[str, list[Due]] = defaultdict(list)
        for each in found:
            of_endpoint[each[1].id].append(each)
        for name, dues in of_endpoint.items():
            self._under_way[name] = asyncio.create_task(self._serve(dues))

    async def _serve(self, dues: list[Due]) -> None:
        """An endpoint's deliveries in order, up to the first that fails."""
        for delivery, endpoint, notice in dues:
            outcome = await self._attempt(endpoint, notice)
            try:
                await asyncio.to_thread(self._record, delivery, endpoint, outcome)
            except DatabaseUnavailable as trouble:
                log.warning("attempt_not_recorded", delivery=delivery.id, why=str(trouble))
                return
            if not outcome.succeeded:
                return

    async def _attempt(self, endpoint: EndpointRow, notice: Notice) -> Outcome:
        now = self.wall.now()
        if is_mail(endpoint.url):
            if self.mailer is None:
                return Outcome(succeeded=False, status="no_mail_server")
            return await self.mailer.post(notice, endpoint.url.removeprefix(MAIL), endpoint.id, now)
        try:
            secret = self.box.open(endpoint.sealed_secret or b"", endpoint.id)
        except SecretNotOpened as refusal:
            return Outcome(succeeded=False, status=refusal.code)
        return await self.poster.post(notice, endpoint.url, secret, now)

    def _record(self, delivery: NoticeDeliveryRow, endpoint: EndpointRow, outcome: Outcome) -> None:
        def keep(session: Session) -> str:
            state = record_attempt(
                session,
                stored_number(delivery.id),
                status=outcome.status,
                succeeded=outcome.succeeded,
                now=self.wall.now(),
            )
            if outcome.is_gone:
                disable_endpoint(session, endpoint.id, endpoint.organisation)
            return state

        state = carry_out(self.engine, keep)
        facts = {"notice": delivery.notice, "endpoint": endpoint.id, "status": outcome.status, "state": state}
        log.info("notice_attempted", **facts)

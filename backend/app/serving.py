"""The bank's process: follower, ear, outbox, payments and sweeps, started in order and stopped in order.

One loop takes each step in turn, so the steps never wait for each other's locks; the ear has its own thread,
because an exit must be judged in the second it is heard.
"""

import json
import signal
import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Final

import structlog
from sqlmodel import Session

from backend.app.bank import Bank
from backend.app.logs import log_as_json
from backend.app.reactions import BankReactions
from backend.app.reconciling import BOOK, reconciler_of
from backend.app.tables import beat
from backend.backup.actions import is_reconciled, require_reconciled
from backend.chain.follower import Follower
from backend.chain.outbox import Outbox
from backend.chain.rules import LogsWithheld
from backend.db import DatabaseUnavailable, carry_out, reading
from backend.errors import TallystickError, Unavailable
from backend.evidence.intake import Intake
from backend.evidence.subscriber import BrokerAddress, BrokerUnavailable, Certificates, Subscriber
from backend.leading import ASK_EVERY_S, Lead, lead_of, stand_by
from backend.loans.actions import booking
from backend.migrations import require_current
from backend.payments.worker import PaymentWorker
from backend.settings import Settings
from contracts.errors import LedgerError
from contracts.rpc import NodeRefused, NodeUnavailable
from contracts.sender import Sender

log = structlog.get_logger(__name__)
REVIEW_EVERY_S: Final = 1.0
BEAT_EVERY_S: Final = 3.0
RECONCILE_EVERY_S: Final = 5.0
"""How long until ledger and rail are asked again, where they did not answer."""
EAR_PATIENCE_S: Final = 5.0
"""How long a start waits for the broker; after that it goes on without, and the ear keeps trying."""


class EarStopped(Unavailable):
    """A statement could not be committed, so the bank stopped listening rather than lose it."""

    code = "app.ear_stopped"


class CourierStopped(Unavailable):
    """Notices could not be delivered for a reason that nobody foresaw, so the bank stopped and says so."""

    code = "app.courier_stopped"


class Service:
    """Everything that runs for one bank; `step` takes each part's next step once."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._reactions = BankReactions(bank)
        self._mirror = bank.mirror
        self._watch = bank.watch
        self._accrued_to = date.min
        self._next_review = 0.0
        self._next_beat = 0.0
        self._database_gone = False
        self._follower = Follower(bank.rpc, bank.engine, bank.followed, self._reactions.projectors())
        self._ledger_known = False
        self._node_trouble: str | None = None
        book, chain_id = bank.settings.data / BOOK, bank.deployment.chain_id
        sender, addresses = Sender(bank.rpc, book, chain_id=chain_id), bank.deployment.addresses
        self._outbox = Outbox(
            bank.engine,
            bank.rpc,
            sender,
            keys=bank.keys,
            addresses=addresses,
            on_refused=self._reactions.on_refused,
        )
        self._payments = PaymentWorker(bank.engine, bank.rail, bank.desk, (self._reactions.on_line,))
        self.intake = Intake(
            bank.engine, bank.domain, bank.witness_key(), bank.wall, self._reactions.intake()
        )
        self.ear = Subscriber(self._broker(), self.intake.receive)
        self.courier = bank.courier()

    def start(self) -> None:
        """Catch up with the ledger if it answers, then listen; a broker that is away is waited for meanwhile.

        Raises:
            AnotherChain: or `DeploymentDiffers`: the ledger is not the declared one.
            NotReconciled: a backup was restored, and nobody knows yet what the bank did since.
        """
        with reading(self._bank.engine) as session:
            require_reconciled(session)
        self._ask_ledger(self._know_ledger, self._follower.catch_up)
        self.ear.start()
        try:
            self.ear.require_listening(EAR_PATIENCE_S)
        except BrokerUnavailable as away:
            log.warning("started_without_broker", code=away.code, **away.facts)
        self.courier.start()

    def stop(self) -> None:
        """Stop listening; what is decided and not carried out waits in the database."""
        self.ear.stop()
        self.courier.stop()

    def step(self) -> None:
        """Each part's next step. A silent node or database is waited for; a broken promise is not.

        Raises:
            EarStopped: a statement could not be committed.
            CourierStopped: notices cannot be delivered any more.
            ReorganisedBelowFinality: the ledger took back what it had called final.
            AnotherChain: or `DeploymentDiffers`: a node that was away came back with another ledger.
            MirrorsDisagree: two programs derive different roots from the bank's own bytes.
        """
        if self.ear.failure is not None:
            raise EarStopped(why=str(self.ear.failure)) from self.ear.failure
        if self.courier.failure is not None:
            raise CourierStopped(why=str(self.courier.failure)) from self.courier.failure
        try:
            self._step()
        except DatabaseUnavailable as trouble:
            if not self._database_gone:
                log.warning("database_unavailable", why=str(trouble))
            self._database_gone = True
        else:
            if self._database_gone:
                log.info("database_back")
            self._database_gone = False

    def _step(self) -> None:
        self._ask_ledger(self._know_ledger, self._follower.step, self._examine, self._outbox.step)
        pay = self._payments.step if self._node_trouble is None else self._payments.step_without_paying
        pay(self._bank.moment())
        self._sweep()
        self._review()
        self._beat()

    def _beat(self) -> None:
        """Leave word for those who ask whether the worker is at work."""
        begun = time.monotonic()
        if begun < self._next_beat:
            return
        now, hears = self._bank.wall.now(), self.ear.is_listening
        carry_out(self._bank.engine, lambda session: beat(session, now, is_listening=hears))
        self._next_beat = begun + BEAT_EVERY_S

    def _examine(self) -> None:
        """Judge anchored heads and report what was found; the node is asked before the unit of work."""
        with reading(self._bank.engine) as session:
            wanted = sorted(self._mirror.wanted_blocks(session))
        blocks = [self._bank.block_at(number) for number in wanted]

        def judge(session: Session) -> None:
            self._mirror.remember_blocks(session, blocks)
            for finding in self._mirror.examine(session, self._bank.wall.now()):
                self._reactions.on_finding(session, finding)

        carry_out(self._bank.engine, judge)

    def _sweep(self) -> None:
        """What follows from time alone: unmatched exits, and interest when a business day has ended."""
        at = self._bank.moment()

        def sweep(session: Session) -> None:
            for alert in self._watch.expire(session, self._bank.wall.now()):
                self._reactions.review_site(session, alert.site)
            if at.today != self._accrued_to:
                booking.accrue_day(session, at=at)

        carry_out(self._bank.engine, sweep)
        self._accrued_to = at.today

    def _review(self) -> None:
        """Test the cover of every loan that owes, about once a second: prices and evidence age by themselves.

        A book that takes long to go through is gone through less often, in at most a fifth of the time.
        """
        begun = time.monotonic()
        if begun < self._next_review:
            return
        carry_out(self._bank.engine, self._reactions.review_live)
        took = time.monotonic() - begun
        self._next_review = begun + max(REVIEW_EVERY_S, 5 * took)

    def _know_ledger(self) -> None:
        """Nothing is read from a ledger, or sent to it, before it is known to be the declared one."""
        if not self._ledger_known:
            self._bank.require_published_contracts()
            self._ledger_known = True

    def _ask_ledger(self, *parts: Callable[[], object]) -> None:
        """Take each part's turn; a node that does not answer one is asked again in the next round.

        It may be another one when it is back, so its contracts are looked at again. Money that comes in and
        evidence are taken meanwhile; no payment is sent on a ledger that cannot be asked.
        """
        trouble: LedgerError | Unavailable | None = None
        for part in parts:
            try:
                part()
            except (NodeUnavailable, LogsWithheld) as met:
                self._ledger_known, trouble = False, met
                break
            except NodeRefused as met:  # for its own reasons: too much asked
                trouble = met
                if not self._ledger_known:
                    break
        self._say_of_node(trouble)

    def _say_of_node(self, trouble: LedgerError | Unavailable | None) -> None:
        """A node is asked several times a second; the same trouble is worth one line."""
        code = None if trouble is None else trouble.code
        if trouble is not None and code != self._node_trouble:
            log.warning("node_unavailable", code=code, why=str(trouble))
        elif trouble is None and self._node_trouble is not None:
            log.info("node_back")
        self._node_trouble = code

    def _broker(self) -> BrokerAddress:
        settings = self._bank.settings
        return BrokerAddress(
            host=settings.broker_host,
            port=settings.broker_port,
            client_id=f"bank-{settings.bank}",
            user=settings.broker_user,
            password=settings.broker_password.get_secret_value(),
            certificates=_certificates(settings),
        )


def _certificates(settings: Settings) -> Certificates | None:
    ca, certificate, key = settings.broker_ca, settings.broker_certificate, settings.broker_key
    if ca is None or certificate is None or key is None:
        return None
    return Certificates(ca, certificate, key)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; prints one JSON line whenever the bank begins to listen.

    One process acts on a database at a time; a second stands by until the first is gone.

    Raises:
        EarStopped: or another reason for which the bank would rather stop than go on.
    """
    log_as_json()
    ending = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ending.set())
    bank = Bank.without_ledger(settings)
    lead = lead_of(bank.engine)
    try:
        while stand_by(lead, ending):
            _act(bank, lead, ending)
    except LedgerError as error:
        log.exception("ledger_failed", code=error.code)
        raise
    finally:
        lead.resign()
        bank.engine.dispose()


def _await_reconciled(bank: Bank, lead: Lead, ending: threading.Event) -> bool:
    """Reconcile a bank as a backup left it, or wait for people; false when lead or process ended first."""
    next_try: float | None = 0.0
    said = ""
    while not ending.is_set() and lead.holds():
        with reading(bank.engine) as session:
            if is_reconciled(session):
                return True
        if next_try is not None and time.monotonic() >= next_try:
            needs_people, why = _try_to_reconcile(bank)
            next_try = None if needs_people else time.monotonic() + RECONCILE_EVERY_S
            if why and why != said:
                log.warning("not_reconciled", why=why, run="tallystick reconcile")
                said = why
            continue
        ending.wait(ASK_EVERY_S)
    return False


def _try_to_reconcile(bank: Bank) -> tuple[bool, str]:
    """Whether only people can go on from here, and why the mark still stands, if it does."""
    try:
        with reconciler_of(bank) as reconciler:
            report = reconciler.reconcile(bank.moment())
    except DatabaseUnavailable:
        raise
    except (TallystickError, LedgerError) as trouble:
        return False, f"{trouble.code}: {trouble}"
    if report is None or not report.needs_people:
        return False, ""
    return True, f"{len(report.findings)} findings wait for two people"


def _act(bank: Bank, lead: Lead, ending: threading.Event) -> None:
    """Act for the bank until the lead is lost or the process ends; a database may go away."""
    service = Service(bank)
    try:
        require_current(bank.engine)
        if not _await_reconciled(bank, lead, ending):
            return
        service.start()
        said = {
            "serving": bank.settings.bank,
            "chain_id": bank.deployment.chain_id,
            "listening": service.ear.is_listening,
        }
        print(json.dumps(said), flush=True)  # noqa: T201 - the line others wait for
        while not ending.is_set() and lead.holds():
            begun = time.monotonic()
            service.step()
            ending.wait(max(0.0, bank.settings.poll_s - (time.monotonic() - begun)))
    except DatabaseUnavailable as trouble:
        log.warning("database_unavailable", why=str(trouble))
        ending.wait(ASK_EVERY_S)
    finally:
        service.stop()

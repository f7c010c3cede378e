"""A restored bank as its worker, its courier and its command line have it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from backend.app import Bank
from backend.app.serving import Service, _await_reconciled
from backend.backup.actions import is_reconciled
from backend.backup.rules import NotReconciled
from backend.cli import app
from backend.db import reading, transaction
from backend.identity.actions import admit_person
from backend.leading import lead_of
from backend.notices.actions import announce, enrol_endpoint
from backend.notices.rules import RESTORED_APART, NoticeKind, message_id
from backend.settings import Settings
from tests.backend.app.conftest import World
from tests.backend.app.test_serving import environment
from tests.backend.backup.conftest import Restored
from tests.backend.loans.bank import PEOPLE
from tests.backend.notices.conftest import Receiver
from tests.support.ledger_life import LENDER

WAIT_S = 30


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The bank may call receivers on this machine."""
    return settings.model_copy(update={"webhooks_loopback": True})


@pytest.fixture
def logs() -> Iterator[None]:
    """Leaves the logs as they were before a command set them up."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def enrol(bank: Bank, receiver: Receiver) -> None:
    """All notices of the bank are called to the receiver."""
    with transaction(bank.engine) as session:
        row = enrol_endpoint(
            session,
            LENDER,
            receiver.url,
            [],
            sees_all=True,
            seal=bank.webhook_secrets.seal,
            policy=bank.webhook_policy,
            now=bank.wall.now(),
        )
    receiver.secret = bank.webhook_secrets.shown(row.sealed_secret, row.id)


def say(bank: Bank, subject: str) -> int:
    """Something has happened; the notice's id."""
    now = bank.wall.now()
    with transaction(bank.engine) as session:
        return announce(
            session, NoticeKind.ALERT_CLOSED, organisation=None, subject=subject, facts={}, at=now
        ).id


def deliver(bank: Bank) -> None:
    asyncio.run(bank.courier().deliver_due())


def test_nothing_is_sent_before_it_is_reconciled_and_then_what_waited_under_its_old_id(
    world: World, restored: Restored, keep: Callable[[], Path], receiver: Receiver
) -> None:
    enrol(world.bank, receiver)
    waited = say(world.bank, "alert/1")
    file = keep()
    deliver(world.bank)
    later = say(world.bank, "alert/2")
    deliver(world.bank)
    assert [each for each, _ in receiver.taken] == [message_id(waited), message_id(later)]
    restored.put_back(file)
    with pytest.raises(NotReconciled):
        Service(restored.bank).start()
    assert receiver.calls == 2
    report = restored.reconcile()
    assert report is not None
    assert not report.needs_people
    fresh = say(restored.bank, "alert/3")
    deliver(restored.bank)
    repeated, told, new = [each for each, _ in receiver.taken[2:]]
    assert repeated == message_id(waited)
    assert told == message_id(waited + RESTORED_APART)
    assert new == message_id(fresh) == message_id(waited + RESTORED_APART + 1)


@pytest.mark.usefixtures("logs")
def test_the_worker_waits_for_two_people_who_accept_at_the_command_line(
    world: World, restored: Restored, keep: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in PEOPLE:
        world.do(lambda s, person=person: admit_person(s, replace(person, organisation=LENDER)))
    file = keep()
    world.life.ledger.chain.send(world.life.ledger.chain.key(LENDER), "0x" + "11" * 20, b"")
    restored.put_back(file)
    lead, ending, said = lead_of(restored.bank.engine), threading.Event(), []
    assert lead.gain()
    worker = threading.Thread(target=lambda: said.append(_await_reconciled(restored.bank, lead, ending)))
    worker.start()
    for name, value in environment(restored.settings).items():
        monkeypatch.setenv(name, value)
    try:
        shown = CliRunner().invoke(app, ["reconcile"])
        assert shown.exit_code == 1
        assert "transaction_foreign" in shown.stdout
        found = CliRunner().invoke(app, ["reconcile", "--json"])
        assert found.exit_code == 1
        told = json.loads(found.stdout)
        assert (told["reconciled"], len(told["report"]["findings"])) == (False, 1)
        assert told["hash"] in shown.stdout
        accept = ["reconcile", "--accept", told["hash"], "--by", "wu"]
        assert CliRunner().invoke(app, accept).exit_code == 2
        assert said == []
        accepted = CliRunner().invoke(app, [*accept, "--by", "zhao"])
        assert (accepted.exit_code, worker.join(WAIT_S)) == (0, None)
        assert said == [True]
        again = CliRunner().invoke(app, ["reconcile", "--json"])
        assert (again.exit_code, json.loads(again.stdout)) == (0, {"reconciled": True})
    finally:
        ending.set()
        worker.join(WAIT_S)
        lead.resign()


def test_the_worker_reconciles_by_itself_where_nothing_needs_people(
    restored: Restored, keep: Callable[[], Path]
) -> None:
    restored.put_back(keep())
    lead = lead_of(restored.bank.engine)
    assert lead.gain()
    away = replace(restored.bank, rpc=type(restored.bank.rpc)("http://127.0.0.1:1"))
    ending = threading.Event()
    threading.Timer(0.5, ending.set).start()
    assert not _await_reconciled(away, lead, ending)
    assert _await_reconciled(restored.bank, lead, threading.Event())
    with reading(restored.bank.engine) as session:
        assert is_reconciled(session)
    lead.resign()

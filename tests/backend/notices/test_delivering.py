"""Notices are delivered at least once, signed, under one id; never again after they were taken."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import text

from backend.db import reading, transaction
from backend.notices.actions import disable_endpoint, replay
from backend.notices.posting import Mailer
from backend.notices.rules import (
    RETRY_AFTER,
    EndpointDisabled,
    EndpointUnknown,
    NoticeDeliveryUnknown,
    NoticeKind,
    StillPending,
    UrlPolicy,
    UrlRefused,
    require_address,
    require_url,
)
from backend.notices.sealing import SecretBox, SecretNotOpened
from backend.notices.tables import notices_after
from tests.backend.notices.conftest import BANK, TRADER, Mailbox, Office, Receiver


def deliver(office: Office) -> int:
    return asyncio.run(office.courier().deliver_due())


def test_a_receiver_that_fails_gets_the_same_id_until_it_takes_it(office: Office, receiver: Receiver) -> None:
    endpoint = office.enrol(receiver)
    notice = office.announce()
    receiver.answers = [500, 503]
    for wait in RETRY_AFTER[:2]:
        assert deliver(office) == 1
        assert deliver(office) == 0, "not before its time"
        office.later(seconds=wait.total_seconds())
    assert deliver(office) == 1
    assert [name for name, _ in receiver.taken] == [f"notice_{notice.id}"] * 3
    said = receiver.taken[-1][1]
    assert (said["specversion"], said["type"], said["data"]) == (
        "1.0",
        "tallystick.alert_opened",
        {"gate": "gate.1"},
    )
    office.later(days=3)
    assert deliver(office) == 0, "nothing is sent after it was taken"
    (row,) = office.deliveries(endpoint)
    assert (row.state, row.attempts, row.last_status) == ("delivered", 3, "204")


def test_a_receiver_that_never_takes_it_is_given_up_and_may_be_replayed(
    office: Office, receiver: Receiver
) -> None:
    endpoint = office.enrol(receiver)
    office.announce()
    receiver.answers = [500] * 20
    for wait in (*RETRY_AFTER, timedelta(days=9)):
        assert deliver(office) == 1
        office.later(seconds=wait.total_seconds())
    assert deliver(office) == 0
    (row,) = office.deliveries(endpoint)
    assert (row.state, row.attempts) == ("given_up", len(RETRY_AFTER) + 1)
    receiver.answers = []
    with transaction(office.engine) as session:
        replay(session, endpoint, row.id or 0, BANK)
        with pytest.raises(StillPending):
            replay(session, endpoint, row.id or 0, BANK)
    assert deliver(office) == 1
    assert office.deliveries(endpoint)[0].state == "delivered"


def test_hanging_and_redirecting_receivers_fail_in_time(office: Office, receiver: Receiver) -> None:
    endpoint = office.enrol(receiver)
    office.announce()
    receiver.answers = ["hang", 302]
    begun = time.monotonic()
    assert deliver(office) == 1
    assert time.monotonic() - begun < 3
    assert office.deliveries(endpoint)[0].last_status == "timed_out"
    office.later(seconds=5)
    deliver(office)
    assert office.deliveries(endpoint)[0].last_status == "302"
    assert receiver.calls == 2, "a redirect is not followed"


def test_a_hanging_receiver_holds_up_only_itself(office: Office, receiver: Receiver) -> None:
    other = Receiver(answers=["hang"])
    slow, quick = office.enrol(other), office.enrol(receiver)
    office.announce()
    deliver(office)
    assert [office.deliveries(each)[0].state for each in (slow, quick)] == ["pending", "delivered"]
    other.close()


def test_a_receiver_that_is_gone_is_disabled_and_what_waits_is_cancelled(
    office: Office, receiver: Receiver
) -> None:
    endpoint = office.enrol(receiver)
    office.announce()
    office.announce()
    receiver.answers = [410]
    deliver(office)
    assert [row.state for row in office.deliveries(endpoint)] == ["cancelled", "cancelled"]
    office.announce()
    assert len(office.deliveries(endpoint)) == 2
    with transaction(office.engine) as session, pytest.raises(EndpointDisabled):
        replay(session, endpoint, 1, BANK)


def test_each_organisation_gets_what_concerns_it_and_what_it_asked_for(
    office: Office, receiver: Receiver
) -> None:
    everything = office.enrol(receiver)
    own = office.enrol(receiver, organisation=TRADER)
    calls = office.enrol(receiver, NoticeKind.MARGIN_CALL_OPENED)
    office.announce()
    office.announce(NoticeKind.MARGIN_CALL_OPENED, TRADER)
    office.announce(NoticeKind.LOAN_STATE_CHANGED, "trader-two")
    assert [len(office.deliveries(each)) for each in (everything, own, calls)] == [3, 1, 1]
    with reading(office.engine) as session:
        assert [each.kind for each in notices_after(session, 0, 9, organisation=TRADER)] == [
            NoticeKind.MARGIN_CALL_OPENED
        ]
    with transaction(office.engine) as session, pytest.raises(EndpointUnknown):
        disable_endpoint(session, own, BANK)
    with transaction(office.engine) as session, pytest.raises(NoticeDeliveryUnknown):
        replay(session, own, 10**9, TRADER)


def test_an_attempt_that_a_kill_left_unrecorded_is_made_again_under_its_id(
    office: Office, receiver: Receiver
) -> None:
    office.enrol(receiver)
    office.announce()
    courier = office.courier()
    courier._record = lambda *_: None  # type: ignore[method-assign] # killed between the attempt and its commit
    asyncio.run(courier.deliver_due())
    deliver(office)
    assert len({name for name, _ in receiver.taken}) == 1
    assert len(receiver.taken) == 2


def test_notices_become_visible_in_the_order_of_their_ids(office: Office) -> None:
    seen: list[int] = []

    def announce() -> None:
        for _ in range(5):
            office.announce()

    threads = [threading.Thread(target=announce) for _ in range(4)]
    for each in threads:
        each.start()
    deadline = time.monotonic() + 20
    while len(seen) < 20 and time.monotonic() < deadline:
        with reading(office.engine) as session:
            seen += [
                each.id for each in notices_after(session, seen[-1] if seen else 0, 9, organisation=None)
            ]
    for each in threads:
        each.join(10)
    assert len(seen) == 20


def test_a_notice_is_never_changed(office: Office) -> None:
    office.announce()
    with pytest.raises(DBAPIError, match="append-only"), transaction(office.engine) as session:
        session.execute(text("UPDATE notice SET subject = 'other'"))


def test_people_are_written_to_once_under_a_stable_id_in_two_languages(
    office: Office, mailer: Mailer, mailbox: Mailbox
) -> None:
    courier = office.courier(mailer=mailer, recipients=("desk@bank.invalid",))
    courier.enrol()
    courier.enrol()
    notice = office.announce(gate="gate.1", tags=["1", "2"])
    office.announce(NoticeKind.LOAN_STATE_CHANGED)
    mailbox.refuse = 1
    for _ in range(3):
        asyncio.run(courier.deliver_due())
        office.later(seconds=5)
    (letter,) = mailbox.letters
    assert letter["Message-ID"].startswith(f"<notice_{notice.id}.mail-")
    assert "警报已发出 / Alert opened" in letter["Subject"]
    body = letter.get_content()
    assert "gate: gate.1" in body
    assert "对象" in body
    gone = office.courier(mailer=mailer, recipients=())
    gone.enrol()
    office.announce()
    asyncio.run(gone.deliver_due())
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example/x",
        "ftp://erp.example",
        "https://user:word@erp.example",
        "https://127.0.0.1/x",
        "https://10.0.0.8/x",
        "https://[::1]/",
        "https://[::ffff:192.168.0.1]/",
        "https://169.254.169.254/latest",
        "https://",
        "https://erp.example:99999/",
    ],
)
def test_nothing_is_sent_into_the_banks_own_network(url: str) -> None:
    with pytest.raises(UrlRefused):
        require_url(url, UrlPolicy())


def test_what_a_name_leads_to_is_judged_when_it_is_called(office: Office, receiver: Receiver) -> None:
    endpoint = office.enrol(receiver)
    office.announce()
    strict = office.courier()
    strict.poster = type(strict.poster)("urn:x", UrlPolicy())
    asyncio.run(strict.deliver_due())
    assert (office.deliveries(endpoint)[0].last_status, receiver.calls) == ("url_refused", 0)
    require_url("https://erp.example:8443/hook?a=1", UrlPolicy())
    require_address("10.0.0.8", UrlPolicy(allow_private=True))
    with pytest.raises(UrlRefused):
        require_address("169.254.169.254", UrlPolicy(allow_private=True))


def test_a_secret_opens_only_for_its_endpoint_under_its_password() -> None:
    box = SecretBox("one password", BANK)
    sealed = box.seal(b"s" * 32, "wh_1")
    assert box.open(sealed, "wh_1") == b"s" * 32
    for other, name in ((box, "wh_2"), (SecretBox("another", BANK), "wh_1")):
        with pytest.raises(SecretNotOpened):
            other.open(sealed, name)


def test_the_courier_works_in_a_thread_of_its_own_and_stops(office: Office, receiver: Receiver) -> None:
    endpoint = office.enrol(receiver)
    courier = office.courier()
    courier.start()
    office.announce()
    deadline = time.monotonic() + 10
    while not receiver.taken and time.monotonic() < deadline:
        time.sleep(0.02)
    courier.stop()
    assert courier.failure is None
    assert office.deliveries(endpoint)[0].state == "delivered"


def test_both_kinds_of_database_hold_notices(database: Engine) -> None:
    assert Office(database).announce().id == 1

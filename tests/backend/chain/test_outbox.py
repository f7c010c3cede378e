"""An act that was decided reaches the ledger once; it is confirmed by the ledger, or refused by name."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from backend.chain.actions import act, intend
from backend.chain.follower import Followed, Follower
from backend.chain.outbox import Outbox
from backend.chain.rules import ActDiffers, ActState
from backend.db import reading, transaction
from contracts.artifacts import load
from contracts.keystore import KeyUnknown
from contracts.rpc import NodeRefused, Rpc
from contracts.sender import Act as Outgoing
from contracts.sender import Sender
from tests.support.anvil import FINAL_AFTER, AnvilInTests
from tests.support.ledger import AnyLedger


@pytest.fixture
def chain(either: AnyLedger) -> AnyLedger:
    """All of this holds on the embedded ledger and on a node that is not ours."""
    return either


class Moody(Rpc):
    """A node that says no, for reasons of its own, while it is in the mood."""

    refuses: str | None = None

    def batch(self, requests: Any) -> list[Any]:
        if any(method == self.refuses for method, _ in requests):
            raise NodeRefused(method=str(self.refuses), node_code=-32005, said="too many requests")
        return super().batch(requests)


class TestBank:
    """A bank's database, an AccessManager that its first key governs, and what moves acts between them."""

    __test__ = False

    def __init__(self, chain: AnyLedger, engine: Engine, folder: Path) -> None:
        self.chain = chain
        self.folder = folder
        self.node = Moody(chain.url)
        self.engine = engine
        self.sender = Sender(self.node, folder / "out.sqlite")
        manager = load("AccessManager")
        made = Outgoing("deploy", None, manager.construct([chain.accounts[0].address]))
        self.sender.send(made, chain.accounts[0].key)
        chain.quiet()
        receipt = self.sender.outcome("deploy").receipt
        assert receipt is not None
        self.address = receipt["contractAddress"]
        contracts = {self.address.lower(): manager}
        self.follower = Follower(self.node, self.engine, Followed(contracts, start_block=0), [])
        self.outbox = Outbox(
            self.engine,
            self.node,
            self.sender,
            keys=self,
            addresses={"AccessManager": self.address},
            stuck_after_s=0,
        )

    def key(self, name: str) -> bytes:
        if not name.startswith("account-"):
            raise KeyUnknown(name=name)
        return bytes(self.chain.accounts[int(name.removeprefix("account-"))].key)

    def settle(self) -> None:
        for _ in range(3):
            self.outbox.step()
            self.chain.seal(FINAL_AFTER)
            self.follower.catch_up()

    def label(self, role: int, *, signer: str = "account-0", key: str = "label") -> None:
        with transaction(self.engine) as session:
            intend(
                session,
                key=key,
                signer=signer,
                contract="AccessManager",
                function="labelRole",
                args={"roleId": role, "label": "guardian"},
            )

    def state(self, key: str = "label") -> ActState:
        with reading(self.engine) as session:
            return act(session, key).state

    def sent(self) -> int:
        self.chain.quiet()
        account = self.chain.accounts[0].address
        return int(self.chain.rpc.call("eth_getTransactionCount", account, "latest"), 16)


@pytest.fixture
def database_url(chain: AnyLedger, request: pytest.FixtureRequest) -> str:
    """Each kind of node goes with one kind of database, so that all are there and the whole is quick."""
    url: str = request.getfixturevalue("postgres_url" if isinstance(chain, AnvilInTests) else "sqlite_url")
    return url


@pytest.fixture
def bank(chain: AnyLedger, database: Engine, tmp_path: Path) -> TestBank:
    return TestBank(chain, database, tmp_path)


def test_an_act_is_confirmed_only_when_its_block_was_followed(bank: TestBank) -> None:
    bank.label(7)
    bank.outbox.step()
    bank.chain.seal(FINAL_AFTER)
    bank.outbox.step()
    assert bank.state() is ActState.SENT
    bank.follower.catch_up()
    bank.outbox.step()
    assert bank.state() is ActState.CONFIRMED


def test_the_same_act_decided_twice_is_sent_once_and_another_under_its_key_is_refused(
    bank: TestBank,
) -> None:
    bank.label(7)
    bank.label(7)
    with pytest.raises(ActDiffers):
        bank.label(8)
    bank.settle()
    assert bank.sent() == 2


def test_a_contract_s_refusal_is_kept_with_its_name_and_facts_and_costs_nothing(bank: TestBank) -> None:
    bank.label(7, signer="account-3")
    bank.outbox.step()
    with reading(bank.engine) as session:
        refused = act(session, "label")
    assert refused.state is ActState.REFUSED
    assert refused.refusal == "AccessManagerUnauthorizedAccount"
    assert refused.refusal_facts["msgsender"].lower() == bank.chain.accounts[3].address.lower()
    assert bank.sent() == 1


def test_a_worker_that_died_after_sending_sends_nothing_again(bank: TestBank) -> None:
    bank.label(7)
    bank.outbox.step()
    with transaction(bank.engine) as session:
        session.connection().execute(text("UPDATE ledger_act SET state = 'intended', tx_hash = NULL"))
    bank.settle()
    assert bank.state() is ActState.CONFIRMED
    assert bank.sent() == 2


def test_acts_wait_while_the_node_is_away(bank: TestBank) -> None:
    bank.label(7)
    url, bank.node.url = bank.node.url, "http://127.0.0.1:9"
    bank.node._local.__dict__.clear()
    assert bank.outbox.step() == 0
    assert bank.state() is ActState.INTENDED
    bank.node.url = url
    bank.node._local.__dict__.clear()
    bank.outbox.step()
    assert bank.state() is ActState.SENT


@pytest.mark.parametrize("method", ["eth_estimateGas", "eth_getTransactionCount"])
def test_an_act_that_the_node_itself_does_not_like_just_now_waits(bank: TestBank, method: str) -> None:
    bank.label(7)
    bank.node.refuses = method
    bank.settle()
    assert bank.state() is ActState.INTENDED
    bank.node.refuses = None
    bank.settle()
    assert bank.state() is ActState.CONFIRMED
    assert bank.sent() == 2


def test_an_act_whose_key_is_missing_waits_and_holds_up_no_other(bank: TestBank) -> None:
    bank.label(7, signer="nobody", key="first")
    bank.label(8, key="second")
    bank.settle()
    assert (bank.state("first"), bank.state("second")) == (ActState.INTENDED, ActState.CONFIRMED)


def test_a_sent_act_that_waits_too_long_is_offered_at_a_higher_fee(bank: TestBank) -> None:
    bank.chain.hold_back()
    bank.label(7)
    bank.outbox.step()
    first = bank.sender.outcome("label").tx_hash
    bank.outbox.step()
    assert bank.sender.outcome("label").tx_hash != first
    bank.chain.seal()
    bank.settle()
    assert bank.state() is ActState.CONFIRMED
    assert bank.sent() == 2


def test_an_act_that_fails_in_its_block_is_refused_by_the_contract_s_own_name(bank: TestBank) -> None:
    bank.chain.hold_back()
    with transaction(bank.engine) as session:
        intend(
            session,
            key="leave",
            signer="account-0",
            contract="AccessManager",
            function="renounceRole",
            args={"roleId": 0, "callerConfirmation": bank.chain.accounts[0].address},
        )
    bank.outbox.step()
    bank.label(7)
    bank.outbox.step()
    assert bank.state() is ActState.SENT
    bank.chain.seal()
    bank.settle()
    with reading(bank.engine) as session:
        refused = act(session, "label")
    assert (refused.state, refused.refusal) == (ActState.REFUSED, "AccessManagerUnauthorizedAccount")
    assert bank.state("leave") is ActState.CONFIRMED


def test_a_displaced_act_is_done_after_all_and_once(bank: TestBank) -> None:
    bank.chain.hold_back()
    bank.label(7)
    bank.outbox.step()
    bank.chain.lose_waiting()
    bank.chain.let_go()
    other = Sender(bank.chain.rpc, bank.folder / "other.sqlite")
    other.send(Outgoing("other", bank.chain.accounts[1].address, b""), bank.key("account-0"))
    bank.settle()
    assert bank.state() is ActState.CONFIRMED
    assert bank.sent() == 3


def test_an_act_is_not_confirmed_by_a_receipt_of_another_chain_than_the_one_followed(bank: TestBank) -> None:
    bank.label(7)
    bank.settle()
    with transaction(bank.engine) as session:
        session.connection().execute(text("UPDATE ledger_act SET state = 'sent'"))
        session.connection().execute(text("DELETE FROM ledger_log"))
    bank.outbox.step()
    assert bank.state() is ActState.SENT


def test_of_a_worker_killed_at_any_time_every_act_is_done_once(bank: TestBank, database_url: str) -> None:
    total = 20
    for number in range(total):
        bank.label(100 + number, key=f"act-{number}")
    program = [sys.executable, "-m", "tests.support.outbox_worker", str(bank.folder), bank.chain.url]
    arguments = [bank.address, bank.key("account-0").hex(), database_url]
    for _ in range(4):
        before = bank.sent()
        with subprocess.Popen([*program, *arguments]) as worker:
            while bank.sent() == before:  # it dies as soon as the ledger has something of it
                assert worker.poll() is None
                time.sleep(0.001)
            worker.kill()
    bank.settle()
    assert {bank.state(f"act-{number}") for number in range(total)} == {ActState.CONFIRMED}
    assert bank.sent() == 1 + total

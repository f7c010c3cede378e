"""An act that was decided reaches the ledger once; it is confirmed by the ledger, or refused by name."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from backend.chain.actions import act, intend
from backend.chain.follower import Followed, Follower
from backend.chain.outbox import Outbox
from backend.chain.rules import ActDiffers, ActState
from backend.db import create_schema, open_database, reading, transaction
from contracts.artifacts import load
from contracts.sender import Act as Outgoing
from contracts.sender import Sender
from tests.support.ledger import LedgerInTests


class TestBank:
    """A bank's database, an AccessManager that its first key governs, and what moves acts between them."""

    __test__ = False

    def __init__(self, chain: LedgerInTests, folder: Path) -> None:
        self.chain = chain
        self.engine: Engine = open_database(f"sqlite:///{folder / 'bank.sqlite'}")
        create_schema(self.engine)
        self.sender = Sender(chain.rpc, folder / "out.sqlite")
        manager = load("AccessManager")
        made = Outgoing("deploy", None, manager.construct([chain.accounts[0].address]))
        self.sender.send(made, chain.accounts[0].key)
        receipt = self.sender.outcome("deploy").receipt
        assert receipt is not None
        self.address = receipt["contractAddress"]
        contracts = {self.address.lower(): manager}
        self.follower = Follower(chain.rpc, self.engine, Followed(contracts, start_block=0), [])
        self.outbox = Outbox(
            self.engine, chain.rpc, self.sender, keys=self, addresses={"AccessManager": self.address}
        )

    def key(self, name: str) -> bytes:
        return bytes(self.chain.accounts[int(name.removeprefix("account-"))].key)

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
        account = self.chain.accounts[0].address
        return int(self.chain.rpc.call("eth_getTransactionCount", account, "latest"), 16)


@pytest.fixture
def bank(chain: LedgerInTests, tmp_path: Path) -> TestBank:
    return TestBank(chain, tmp_path)


def test_an_act_is_confirmed_only_when_its_block_was_followed(bank: TestBank) -> None:
    bank.label(7)
    bank.outbox.step()
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
    for _ in range(3):
        bank.outbox.step()
        bank.follower.catch_up()
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
    for _ in range(3):
        bank.outbox.step()
        bank.follower.catch_up()
    assert bank.state() is ActState.CONFIRMED
    assert bank.sent() == 2


def test_acts_wait_while_the_node_is_away(bank: TestBank) -> None:
    bank.label(7)
    url, bank.chain.rpc.url = bank.chain.rpc.url, "http://127.0.0.1:9"
    bank.chain.rpc._local.__dict__.clear()
    assert bank.outbox.step() == 0
    assert bank.state() is ActState.INTENDED
    bank.chain.rpc.url = url
    bank.chain.rpc._local.__dict__.clear()
    bank.outbox.step()
    assert bank.state() is ActState.SENT

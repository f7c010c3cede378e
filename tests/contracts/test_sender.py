"""Acts are sent once, refused by name before they cost anything, and found again after any failure."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backend.chain.embedded.methods import Methods
from contracts.outgoing import BookOfAnotherChain
from contracts.rpc import NodeRefused, NodeUnavailable, Reverted, Rpc
from contracts.sender import Act, ActUnknown, Fate, KeyReused, Sender
from tests.support.ledger import LedgerInTests, ledger_in_tests

# Takes any call and stops.
ACCEPTS = bytes.fromhex("6001600c60003960016000f300")
# Reverts with 32 bytes.
REVERTS = bytes.fromhex("600a600c600039600a6000f3") + bytes.fromhex("60aa60005260206000fd")


class Faulty(Rpc):
    """A node on a bad line: it loses requests, or answers, or takes a request and says that it failed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.faults: list[str] = []
        self.random: random.Random | None = None

    def call(self, method: str, *params: Any) -> Any:
        fault = ""
        if method == "eth_sendRawTransaction" and self.faults:
            fault = self.faults.pop(0)
        elif self.random is not None and self.random.random() < 0.3:
            fault = self.random.choice(["lost before", "lost after"])
            if method == "eth_sendRawTransaction":
                fault = self.random.choice(["lost before", "lost after", "taken and refused"])
        if fault == "lost before":
            raise NodeUnavailable(url=self.url, method=method, why=fault)
        result = super().call(method, *params)
        if fault == "lost after":
            raise NodeUnavailable(url=self.url, method=method, why=fault)
        if fault == "taken and refused":
            raise NodeRefused(method=method, said="internal error")
        return result


def count(chain: LedgerInTests, at: int = 0) -> int:
    return int(chain.rpc.call("eth_getTransactionCount", chain.accounts[at].address, "latest"), 16)


def made(chain: LedgerInTests, sender: Sender, code: bytes, name: str = "make") -> str:
    sender.send(Act(name, None, code), chain.accounts[0].key)
    receipt = sender.outcome(name).receipt
    assert receipt is not None
    return str(receipt["contractAddress"])


def test_the_same_key_sends_once(chain: LedgerInTests, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    act = Act("pay", to, b"\x01")
    first = sender.send(act, chain.accounts[0].key)
    assert sender.send(act, chain.accounts[0].key) == first
    assert Sender(chain.rpc, tmp_path / "out.sqlite").send(act, chain.accounts[0].key) == first
    assert count(chain) == 2
    with pytest.raises(KeyReused):
        sender.send(Act("pay", to, b"\x02"), chain.accounts[0].key)


def test_a_refusal_is_named_before_anything_is_sent(chain: LedgerInTests, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, REVERTS)
    with pytest.raises(Reverted):
        sender.send(Act("refused", to, b""), chain.accounts[0].key)
    assert count(chain) == 1
    with pytest.raises(ActUnknown):
        sender.outcome("refused")


@pytest.mark.parametrize("fault", ["lost before", "lost after"])
def test_an_outcome_that_is_not_known_is_resolved_by_asking(
    chain: LedgerInTests, tmp_path: Path, fault: str
) -> None:
    node = Faulty(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    node.faults = [fault]
    act = Act("pay", to, b"\x01")
    with pytest.raises(NodeUnavailable):
        sender.send(act, chain.accounts[0].key)
    sender = Sender(node, tmp_path / "out.sqlite")
    sender.outcome("pay")
    assert sender.outcome("pay").fate is Fate.DONE
    sender.send(act, chain.accounts[0].key)
    assert count(chain) == 2


def test_an_act_that_the_node_took_while_it_said_it_failed_is_sent(
    chain: LedgerInTests, tmp_path: Path
) -> None:
    node = Faulty(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    node.faults = ["taken and refused"]
    sender.send(Act("pay", to, b"\x01"), chain.accounts[0].key)
    assert sender.outcome("pay").fate is Fate.DONE


@pytest.mark.parametrize("seed", range(8))
def test_over_a_bad_line_and_through_restarts_each_act_is_done_exactly_once(
    chain: LedgerInTests, tmp_path: Path, seed: int
) -> None:
    node = Faulty(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    node.random = random.Random(seed)  # noqa: S311 - a schedule that its seed repeats
    waiting = [Act(f"act-{number}", to, bytes([number])) for number in range(12)]
    while waiting:
        act = node.random.choice(waiting)
        with suppress(NodeUnavailable, NodeRefused):
            sender.send(act, chain.accounts[0].key)
            if sender.outcome(act.key).fate is Fate.DONE:
                waiting.remove(act)
        if node.random.random() < 0.2:
            with suppress(NodeUnavailable):
                sender = Sender(node, tmp_path / "out.sqlite")
    blocks = [chain.rpc.block(number, whole=True) for number in range(chain.rpc.block_number() + 1)]
    inputs = [each["input"] for block in blocks for each in block["transactions"]][1:]
    assert sorted(inputs) == [f"0x{number:02x}" for number in range(12)]


def test_threads_share_a_sender_and_leave_no_hole(chain: LedgerInTests, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    acts = [Act(f"act-{number}", to, bytes([number])) for number in range(24)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(lambda act: sender.send(act, chain.accounts[1].key), acts))
    assert {sender.outcome(act.key).fate for act in acts} == {Fate.DONE}
    assert count(chain, 1) == 24


def test_an_act_whose_nonce_another_took_is_signed_anew_only_when_that_is_final(
    chain: LedgerInTests, tmp_path: Path
) -> None:
    node = Faulty(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    chain.server.methods = Methods(chain.engine, finality_depth=2)
    node.faults = ["lost before"]
    act = Act("pay", to, b"\x01")
    with pytest.raises(NodeUnavailable):
        sender.send(act, chain.accounts[0].key)
    other = Sender(chain.rpc, tmp_path / "other.sqlite")
    other.send(Act("other", to, b"\x02"), chain.accounts[0].key)
    assert sender.outcome("pay").fate is Fate.WAITING
    sender.send(act, chain.accounts[0].key)
    assert count(chain) == 2
    chain.seal(2)
    assert sender.outcome("pay").fate is Fate.DISPLACED
    sender.send(act, chain.accounts[0].key)
    assert sender.outcome("pay").fate is Fate.DONE
    assert count(chain) == 3


def test_a_book_belongs_to_one_chain(chain: LedgerInTests, tmp_path: Path) -> None:
    Sender(chain.rpc, tmp_path / "out.sqlite")
    (tmp_path / "another").mkdir()
    with ledger_in_tests(tmp_path / "another", chain_id=4_711) as another, pytest.raises(BookOfAnotherChain):
        Sender(another.rpc, tmp_path / "out.sqlite")


def test_an_act_that_fails_in_its_block_is_told_from_one_that_waits(
    chain: LedgerInTests, tmp_path: Path
) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, REVERTS)
    sender.send(Act("blind", to, b"", gas=100_000), chain.accounts[0].key)
    assert sender.outcome("blind").fate is Fate.FAILED


def test_each_sender_has_its_own_sequence_without_holes(chain: LedgerInTests, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    for number in range(5):
        for at in (1, 2):
            sender.send(Act(f"{at}-{number}", to, bytes([number])), chain.accounts[at].key)
    assert count(chain, 1) == count(chain, 2) == 5


def test_a_transaction_the_node_will_not_take_leaves_no_hole(chain: LedgerInTests, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    with pytest.raises(NodeRefused):
        sender.send(Act("too much", to, b"", gas=10**9), chain.accounts[0].key)
    sender.send(Act("after", to, b"\x01"), chain.accounts[0].key)
    assert sender.outcome("after").fate is Fate.DONE


def test_a_stuck_act_is_replaced_under_its_own_nonce(chain: LedgerInTests, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    chain.server.holds_back = True
    sender.send(Act("slow", to, b"\x01"), chain.accounts[0].key)
    assert sender.outcome("slow").fate is Fate.WAITING
    dearer = sender.replace("slow", chain.accounts[0].key)
    chain.server.holds_back = False
    chain.seal()
    outcome = sender.outcome("slow")
    assert (outcome.fate, outcome.tx_hash) == (Fate.DONE, dearer)
    assert sender.replace("slow", chain.accounts[0].key) == dearer
    assert count(chain) == 2


def test_only_the_act_that_is_next_is_hastened_and_only_when_it_has_waited(
    chain: LedgerInTests, tmp_path: Path
) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    chain.server.holds_back = True
    for name in ("first", "second"):
        sender.send(Act(name, to, name.encode()), chain.accounts[0].key)
    key = chain.accounts[0].key
    assert not sender.hasten("first", key, after_s=60)
    assert not sender.hasten("second", key, after_s=0)
    assert sender.hasten("first", key, after_s=0)
    chain.seal()
    assert [sender.outcome(name).fate for name in ("first", "second")] == [Fate.DONE, Fate.DONE]
    assert count(chain) == 3

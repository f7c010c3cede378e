"""Acts are sent once, refused by name before they cost anything, and found again after any failure."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from contracts.outgoing import BookOfAnotherChain
from contracts.rpc import NodeRefused, NodeUnavailable, Reverted, Rpc
from contracts.sender import MOST_TIP_WEI, Act, ActUnknown, Fate, KeyReused, Outcome, Sender
from tests.support.ledger import AnyLedger, ledger_in_tests

# Takes any call and stops.
ACCEPTS = bytes.fromhex("6001600c60003960016000f300")
# Reverts with 32 bytes.
REVERTS = bytes.fromhex("600a600c600039600a6000f3") + bytes.fromhex("60aa60005260206000fd")


@pytest.fixture
def chain(either: AnyLedger) -> AnyLedger:
    """All of this holds on the embedded ledger and on a node that is not ours."""
    return either


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


def found(chain: AnyLedger, sender: Sender, key: str) -> Outcome:
    """The outcome, once the node has sealed what it took."""
    chain.quiet()
    return sender.outcome(key)


def count(chain: AnyLedger, at: int = 0) -> int:
    chain.quiet()
    return int(chain.rpc.call("eth_getTransactionCount", chain.accounts[at].address, "latest"), 16)


def made(chain: AnyLedger, sender: Sender, code: bytes, name: str = "make") -> str:
    sender.send(Act(name, None, code), chain.accounts[0].key)
    receipt = found(chain, sender, name).receipt
    assert receipt is not None
    return str(receipt["contractAddress"])


def test_the_same_key_sends_once(chain: AnyLedger, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    act = Act("pay", to, b"\x01")
    first = sender.send(act, chain.accounts[0].key)
    assert sender.send(act, chain.accounts[0].key) == first
    assert Sender(chain.rpc, tmp_path / "out.sqlite").send(act, chain.accounts[0].key) == first
    assert count(chain) == 2
    with pytest.raises(KeyReused):
        sender.send(Act("pay", to, b"\x02"), chain.accounts[0].key)


def test_a_refusal_is_named_before_anything_is_sent(chain: AnyLedger, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, REVERTS)
    with pytest.raises(Reverted):
        sender.send(Act("refused", to, b""), chain.accounts[0].key)
    assert count(chain) == 1
    with pytest.raises(ActUnknown):
        found(chain, sender, "refused")


@pytest.mark.parametrize("fault", ["lost before", "lost after"])
def test_an_outcome_that_is_not_known_is_resolved_by_asking(
    chain: AnyLedger, tmp_path: Path, fault: str
) -> None:
    node = Faulty(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    node.faults = [fault]
    act = Act("pay", to, b"\x01")
    with pytest.raises(NodeUnavailable):
        sender.send(act, chain.accounts[0].key)
    sender = Sender(node, tmp_path / "out.sqlite")
    found(chain, sender, "pay")
    assert found(chain, sender, "pay").fate is Fate.DONE
    sender.send(act, chain.accounts[0].key)
    assert count(chain) == 2


def test_an_act_that_the_node_took_while_it_said_it_failed_is_sent(chain: AnyLedger, tmp_path: Path) -> None:
    node = Faulty(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    node.faults = ["taken and refused"]
    sender.send(Act("pay", to, b"\x01"), chain.accounts[0].key)
    assert found(chain, sender, "pay").fate is Fate.DONE


@pytest.mark.parametrize("seed", range(8))
def test_over_a_bad_line_and_through_restarts_each_act_is_done_exactly_once(
    chain: AnyLedger, tmp_path: Path, seed: int
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
            if found(chain, sender, act.key).fate is Fate.DONE:
                waiting.remove(act)
        if node.random.random() < 0.2:
            with suppress(NodeUnavailable):
                sender = Sender(node, tmp_path / "out.sqlite")
    blocks = [chain.rpc.block(number, whole=True) for number in range(chain.rpc.block_number() + 1)]
    inputs = [each["input"] for block in blocks for each in block["transactions"]][1:]
    assert sorted(inputs) == [f"0x{number:02x}" for number in range(12)]


def test_threads_share_a_sender_and_leave_no_hole(chain: AnyLedger, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    acts = [Act(f"act-{number}", to, bytes([number])) for number in range(24)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(lambda act: sender.send(act, chain.accounts[1].key), acts))
    assert {found(chain, sender, act.key).fate for act in acts} == {Fate.DONE}
    assert count(chain, 1) == 24


def test_an_act_whose_nonce_another_took_is_signed_anew_only_when_that_is_final(
    chain: AnyLedger, tmp_path: Path
) -> None:
    node = Faulty(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    chain.call_final_after(2)
    node.faults = ["lost before"]
    act = Act("pay", to, b"\x01")
    with pytest.raises(NodeUnavailable):
        sender.send(act, chain.accounts[0].key)
    other = Sender(chain.rpc, tmp_path / "other.sqlite")
    other.send(Act("other", to, b"\x02"), chain.accounts[0].key)
    assert found(chain, sender, "pay").fate is Fate.WAITING
    sender.send(act, chain.accounts[0].key)
    assert count(chain) == 2
    chain.seal(2)
    assert found(chain, sender, "pay").fate is Fate.DISPLACED
    sender.send(act, chain.accounts[0].key)
    assert found(chain, sender, "pay").fate is Fate.DONE
    assert count(chain) == 3


def test_a_book_belongs_to_one_chain(chain: AnyLedger, tmp_path: Path) -> None:
    Sender(chain.rpc, tmp_path / "out.sqlite")
    (tmp_path / "another").mkdir()
    with ledger_in_tests(tmp_path / "another", chain_id=4_711) as another, pytest.raises(BookOfAnotherChain):
        Sender(another.rpc, tmp_path / "out.sqlite")


def test_an_act_that_fails_in_its_block_is_told_from_one_that_waits(chain: AnyLedger, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, REVERTS)
    sender.send(Act("blind", to, b"", gas=100_000), chain.accounts[0].key)
    assert found(chain, sender, "blind").fate is Fate.FAILED


def test_each_sender_has_its_own_sequence_without_holes(chain: AnyLedger, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    for number in range(5):
        for at in (1, 2):
            sender.send(Act(f"{at}-{number}", to, bytes([number])), chain.accounts[at].key)
    assert count(chain, 1) == count(chain, 2) == 5


def test_a_transaction_the_node_will_not_take_leaves_no_hole(chain: AnyLedger, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    with pytest.raises(NodeRefused):
        sender.send(Act("too much", to, b"", gas=10**9), chain.accounts[0].key)
    sender.send(Act("after", to, b"\x01"), chain.accounts[0].key)
    assert found(chain, sender, "after").fate is Fate.DONE


def test_a_stuck_act_is_replaced_under_its_own_nonce(chain: AnyLedger, tmp_path: Path) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    chain.hold_back()
    sender.send(Act("slow", to, b"\x01"), chain.accounts[0].key)
    assert found(chain, sender, "slow").fate is Fate.WAITING
    dearer = sender.replace("slow", chain.accounts[0].key)
    chain.let_go()
    chain.seal()
    outcome = found(chain, sender, "slow")
    assert (outcome.fate, outcome.tx_hash) == (Fate.DONE, dearer)
    assert sender.replace("slow", chain.accounts[0].key) == dearer
    assert count(chain) == 2


def test_only_the_act_that_is_next_is_hastened_and_only_when_it_has_waited(
    chain: AnyLedger, tmp_path: Path
) -> None:
    sender = Sender(chain.rpc, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    chain.hold_back()
    for name in ("first", "second"):
        sender.send(Act(name, to, name.encode()), chain.accounts[0].key)
    key = chain.accounts[0].key
    assert not sender.hasten("first", key, after_s=60)
    assert not sender.hasten("second", key, after_s=0)
    assert sender.hasten("first", key, after_s=0)
    chain.seal()
    assert [found(chain, sender, name).fate for name in ("first", "second")] == [Fate.DONE, Fate.DONE]
    assert count(chain) == 3


class Asking(Rpc):
    """A node that would like to have a tip, or knows no tips."""

    tip: int | None = None

    def call(self, method: str, *params: Any) -> Any:
        if method != "eth_maxPriorityFeePerGas":
            return super().call(method, *params)
        if self.tip is None:
            raise NodeRefused(method=method, node_code=-32601, said="Method not found")
        return hex(self.tip)


@pytest.mark.parametrize(
    ("named", "given"), [(None, 0), (0, 0), (7, 7), (MOST_TIP_WEI * 1_000, MOST_TIP_WEI)]
)
def test_the_tip_is_what_the_node_names_and_never_without_bound(
    chain: AnyLedger, tmp_path: Path, named: int | None, given: int
) -> None:
    node = Asking(chain.url)
    node.tip = named
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    tx_hash = found(chain, sender, "make").tx_hash
    sent = chain.rpc.call("eth_getTransactionByHash", "0x" + tx_hash.hex())
    assert int(sent["maxPriorityFeePerGas"], 16) == given
    sender.send(Act("pay", to.lower(), b"\x01"), chain.accounts[0].key)
    assert found(chain, sender, "pay").fate is Fate.DONE

"""Acts are sent once, refused by name before they cost anything, and found again after any failure."""

from pathlib import Path
from typing import Any

import pytest

from contracts.rpc import NodeRefused, NodeUnavailable, Reverted, Rpc
from contracts.sender import Act, ActUnknown, Fate, KeyReused, Sender
from tests.support.ledger import LedgerInTests

# Takes any call and stops.
ACCEPTS = bytes.fromhex("6001600c60003960016000f300")
# Reverts with 32 bytes.
REVERTS = bytes.fromhex("600a600c600039600a6000f3") + bytes.fromhex("60aa60005260206000fd")


class Interrupted(Rpc):
    """A node that takes a transaction and whose answer is lost on the way."""

    lose_next = False

    def call(self, method: str, *params: Any) -> Any:
        result = super().call(method, *params)
        if method == "eth_sendRawTransaction" and self.lose_next:
            self.lose_next = False
            raise NodeUnavailable(url=self.url, method=method, why="the answer was lost")
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


def test_an_answer_lost_on_the_way_is_resolved_by_asking(chain: LedgerInTests, tmp_path: Path) -> None:
    node = Interrupted(chain.url)
    sender = Sender(node, tmp_path / "out.sqlite")
    to = made(chain, sender, ACCEPTS)
    node.lose_next = True
    act = Act("pay", to, b"\x01")
    with pytest.raises(NodeUnavailable):
        sender.send(act, chain.accounts[0].key)
    assert sender.outcome("pay").fate is Fate.DONE
    sender.send(act, chain.accounts[0].key)
    assert count(chain) == 2


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
    assert count(chain) == 2

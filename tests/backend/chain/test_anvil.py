"""The outside node of the tests is a process of its own that may be killed and goes on from what it kept."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.rpc import Rpc
from tests.support.anvil import AnvilInTests, AnvilProcess, anvil_in_tests

DEADLINE_S = 30.0


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[AnvilInTests]:
    """A node with a block a second that writes its state down every second."""
    with anvil_in_tests(AnvilProcess(slots=4, block_time_s=1, state=tmp_path / "anvil.json")) as ledger:
        yield ledger


def reach(rpc: Rpc, number: int) -> None:
    until = time.monotonic() + DEADLINE_S
    while rpc.block_number() < number:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_killed_node_goes_on_from_its_last_whole_dump_and_loses_at_most_what_came_after(
    kept: AnvilInTests,
) -> None:
    rpc = kept.rpc
    reach(rpc, 3)
    until = time.monotonic() + DEADLINE_S
    while not kept.process.keep_dump():
        assert time.monotonic() < until
        time.sleep(0.05)
    hashes = [rpc.block(number)["hash"] for number in range(2)]
    balance = rpc.call("eth_getBalance", kept.accounts[0].address, "latest")
    newest = rpc.block_number()
    kept.process.kill()
    kept.process.start()
    after = rpc.block_number()
    assert newest - 8 < after
    assert [rpc.block(number)["hash"] for number in range(2)] == hashes
    assert rpc.call("eth_getBalance", kept.accounts[0].address, "latest") == balance
    reach(rpc, newest + 1)


def test_a_killed_node_is_gone_and_leaves_no_child(kept: AnvilInTests) -> None:
    port = kept.process.port
    kept.process.kill()
    again = AnvilProcess(port=port)
    again.start()  # on the port that nobody holds any more
    assert Rpc(again.url).block_number() == 0
    again.kill()

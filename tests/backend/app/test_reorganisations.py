"""No money moves on a pledge that the ledger takes back; on a node that is not ours, at any depth."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.chain.fetching import Fetcher, Header
from backend.chain.follower import Follower
from backend.chain.rules import ReorganisedBelowFinality
from tests.support.reorganising import Broken, Schedule, run_schedules
from tests.support.reorganising_ground import DEPTH, Ground, bank_on, ground_in

PARTS = 8
"""In how many tests the schedules are lived, so that none outlasts a test's time."""
FEW = 20


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    (tmp_path / "ground").mkdir()
    with ground_in(tmp_path / "ground") as ground:
        yield ground


@pytest.mark.parametrize("part", range(PARTS))
def test_no_payment_is_written_on_a_pledge_that_was_taken_back_and_a_replay_finds_the_same(
    tmp_path: Path, request: pytest.FixtureRequest, part: int
) -> None:
    count = int(request.config.getoption("--schedules"))
    seeds = range(part, count, PARTS)
    paid, taken_back = run_schedules(seeds, tmp_path)
    assert taken_back >= len(seeds)
    assert len(seeds) < FEW or 0 < paid < len(seeds)  # both ends of the story are among many


def test_a_follower_that_takes_the_newest_block_for_a_final_one_is_found_out(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Fetcher.heads

    def hasty(fetcher: Fetcher) -> tuple[Header, Header]:
        _, newest = honest(fetcher)
        return newest, newest

    monkeypatch.setattr(Fetcher, "heads", hasty)
    found = []
    for seed in range(12):
        (tmp_path / str(seed)).mkdir()
        try:
            Schedule(ground, seed, tmp_path / str(seed)).run()
        except Broken as broken:
            found.append(str(broken))
    assert len(found) > 6
    assert any("paid on pledge" in each for each in found)
    assert any("stopped although" in each for each in found)


@pytest.mark.parametrize("how", ["anvil_reorg", "evm_revert"])
def test_a_node_that_takes_back_what_it_called_final_stops_the_bank(
    ground: Ground, tmp_path: Path, how: str
) -> None:
    ground.go_back()
    rpc = ground.node.rpc
    bank, projectors = bank_on(ground, tmp_path, "begun.sqlite")
    follower = Follower(rpc, bank.engine, ground.followed, projectors)
    ground.node.seal()
    before = rpc.call("evm_snapshot")
    ground.life.request({"coil-9": 1})
    ground.node.seal(DEPTH)
    follower.catch_up()
    if how == "anvil_reorg":
        rpc.call("anvil_reorg", DEPTH + 1, [])
    else:
        assert rpc.call("evm_revert", before)
        ground.node.seal(DEPTH + 1)
    with pytest.raises(ReorganisedBelowFinality):
        follower.catch_up()
    bank.engine.dispose()

"""What the benches measure is the whole of it."""

from pathlib import Path

from backend.chain.follower_bench import follower


def test_the_follower_is_measured_on_every_event_that_was_said(tmp_path: Path) -> None:
    figures = follower(runs=1, folder=tmp_path / "bench", databases={})
    assert figures["events"]["value"] == 500
    assert figures["missed_on_sqlite"]["holds"]
    assert figures["catch_up_on_sqlite"]["value"] > 0

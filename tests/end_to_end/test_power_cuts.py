"""The story goes on through power cuts: nothing is lost, nothing is doubled."""

import random
from pathlib import Path

import pytest
from rich.console import Console

from backend.story.narrator import Narrator
from backend.story.stage import GateView, stage
from tests.support.killing import PowerCuts

CUTS = 10
SEED = 20_260


@pytest.mark.timeout(900)
def test_the_story_goes_on_when_all_of_it_is_killed_at_ten_random_steps(tmp_path: Path) -> None:
    with (
        (tmp_path / "told.txt").open("w", encoding="utf-8") as told,
        stage(tmp_path / "demo", GateView(), Narrator(console=Console(file=told))) as story,
    ):
        cuts = PowerCuts(story, SEED, tmp_path)
        steps = story.steps()
        dark = set(random.Random(SEED).sample(range(len(steps)), CUTS))  # noqa: S311 - to be repeated
        for number, step in enumerate(steps):
            if number in dark:
                cuts.during(step)
            else:
                step()
        story.prove(tmp_path / "bundle.zip")
        cuts.ask()
    assert len(cuts.cuts) == CUTS
    assert cuts.broken == []

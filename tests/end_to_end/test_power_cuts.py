"""The story goes on through power cuts: nothing is lost, nothing is doubled."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from backend.story.lending import MAKER
from backend.story.narrator import Narrator
from backend.story.parts import Embedded, Parts
from backend.story.play import Story
from backend.story.stage import GateView, stage
from backend.story.world import BORROWER, KEEPER
from tests.support.killing import OUTSIDE, PowerCuts
from tests.support.outside import cuts_of, outside_parts
from tests.support.postgres import Postgres

CUTS = 10
SEED = 20_260
ASK_EVERY_S = 0.05


@contextmanager
def staged(folder: Path, parts: Parts) -> Iterator[Story]:
    """A story that is about to be told on those parts."""
    with (
        (folder / "told.txt").open("w", encoding="utf-8") as told,
        stage(folder / "demo", GateView(), Narrator(console=Console(file=told)), parts) as story,
    ):
        yield story


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[PowerCuts]:
    with staged(tmp_path, Embedded()) as story:
        yield PowerCuts(story, SEED, tmp_path)


@pytest.fixture
def outside(tmp_path: Path, own_postgres: Postgres) -> Iterator[PowerCuts]:
    with outside_parts(own_postgres) as parts, staged(tmp_path, parts) as story:
        yield PowerCuts(story, SEED + 2, tmp_path, OUTSIDE, cuts_of(parts))


@pytest.fixture(params=["embedded", "outside"])
def cuts(request: pytest.FixtureRequest) -> PowerCuts:
    """The cuts of a story on each column."""
    prepared: PowerCuts = request.getfixturevalue(request.param)
    return prepared


@pytest.mark.timeout(1800)
def test_the_story_goes_on_when_all_of_it_is_killed_at_ten_random_steps(
    embedded: PowerCuts, tmp_path: Path
) -> None:
    cuts, story = embedded, embedded.story
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


@pytest.mark.timeout(1800)
def test_the_story_goes_on_when_each_process_is_killed_alone_under_load(
    cuts: PowerCuts, tmp_path: Path
) -> None:
    story = cuts.story
    steps = story.steps()
    order = random.Random(SEED + 1)  # noqa: S311 - to be repeated
    dark = dict(zip(order.sample(range(len(steps)), len(cuts.parts)), cuts.parts, strict=True))
    with load(story) as answered:
        for number, step in enumerate(steps):
            if number in dark:
                cuts.during(step, dark[number])
            else:
                step()
    story.prove(tmp_path / "bundle.zip")
    cuts.ask()
    assert sorted(cuts.cuts) == sorted(cuts.parts)
    assert cuts.broken == []
    assert answered() > 0


@contextmanager
def load(story: Story) -> Iterator[Callable[[], int]]:
    """Several people who read all the time meanwhile; how many of their questions were answered."""
    ending, answers = threading.Event(), [0, 0, 0]

    def read(place: int, person: str, path: str) -> None:
        while not ending.wait(ASK_EVERY_S):
            story.office.at(person).get(path)
            answers[place] += 1

    asked = [(MAKER, "/v1/loans"), (BORROWER, "/v1/receipts"), (KEEPER, "/v1/receipts")]
    threads = [threading.Thread(target=read, args=(place, *each)) for place, each in enumerate(asked)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(answers)
    finally:
        ending.set()
        for thread in threads:
            thread.join()

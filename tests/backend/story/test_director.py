"""The demonstration event by event: wishes from pages and the terminal, stops, and new beginnings."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from backend.app.api_serving import listen
from backend.console.demonstration import EVENTS, Phase, Playing, Wanted, Wish
from backend.errors import WrongState
from backend.story.director import PAGES, Director, Scene, people_of_the_story
from backend.story.front import Front
from backend.story.narrator import Narrator
from backend.story.play import Story
from contracts.loopback import HOST, free_port

PATIENCE_S = 10


class Enough(WrongState):
    """Ends a demonstration in a test."""

    code = "test.enough"


class Broken(WrongState):
    """What an event of a test meets."""

    code = "test.broken"


@dataclass
class Theatre:
    """A demonstration whose events only write down that they happened; two beginnings, then it ends."""

    folder: Path
    happened: list[str] = field(default_factory=list)
    alive: bool = True
    beginnings: int = 0
    front: Front = field(init=False)
    director: Director = field(init=False)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.front = Front(free_port(), self.folder)
        narrator = Narrator(console=Console(quiet=True))
        self.director = Director(self.front, self._setting, narrator)
        self.thread = threading.Thread(target=self._play, daemon=True)
        self.thread.start()

    def until(self, holds: Callable[[Playing], bool]) -> Playing:
        """What is shown, as soon as it is so."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            playing = self.front.demonstration.playing()
            if playing is not None and holds(playing):
                return playing
            time.sleep(0.01)
        raise AssertionError(self.director.playing)

    def wish(self, what: Wanted, *, run: str = "", played: int | None = None) -> None:
        """What a page asks, of the story as it stands where nothing else is said."""
        now = self.director.playing
        self.front.demonstration.wish(
            Wish(what=what, run=run or now.run, played=now.played if played is None else played)
        )

    def _play(self) -> None:
        with pytest.raises(Enough):
            self.director.direct(opened=lambda _: None)

    @contextmanager
    def _setting(self) -> Iterator[Scene]:
        self.beginnings += 1
        if self.beginnings > 2:
            raise Enough
        self.front.give_way()
        acts = [lambda event=event: self._happen(event) for event in EVENTS]
        yield Scene(
            acts=acts,
            people=people_of_the_story(),
            require_alive=self._require_alive,
            page_of=lambda event: f"/{event}",
        )

    def _happen(self, event: str) -> None:
        if event == EVENTS[2] and self.beginnings == 1:
            raise Broken
        self.director.narrator.proved(f"{event} is over")
        self.happened.append(event)

    def _require_alive(self) -> None:
        if not self.alive:
            raise Broken


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    theatre = Theatre(tmp_path / "demonstration")
    theatre.until(lambda playing: playing.phase is Phase.READY)
    yield theatre
    while theatre.thread.is_alive():
        theatre.wish(Wanted.RESET)
        theatre.thread.join(0.3)


def test_the_events_are_the_steps_of_the_story_and_its_proof() -> None:
    story = Story.__new__(Story)
    assert [*(step.__name__ for step in story.steps()), "the_bundle_is_verified"] == list(EVENTS)
    assert set(PAGES) <= set(EVENTS)


def test_a_wish_from_a_page_plays_one_event_and_shows_what_it_proved(theatre: Theatre) -> None:
    theatre.wish(Wanted.NEXT)
    shown = theatre.until(lambda playing: playing.played == 1)
    assert (shown.phase, shown.last, shown.next) == (Phase.READY, EVENTS[0], EVENTS[1])
    assert [each.sentence for each in shown.said] == [f"{EVENTS[0]} is over"]
    assert shown.look == f"/{EVENTS[0]}"


def test_a_wish_that_was_made_twice_or_before_another_beginning_has_no_second_effect(
    theatre: Theatre,
) -> None:
    theatre.wish(Wanted.NEXT)
    theatre.until(lambda playing: playing.played == 1)
    theatre.wish(Wanted.NEXT, played=0)
    theatre.until(lambda _: not (theatre.front.folder / "wish.json").exists())
    theatre.wish(Wanted.NEXT, run="another")
    theatre.until(lambda _: not (theatre.front.folder / "wish.json").exists())
    theatre.director.typed.put("\n")
    theatre.until(lambda playing: playing.played == 2)
    assert theatre.happened == [*EVENTS[:2]]


def test_an_event_that_does_not_come_true_says_why_and_only_a_new_beginning_helps(theatre: Theatre) -> None:
    for number in range(2):
        theatre.wish(Wanted.NEXT)
        theatre.until(lambda playing, number=number: playing.played == number + 1)  # type: ignore[misc]
    theatre.wish(Wanted.NEXT)
    stopped = theatre.until(lambda playing: playing.phase is Phase.STOPPED)
    assert (stopped.refusal, stopped.why) == (Broken.code, "What an event of a test meets.")
    theatre.wish(Wanted.NEXT)
    theatre.until(lambda _: not (theatre.front.folder / "wish.json").exists())
    theatre.wish(Wanted.RESET)
    anew = theatre.until(lambda playing: playing.run != stopped.run and playing.phase is Phase.READY)
    assert (anew.played, anew.refusal) == (0, "")
    assert theatre.happened == [*EVENTS[:2]]


def test_a_part_that_stops_between_events_is_told(theatre: Theatre) -> None:
    theatre.alive = False
    assert theatre.until(lambda playing: playing.phase is Phase.STOPPED).refusal == Broken.code


def test_the_told_story_ends_with_its_proof(theatre: Theatre) -> None:
    theatre.wish(Wanted.RESET)
    theatre.until(lambda playing: playing.phase is Phase.READY and theatre.beginnings == 2)
    for number in range(len(EVENTS)):
        theatre.wish(Wanted.NEXT)
        theatre.until(lambda playing, number=number: playing.played == number + 1)  # type: ignore[misc]
    assert theatre.until(lambda playing: playing.phase is Phase.TOLD).next == ""
    assert theatre.happened == list(EVENTS)


def test_the_door_is_held_until_the_console_takes_it(tmp_path: Path) -> None:
    front = Front(free_port(), tmp_path)
    front.demonstration.show(Playing(run="r", phase=Phase.SETTING))
    front.open()
    with httpx.Client(base_url=front.url, trust_env=False) as browser:
        page = browser.get("/loans/L-1", headers={"Accept-Language": "en"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "1")
        assert "The stage is being set" in page.text
        assert "unsafe" not in page.headers["content-security-policy"]
        sheet = page.text.split('<link rel="stylesheet" href="')[1].split('"')[0]
        assert browser.get(sheet).status_code == 200
    front.give_way()
    listen(HOST, front.port).close()

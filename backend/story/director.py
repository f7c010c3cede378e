"""Has the story happen event by event: asked for at the terminal or on any page of the console.

1. The stage is set; the console's address says so meanwhile, and stays the same from then on.
2. Each wish for the next event plays one; what was shown is told to the terminal and to every page.
3. A wish for a new beginning ends every part, empties the folder and starts again at 1.
"""

import os
import queue
import secrets
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from backend.console.demonstration import Phase, Playing, Said, Somebody, Wanted, Wish
from backend.console.words import Language, Words, words_for
from backend.errors import TallystickError
from backend.story.front import Front
from backend.story.lending import LOAN
from backend.story.narrator import Narrator
from backend.story.play import Story
from backend.story.stage import GateView, stage
from backend.story.world import KINDS, PEOPLE
from contracts.errors import LedgerError

LOOK_EVERY_S: Final = 0.1
PARTS_ASKED_EVERY_S: Final = 2.0
ANEW: Final = "r"
"""What is typed before Enter to begin anew."""
PAGES: Final = {
    "coils_enter": "/notices",
    "a_receipt_is_issued": "/receipts/{receipt}",
    "a_coil_leaves_at_night": "/alerts",
    "the_bundle_is_verified": "/loans/{loan}",
}
"""Event → the page that shows it best; the loan's where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A stage that is set: what can happen on it, and who is there."""

    acts: Sequence[Callable[[], None]]
    """One for each of the events, in their order."""
    people: tuple[Somebody, ...]
    require_alive: Callable[[], None]
    """Refuses where a part has stopped."""
    page_of: Callable[[str], str]
    """The page that shows an event best once it is over."""


@dataclass
class Director:
    """One demonstration; `typed` holds the lines of who sits at the terminal.

    Attributes:
        setting: sets the stage; what it yields is played on, and ended with the block.
    """

    front: Front
    setting: Callable[[], AbstractContextManager[Scene]]
    narrator: Narrator = field(default_factory=Narrator)
    typed: "queue.Queue[str]" = field(default_factory=queue.Queue)
    playing: Playing = field(default_factory=lambda: Playing(run="", phase=Phase.SETTING))

    def direct(self, *, opened: Callable[[str], None]) -> None:
        """Play until interrupted; `opened` is told the console's address whenever its door is held.

        Raises:
            TallystickError: the stage could not be set.
        """
        self.narrator.heard = self._hear
        while True:
            self._show(Playing(run=secrets.token_hex(8), phase=Phase.SETTING))
            self.narrator.begin()
            self.front.open()
            opened(self.front.url)
            try:
                with self.setting() as scene:
                    self._play_until_anew(scene)
            finally:
                self.front.give_way()

    def _play_until_anew(self, scene: Scene) -> None:
        self._becomes(phase=Phase.READY, people=scene.people, said=())
        self.narrator.note(f"The console is at {self.front.url} - come in as anybody by one click.")
        while True:
            wish = self._wish(scene)
            if wish.what is Wanted.RESET:
                self.narrator.note("Everything is ended, to begin anew.")
                self._becomes(phase=Phase.ENDING, said=())
                return
            if self.playing.phase is Phase.READY:
                self._happen(scene)

    def _happen(self, scene: Scene) -> None:
        """The next event; one that does not come true stops the story, and the pages say why."""
        self._becomes(phase=Phase.PLAYING, said=())
        event = self.playing.next
        try:
            scene.acts[self.playing.played]()
        except (TallystickError, LedgerError) as refusal:
            self._stop(refusal)
            return
        played = self.playing.played + 1
        told = played == len(self.playing.events)
        self._becomes(phase=Phase.TOLD if told else Phase.READY, played=played, look=scene.page_of(event))
        if told:
            self.narrator.end()

    def _wish(self, scene: Scene) -> Wish:
        """The next wish that was made for the story as it stands; a part that stops is noticed meanwhile."""
        self._ask()
        while not self.typed.empty():  # typed while the last event was happening
            self.typed.get_nowait()
        asked = time.monotonic()
        while True:
            wish = self.front.demonstration.take_wish() or self._typed()
            if wish is not None and (wish.run, wish.played) == (self.playing.run, self.playing.played):
                return wish
            if time.monotonic() - asked > PARTS_ASKED_EVERY_S and self.playing.phase is not Phase.STOPPED:
                asked = time.monotonic()
                try:
                    scene.require_alive()
                except TallystickError as refusal:
                    self._stop(refusal)
            time.sleep(LOOK_EVERY_S)

    def _typed(self) -> Wish | None:
        try:
            line = self.typed.get_nowait().strip().lower()
        except queue.Empty:
            return None
        what = Wanted.RESET if line == ANEW else Wanted.NEXT
        return Wish(what=what, run=self.playing.run, played=self.playing.played)

    def _ask(self) -> None:
        """Say at the terminal what Enter does."""
        if self.playing.phase is Phase.READY:
            words: Words = words_for(self.front.zone)[Language.ENGLISH]
            coming = words.code("story event", self.playing.next)
            sentence = f"Enter: {coming} · {ANEW} Enter: begin anew · Ctrl-C: end"
        else:
            sentence = f"{ANEW} Enter: begin anew · Ctrl-C: end"
        self.narrator.console.print(f"\n    [cyan]{sentence}[/cyan]")

    def _stop(self, refusal: TallystickError | LedgerError) -> None:
        why = (type(refusal).__doc__ or "").strip().splitlines()[0]
        self.narrator.alarm(str(refusal))
        self._becomes(phase=Phase.STOPPED, refusal=refusal.code, why=why)

    def _hear(self, tone: str, sentence: str) -> None:
        fresh = () if tone == "step" else (Said(tone=tone, sentence=sentence),)
        self._becomes(said=(*self.playing.said, *fresh))

    def _becomes(self, **changed: object) -> None:
        self._show(self.playing.model_copy(update=changed))

    def _show(self, playing: Playing) -> None:
        self.playing = playing
        self.front.demonstration.show(playing)


@contextmanager
def scene_in(folder: Path, view: GateView, narrator: Narrator, front: Front) -> Iterator[Scene]:
    """The story's own stage, set in `folder`, which is emptied first."""
    with stage(folder, view, narrator, front=front) as story:
        yield Scene(
            acts=(*story.steps(), partial(story.prove, folder / "bundle.zip")),
            people=people_of_the_story(),
            require_alive=story.office.processes.require_alive,
            page_of=partial(page_of, story),
        )


def page_of(story: Story, event: str) -> str:
    """The page that shows an event of the story best."""
    return PAGES.get(event, "/loans/{loan}").format(loan=LOAN, receipt=story.receipt)


def people_of_the_story() -> tuple[Somebody, ...]:
    """Whom readers may come in as, with what their organisation is."""
    return tuple(
        Somebody(id=name, kind=KINDS.get(party, "bank"), roles=roles)
        for party, people in PEOPLE.items()
        for name, roles in people.items()
    )


def lines_typed() -> "queue.Queue[str]":
    """The lines of the terminal as they are typed; nothing ever comes where there is none."""
    typed: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            typed.put(line)

    threading.Thread(target=read, name="terminal", daemon=True).start()
    return typed


def show_in_browser(url: str) -> bool:
    """Open a window of the person's browser, where there is a screen; whether one was opened."""
    has_screen = sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))
    try:
        return has_screen and webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False

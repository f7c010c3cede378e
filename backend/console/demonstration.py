"""What a demonstration shows of itself on every page, and what its readers ask of it.

The story's process and the API speak through two small files in a folder of the demonstration: one shows, the
other asks. Where the settings name no such folder, or the browser calls from elsewhere, there is nothing.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from backend.console.session import is_loopback

EVENTS: Final = (
    "coils_enter",
    "a_receipt_is_issued",
    "a_loan_is_agreed",
    "the_receipt_is_pledged",
    "the_loan_is_paid_out",
    "the_price_falls",
    "a_part_is_repaid",
    "a_release_is_ordered",
    "a_coil_leaves_in_order",
    "a_coil_leaves_at_night",
    "the_loan_is_repaid",
    "the_loan_is_closed",
    "the_bundle_is_verified",
)
"""What happens in the story; codes of the contexts `story event` (before it) and `story told` (after it)."""
M = TypeVar("M", bound=BaseModel)


class Phase(StrEnum):
    """`STOPPED`: an event did not come true; only a new beginning helps. `ENDING`: on the way to that."""

    SETTING = "setting"
    READY = "ready"
    PLAYING = "playing"
    STOPPED = "stopped"
    TOLD = "told"
    ENDING = "ending"


class Somebody(BaseModel):
    """One of the story's people, whom readers may come in as."""

    model_config = ConfigDict(frozen=True)
    id: str
    kind: str
    roles: tuple[str, ...]


class Said(BaseModel):
    """A sentence of the story in English; `tone` is proved, refused, alarm or note."""

    model_config = ConfigDict(frozen=True)
    tone: str
    sentence: str


class Playing(BaseModel):
    """How far the story is: `run` changes with each new beginning, `said` belongs to the newest event."""

    model_config = ConfigDict(frozen=True)
    run: str
    phase: Phase
    events: tuple[str, ...] = EVENTS
    played: int = 0
    said: tuple[Said, ...] = ()
    people: tuple[Somebody, ...] = ()
    look: str = ""
    """Path of the page that shows best what just happened."""
    refusal: str = ""
    why: str = ""

    @property
    def last(self) -> str:
        """The newest event that is over; empty before the first."""
        return self.events[self.played - 1] if self.played else ""

    @property
    def next(self) -> str:
        """The event that comes, or is happening; empty after the last."""
        return self.events[self.played] if self.played < len(self.events) else ""


class Wanted(StrEnum):
    """What a reader may ask of a demonstration."""

    NEXT = "next"
    RESET = "reset"


class Wish(BaseModel):
    """One reader's wish, made where the story stood then: sent twice, it has one effect."""

    model_config = ConfigDict(frozen=True)
    what: Wanted
    run: str
    played: int = 0


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The folder in which the two processes speak; None where there is no demonstration."""

    folder: Path | None

    def playing(self) -> Playing | None:
        """How far the story is; None where nobody tells one, or not yet."""
        return None if self.folder is None else _read(self.folder / "playing.json", Playing)

    def show(self, playing: Playing) -> None:
        """Have the pages show it; the story's process alone does."""
        for folder in self._folder():
            _write(folder / "playing.json", playing)

    def wish(self, wish: Wish) -> None:
        """Ask; a wish that was not taken yet gives way to this one."""
        for folder in self._folder():
            _write(folder / "wish.json", wish)

    def take_wish(self) -> Wish | None:
        """What was asked since the last time, if anything; the story's process alone takes it."""
        for folder in self._folder():
            taken = folder / "wish.taken"
            with suppress(FileNotFoundError):
                (folder / "wish.json").replace(taken)  # one that is asked right now is not lost
                return _read(taken, Wish)
        return None

    def _folder(self) -> Iterator[Path]:
        if self.folder is not None:
            yield self.folder


def demonstration_before(request: Request) -> Demonstration:
    """The demonstration that a reader sits before: none for who comes from elsewhere."""
    if not is_loopback(request):
        return Demonstration(None)
    found: Demonstration = request.app.state.ports.of(Demonstration)
    return found


def _read(path: Path, model: type[M]) -> M | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _write(path: Path, content: BaseModel) -> None:
    """Put it there whole or not at all; a folder that is being emptied takes nothing."""
    with suppress(FileNotFoundError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(content.model_dump_json(), encoding="utf-8")
        fresh.replace(path)

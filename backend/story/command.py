"""Tells the story: sets the stage, plays, proves, and says where each part wrote what."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from backend.errors import TallystickError
from backend.story.director import Director, lines_typed, scene_in, show_in_browser
from backend.story.front import Front
from backend.story.narrator import Narrator
from backend.story.stage import GateView, stage
from contracts.errors import LedgerError
from contracts.loopback import free_port

INTERRUPTED: Final = 130
"""Exit code of a story that was ended before its end, as shells have it."""


def tell(folder: Path, view: GateView) -> None:
    """Play the story in `folder`, which is emptied first, to its end.

    Raises:
        SystemExit: something did not come true; its name is printed, and where the logs are.
    """
    narrator = Narrator()
    with _ended_in_order(folder, narrator), stage(folder, view, narrator) as story:
        story.play()
        story.prove(folder / "bundle.zip")
        narrator.end()


def direct(folder: Path, view: GateView) -> None:
    """Play the story in `folder` event by event, each when somebody asks for it, until interrupted.

    Raises:
        SystemExit: the stage could not be set, or it was interrupted.
    """
    front, narrator = Front(free_port(), folder / "demonstration"), Narrator()
    director = Director(front, lambda: scene_in(folder, view, narrator, front), narrator, lines_typed())
    shown: list[str] = []

    def opened(url: str) -> None:
        if not shown:
            narrator.note(f"The console: {url}")
            show_in_browser(url)
        shown.append(url)

    with _ended_in_order(folder, narrator):
        director.direct(opened=opened)


@contextmanager
def _ended_in_order(folder: Path, narrator: Narrator) -> Iterator[None]:
    """Either way every part is ended in order; what went wrong is said."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        narrator.note("Ended.")
        raise SystemExit(0 if narrator.ended else INTERRUPTED) from None
    except (TallystickError, LedgerError) as refusal:
        narrator.alarm(str(refusal))
        narrator.note(f"What each part wrote is in {folder / 'logs'}.")
        raise SystemExit(1) from refusal

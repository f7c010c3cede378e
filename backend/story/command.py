"""Tells the story: sets the stage, plays, proves, and says where each part wrote what."""

import signal
from pathlib import Path

from backend.errors import TallystickError
from backend.story.narrator import Narrator
from backend.story.stage import GateView, stage
from contracts.errors import LedgerError


def tell(folder: Path, view: GateView, *, stay: bool) -> None:
    """Play the story in `folder`, which is emptied first; with `stay` all of it stays up until interrupted.

    Raises:
        SystemExit: something did not come true; its name is printed, and where the logs are.
    """
    narrator = Narrator()
    try:
        with stage(folder, view, narrator) as story:
            story.play()
            story.prove(folder / "bundle.zip")
            narrator.end()
            if stay:
                narrator.note("Everything is still running; press Ctrl-C to end it.")
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except (TallystickError, LedgerError) as refusal:
        narrator.alarm(str(refusal))
        narrator.note(f"What each part wrote is in {folder / 'logs'}.")
        raise SystemExit(1) from refusal

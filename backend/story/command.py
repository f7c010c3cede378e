"""Tells the story: sets the stage, plays, proves, and says where each part wrote what."""

import signal
from pathlib import Path
from typing import Final

from backend.errors import TallystickError
from backend.story.narrator import Narrator
from backend.story.stage import GateView, stage
from contracts.errors import LedgerError

INTERRUPTED: Final = 130
"""Exit code of a story that was ended before its end, as shells have it."""


def tell(folder: Path, view: GateView, *, stay: bool) -> None:
    """Play the story in `folder`, which is emptied first; with `stay` all of it stays up until interrupted.

    Raises:
        SystemExit: something did not come true; its name is printed, and where the logs are.
    """
    narrator = Narrator()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # either way every part is ended in order
    try:
        with stage(folder, view, narrator) as story:
            story.play()
            story.prove(folder / "bundle.zip")
            narrator.end()
            if stay:
                narrator.note("Everything is still running; press Ctrl-C to end it.")
                signal.pause()
    except KeyboardInterrupt:
        narrator.note("Ended.")
        raise SystemExit(0 if narrator.ended else INTERRUPTED) from None
    except (TallystickError, LedgerError) as refusal:
        narrator.alarm(str(refusal))
        narrator.note(f"What each part wrote is in {folder / 'logs'}.")
        raise SystemExit(1) from refusal

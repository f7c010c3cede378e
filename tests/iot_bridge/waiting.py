"""Waiting for what another thread will do, without guessing how long it takes."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    """Return as soon as `holds` does; fail when it does not in time."""
    ends_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < ends_s, "it did not come true in time"
        threading_rest(0.01)


def threading_rest(seconds: float) -> None:
    """Let other threads work."""
    time.sleep(seconds)

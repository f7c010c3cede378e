"""A thread of the bridge that can be woken and ended, and whose failure is seen: nothing dies in silence."""

import threading
from collections.abc import Callable
from typing import Final

import structlog

log: Final = structlog.get_logger("worker")


class Worker:
    """Runs `work` once in a thread; `work` loops while `goes_on`, and rests in `pause`."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name: Final = name
        self._work = work
        self._awake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.failure: BaseException | None = None
        """What ended the work before it was told to end."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self.end()
        if self._thread.ident is not None:
            self._thread.join()

    def end(self) -> None:
        """Tell the work to end, without waiting."""
        self._ended.set()
        self._awake.set()

    def wake(self) -> None:
        """End the pause that is, or the next one."""
        self._awake.set()

    def goes_on(self) -> bool:
        """Whether the work was not told to end."""
        return not self._ended.is_set()

    def pause(self, seconds: float) -> None:
        """Rest until woken, told to end, or so long."""
        self._awake.wait(seconds)
        self._awake.clear()

    def is_alive(self) -> bool:
        """Whether the work is under way."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - kept in `failure`, which ends the program
            self.failure = error
            log.critical("part_failed", part=self.name, why=f"{type(error).__name__}: {error}")

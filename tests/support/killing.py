"""Power cuts for a running story: parts are killed at random moments and started again on what they left.

What is before the lens and on the scale goes on existing, so a cut waits until what has moved has been seen:
a crossing that no camera watched is a gap, which has tests of its own.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from backend.story.play import Story
from iot_bridge.evidence.statement import parse_entry
from tests.support.invariants import broken_promises

EMBEDDED: Final = ("ledger", "broker", "bank", "api", "bridge", "scale")
"""The parts of a system in the order in which they start."""
OUTSIDE: Final = ("database", "broker", "bank", "api", "bridge", "scale")
"""The same where the parts are not ours; an anvil forgets what came after its last dump, so it stays up."""
SILENT: Final = frozenset({"ledger", "scale"})
"""What says nothing when it is ready, or has been waited for already."""
SEEN_WITHIN_S: Final = 20
READY_WITHIN_S: Final = 90
LONGEST_WAIT_S: Final = 4.0


class Killable(Protocol):
    """A part that can be ended as a power cut would end it, and started on what it left."""

    def kill(self) -> None:
        """End it at once."""

    def start_again(self) -> None:
        """Start it as it was started first; one that is not ours is ready when this returns."""


@dataclass
class PowerCuts:
    """Cuts the power of parts of one story, and asks after each cut whether every promise still holds.

    Attributes:
        parts: the names of all that may be cut, in the order in which they start.
        others: those of the parts that the story did not start itself.
    """

    story: Story
    seed: int
    scratch: Path
    parts: tuple[str, ...] = EMBEDDED
    others: Mapping[str, Killable] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a schedule to repeat, no secret

    def during(self, step: Callable[[], None], *names: str) -> None:
        """Take a step of the story, and at a random moment after its begin cut the power of those parts."""
        failure: list[BaseException] = []

        def cut() -> None:
            time.sleep(self._random.uniform(0, LONGEST_WAIT_S))
            try:
                self.cut(*names)
            except BaseException as error:  # noqa: BLE001 - told by the test's own thread
                failure.append(error)

        cutting = threading.Thread(target=cut)
        cutting.start()
        try:
            step()
        finally:
            cutting.join()
        if failure:
            raise failure[0]

    def cut(self, *names: str) -> None:
        """Kill those parts at once and start them again; then ask what no longer holds."""
        dark = [name for name in self.parts if name in (names or self.parts)]
        with self.story.gate.moving:
            self._wait_until_seen()
            for name in dark:
                self._part(name).kill()
            for name in dark:
                self._part(name).start_again()
                if name == "ledger":
                    self._wait_until_ready(name)
            for name in dark:
                if name not in SILENT and name not in self.others:
                    self._wait_until_ready(name)
        self.cuts.append("+".join(dark))
        self.ask()

    def ask(self) -> None:
        """Remember every promise that does not hold now."""
        self.asked += 1
        folder = self.scratch / f"asked-{self.asked}"
        folder.mkdir()
        bank, bridge = self.story.office.bank, self.story.world.folder / "bridge"
        self.broken += [
            f"after cut {len(self.cuts)}: {each}" for each in broken_promises(bank, bridge, folder)
        ]

    def _part(self, name: str) -> Killable:
        return self.others.get(name) or self.story.office.processes.named(name)

    def _wait_until_ready(self, name: str) -> None:
        self.story.office.processes.named(name).wait_for(lambda _: True, within_s=READY_WITHIN_S)

    def _wait_until_seen(self) -> None:
        """Until the site's log holds everything that moved."""
        gate, deadline = self.story.gate, time.monotonic() + SEEN_WITHIN_S
        while time.monotonic() < deadline:
            kinds = kinds_in(self.story.world.folder / "bridge" / "spool.sqlite")
            if (
                kinds.count("gate.crossing") >= gate.crossings
                and kinds.count("weigh.ticket") >= gate.weighings
            ):
                return
            time.sleep(0.1)
        message = f"of {gate.crossings} crossings and {gate.weighings} tickets the site's log has {kinds}"
        raise AssertionError(message)


def kinds_in(spool: Path) -> list[str]:
    """The kinds of the statements in a site's log, behind its first leaf."""
    with sqlite3.connect(f"file:{spool}?mode=ro", uri=True) as connection:
        entries = [bytes(row[0]) for row in connection.execute("SELECT entry FROM entry WHERE log_index > 0")]
    connection.close()
    return [parse_entry(entry).statement.kind for entry in entries]

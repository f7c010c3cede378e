"""Heads that may leave the bridge: only those that two programs derive alike from the log's own bytes."""

from dataclasses import dataclass

from iot_bridge.evidence.rederive import Rederivation
from iot_bridge.spool import Spool


@dataclass(frozen=True, slots=True)
class Head:
    """The root of a site's log at a size."""

    size: int
    root: bytes


class HeadMaker:
    """Gives the newest head of a spool's log, derived a second time by the other verifier."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._second = Rederivation()

    def newest(self) -> Head:
        """The head at the log's present size.

        Raises:
            RootsDiffer: the second verifier derives another root from the stored bytes.
        """
        while entries := self._spool.entries(self._second.size):
            for entry in entries:
                self._second.read(entry)
        head = Head(self._second.size, self._spool.root(self._second.size))
        self._second.require_root(head.root, size=head.size)
        return head

    def start_over(self) -> None:
        """Let the next head be derived from the first stored byte again."""
        self._second = Rederivation()

"""Heads that may leave the bridge: only those that two programs derive alike from the log's own bytes."""

from dataclasses import dataclass
from typing import Final

from iot_bridge.evidence.errors import HeadUnknown
from iot_bridge.evidence.rederive import Rederivation
from iot_bridge.spool import Spool

_BATCH: Final = 1000


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

    def newest(self, most: int | None = None) -> Head:
        """The head at the log's present size, or at `most` entries where the log is longer.

        Raises:
            RootsDiffer: the second verifier derives another root from the stored bytes.
            HeadUnknown: more than `most` entries were read for an earlier head.
        """
        while entries := self._spool.entries(self._second.size, self._room(most)):
            for entry in entries:
                self._second.read(entry)
        if most is not None and self._second.size > most:
            raise HeadUnknown(size=most, read=self._second.size)
        head = Head(self._second.size, self._spool.root(self._second.size))
        self._second.require_root(head.root, size=head.size)
        return head

    def _room(self, most: int | None) -> int:
        return _BATCH if most is None else min(_BATCH, max(most - self._second.size, 0))

    def start_over(self) -> None:
        """Let the next head be derived from the first stored byte again."""
        self._second = Rederivation()

"""Heads to the ledger, in a thread of its own: at once where something urgent is in them, else now and then.

1. Learn the newest confirmed block (the beacon) and the confirmed head; what is acknowledged below it leaves.
2. Compare the ledger's newest head with our own log: a head that we do not have stops the anchoring for good.
3. Open the log where it is not open yet.
4. Anchor what is due, after a second program derived the same root from the stored bytes.
"""

import threading
import time
from typing import Final, Protocol

import structlog

from contracts.errors import LedgerError
from iot_bridge.beacon import BeaconKeeper
from iot_bridge.durable import SpoolFull
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.heads import Head, HeadMaker
from iot_bridge.record import Beacon
from iot_bridge.spool import Spool, Taken
from iot_bridge.worker import Worker

log: Final = structlog.get_logger("anchor")
GROWTH_AT_MOST: Final = 1 << 20
DERIVED_ANEW_EVERY_S: Final = 24 * 3600
_LOOK_S: Final = 0.5


class LogForked(EdgeError):
    """The ledger has a head of this site that this log never had; nothing more may be anchored from here."""

    code = "anchor.log_forked"


class LogBehindLedger(EdgeError):
    """The ledger has a longer log of this site than the spool, which was lost or restored from a backup."""

    code = "anchor.log_behind_ledger"


class LogOnLedger(Protocol):
    """What the anchoring needs of the ledger; `SiteLedger` with a node, another in tests of a failing one."""

    def beacon(self) -> Beacon:
        """The newest confirmed block."""
        ...

    def head(self) -> Head | None:
        """The newest head, None while the log is not open."""
        ...

    def confirmed_head(self) -> Head | None:
        """The newest confirmed head, None while there is none."""
        ...

    def open(self) -> str:
        """Open the log; the act's name."""
        ...

    def anchor(self, old: int, new: Head, proof: list[bytes]) -> str:
        """Anchor a head; the act's name."""
        ...

    def is_waiting(self, act: str) -> bool:
        """Whether an act is not in a block yet."""
        ...


class Anchor:
    """Anchors a spool's log. `heard` may be called from any thread; `step` belongs to one."""

    def __init__(
        self,
        spool: Spool,
        ledger: LogOnLedger,
        beacon: BeaconKeeper,
        *,
        every_s: int,
        urgent: frozenset[str],
    ) -> None:
        self._spool = spool
        self._ledger = ledger
        self._beacon = beacon
        self._every_s = every_s
        self._urgent = urgent
        self._heads = HeadMaker(spool)
        self._urgent_size = 0
        self._last_s: float | None = None
        self._derived_anew_s = time.monotonic()
        self._act: str | None = None
        self.worker: Final = Worker("anchor", self._run)
        self.has_looked: Final = threading.Event()
        """Set after the first whole look at the ledger, which found its head to be one of this log."""

    def heard(self, taken: Taken) -> None:
        """Learn of a new statement; an urgent one is anchored at once."""
        if taken.signed.statement.kind in self._urgent:
            self._urgent_size = max(self._urgent_size, taken.index + 1)
            self.worker.wake()

    def step(self, now_s: float) -> Head | None:
        """One look at the ledger; the head that was sent to it, if any.

        Raises:
            LogForked, LogBehindLedger, RootsDiffer: log and ledger, or two readers of the log, disagree.
            LedgerError: the node does not answer, or a contract refuses.
        """
        self._beacon.heard(self._ledger.beacon())
        self._note_confirmed()
        newest = self._ledger.head()
        if newest is not None:
            self._require_ours(newest)
        if self._act is not None and self._ledger.is_waiting(self._act):
            return None
        self._act = None
        if newest is None:
            self._act = self._ledger.open()
            return None
        return self._anchor(newest, now_s) if self._is_due(newest, now_s) else None

    def _note_confirmed(self) -> None:
        confirmed = self._ledger.confirmed_head()
        if confirmed is not None and confirmed.size > self._spool.confirmed():
            self._require_ours(confirmed)
            self._spool.confirm(confirmed.size)

    def _require_ours(self, head: Head) -> None:
        size = self._spool.size()
        if head.size > size:
            raise LogBehindLedger(ledger=head.size, spool=size)
        root = self._spool.root(head.size)
        if root != head.root:
            raise LogForked(size=head.size, ledger="0x" + head.root.hex(), spool="0x" + root.hex())

    def _is_due(self, newest: Head, now_s: float) -> bool:
        if self._spool.size() <= newest.size:
            return False
        return (
            self._last_s is None or now_s - self._last_s >= self._every_s or newest.size < self._urgent_size
        )

    def _anchor(self, newest: Head, now_s: float) -> Head:
        if now_s - self._derived_anew_s >= DERIVED_ANEW_EVERY_S:
            self._heads.start_over()
            self._derived_anew_s = now_s
        head = self._heads.newest(most=newest.size + GROWTH_AT_MOST)
        proof = self._spool.consistency_proof(newest.size, head.size)
        self._act = self._ledger.anchor(newest.size, head, proof)
        self._last_s = now_s
        log.info("head_sent", size=head.size, root="0x" + head.root.hex(), after=newest.size)
        return head

    def _run(self) -> None:
        said = ""
        while self.worker.goes_on():
            try:
                self.step(time.monotonic())
                self.has_looked.set()
                said = ""
            except (LedgerError, SpoolFull) as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("anchoring_waits", code=error.code, why=said)
            self.worker.pause(_LOOK_S)

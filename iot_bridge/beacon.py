"""The newest confirmed block of the ledger that a program knows: the age of its statements counts from it."""

from typing import Final

import structlog

from contracts.errors import LedgerError
from contracts.rpc import Rpc
from iot_bridge.durable import DurableFile, SpoolFull
from iot_bridge.record import Beacon, BeaconUnknown
from iot_bridge.worker import Worker

log: Final = structlog.get_logger("beacon")
CONFIRMED: Final = "finalized"
_NAME: Final = "beacon"
_LOOK_S: Final = 1


def newest_confirmed(rpc: Rpc) -> Beacon:
    """The newest block that the node calls final.

    Raises:
        NodeUnavailable: it does not answer.
    """
    block = rpc.block(CONFIRMED)
    return Beacon(int(block["number"], 16), bytes.fromhex(block["hash"][2:]))


class BeaconKeeper:
    """The newest confirmed block this program has known, over restarts."""

    def __init__(self, file: DurableFile) -> None:
        self._file = file
        number, found = file.remembered(_NAME)
        self._newest = Beacon(number, found)

    def __call__(self) -> Beacon:
        """The newest confirmed block known.

        Raises:
            BeaconUnknown: none was ever heard of.
        """
        if not self.is_known():
            raise BeaconUnknown
        return self._newest

    def is_known(self) -> bool:
        """Whether any confirmed block was ever heard of."""
        return self._newest.hash != bytes(32)

    def heard(self, beacon: Beacon) -> None:
        """Take a block that the node calls confirmed; an older one changes nothing.

        Without room to keep it over a restart it is known all the same: evidence only looks older after one.
        """
        if self.is_known() and beacon.number <= self._newest.number:
            return
        self._newest = beacon
        try:
            self._file.remember(_NAME, beacon.number, beacon.hash)
        except SpoolFull:
            log.warning("beacon_not_kept", number=beacon.number)


class BeaconWatch:
    """Asks a node for the newest confirmed block in a thread of its own."""

    def __init__(self, rpc: Rpc, keeper: BeaconKeeper) -> None:
        self._rpc = rpc
        self._keeper = keeper
        self.worker: Final = Worker("beacon", self._run)

    def _run(self) -> None:
        reached = True
        while self.worker.goes_on():
            try:
                self._keeper.heard(newest_confirmed(self._rpc))
                reached = True
            except LedgerError as error:
                if reached:
                    log.warning("ledger_not_reached", code=error.code, why=str(error))
                reached = False
            self.worker.pause(_LOOK_S)

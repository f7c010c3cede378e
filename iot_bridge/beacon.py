"""The newest confirmed block of the ledger that a program knows: the age of its statements counts from it."""

import threading
from typing import Final

import structlog

from contracts.errors import LedgerError
from contracts.rpc import Rpc
from iot_bridge.durable import DurableFile
from iot_bridge.record import Beacon, BeaconUnknown

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
        if self._newest.hash == bytes(32):
            raise BeaconUnknown
        return self._newest

    def heard(self, beacon: Beacon) -> None:
        """Take a block that the node calls confirmed; an older one changes nothing."""
        if self._newest.hash == bytes(32) or beacon.number > self._newest.number:
            self._file.remember(_NAME, beacon.number, beacon.hash)
            self._newest = beacon


class BeaconWatch:
    """Asks a node for the newest confirmed block in a thread of its own."""

    def __init__(self, rpc: Rpc, keeper: BeaconKeeper) -> None:
        self._rpc = rpc
        self._keeper = keeper
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beacon", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        reached = True
        while not self._ended.is_set():
            try:
                self._keeper.heard(newest_confirmed(self._rpc))
                reached = True
            except LedgerError as error:
                if reached:
                    log.warning("ledger_not_reached", code=error.code, why=str(error))
                reached = False
            self._ended.wait(_LOOK_S)

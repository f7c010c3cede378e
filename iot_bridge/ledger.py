"""A site's log as the ledger has it: its newest head, the confirmed one, and the newest confirmed block."""

from pathlib import Path
from typing import Final

from contracts.artifacts import load
from contracts.rpc import Reverted, Rpc
from contracts.sender import Act, ActUnknown, Fate, Sender
from iot_bridge.beacon import CONFIRMED, newest_confirmed
from iot_bridge.evidence.statement import name32
from iot_bridge.heads import Head
from iot_bridge.record import Beacon

STUCK_AFTER_S: Final = 60
_LOG: Final = load("EvidenceLog")


class SiteLedger:
    """The `EvidenceLog` contract, for one site, with the key of its bridge.

    Every method raises NodeUnavailable when the node does not answer.
    """

    def __init__(self, rpc: Rpc, book: Path, key: bytes, *, evidence_log: str, site: str) -> None:
        self._rpc = rpc
        self._book = book
        self._key = key
        self._evidence_log = evidence_log
        self._site = site
        self._sender: Sender | None = None

    def beacon(self) -> Beacon:
        """The newest confirmed block."""
        return newest_confirmed(self._rpc)

    def head(self) -> Head | None:
        """The newest head, None while the log is not open."""
        return self._head("latest")

    def confirmed_head(self) -> Head | None:
        """The newest head that is confirmed, None while there is none."""
        return self._head(CONFIRMED)

    def _head(self, block: str) -> Head | None:
        call = _LOG.encode("latestHead", {"site": name32(self._site)})
        try:
            answer = self._rpc.eth_call(to=self._evidence_log, data=call, block=block)
        except Reverted as refused:
            if refused.revert.name == "LogNotOpen":
                return None
            raise
        if not answer:  # the contract itself is not there yet
            return None
        found = _LOG.decode_result("latestHead", answer)
        return Head(found["size"], found["root"])

    def open(self) -> str:
        """Open the log; the name under which its fate can be asked.

        Raises:
            Reverted: this key is not the site's bridge, or the log is open.
        """
        return self._send(f"open/{self._site}", _LOG.encode("openLog", {"site": name32(self._site)}))

    def anchor(self, old: int, new: Head, proof: list[bytes]) -> str:
        """Anchor a head that extends the one at `old`; the name under which its fate can be asked.

        Raises:
            Reverted: the contract refuses it.
        """
        call = _LOG.encode(
            "anchor", {"site": name32(self._site), "size": new.size, "root": new.root, "proof": proof}
        )
        return self._send(f"anchor/{self._site}/{old}/{new.size}", call)

    def is_waiting(self, act: str) -> bool:
        """Whether an act sent before is not in a block yet; one that is stuck is offered more for."""
        try:
            if self._outgoing().outcome(act).fate is not Fate.WAITING:
                return False
        except ActUnknown:
            return False
        self._outgoing().hasten(act, self._key, after_s=STUCK_AFTER_S)
        return True

    def _send(self, name: str, call: bytes) -> str:
        self._outgoing().send(Act(name, self._evidence_log, call), self._key)
        return name

    def _outgoing(self) -> Sender:
        """The book of acts, opened when the node is first there."""
        if self._sender is None:
            self._sender = Sender(self._rpc, self._book)
        return self._sender

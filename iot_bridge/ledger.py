"""A site's log as the ledger has it: its newest head, the confirmed one, and the newest confirmed block."""

from dataclasses import dataclass
from typing import Final

from contracts.artifacts import load
from contracts.rpc import Reverted, Rpc
from contracts.sender import Act, ActUnknown, Fate, Sender
from iot_bridge.evidence.statement import name32
from iot_bridge.heads import Head
from iot_bridge.record import Beacon

CONFIRMED: Final = "finalized"
_LOG: Final = load("EvidenceLog")


def newest_confirmed(rpc: Rpc) -> Beacon:
    """The newest block that the node calls final.

    Raises:
        NodeUnavailable: it does not answer.
    """
    block = rpc.block(CONFIRMED)
    return Beacon(int(block["number"], 16), bytes.fromhex(block["hash"][2:]))


@dataclass(frozen=True, slots=True)
class SiteLedger:
    """The `EvidenceLog` contract, for one site, with the key of its bridge.

    Every method raises NodeUnavailable when the node does not answer.
    """

    rpc: Rpc
    sender: Sender
    key: bytes
    evidence_log: str
    site: str

    def beacon(self) -> Beacon:
        """The newest confirmed block."""
        return newest_confirmed(self.rpc)

    def head(self) -> Head | None:
        """The newest head, None while the log is not open."""
        return self._head("latest")

    def confirmed_head(self) -> Head | None:
        """The newest head that is confirmed, None while there is none."""
        return self._head(CONFIRMED)

    def _head(self, block: str) -> Head | None:
        call = _LOG.encode("latestHead", {"site": name32(self.site)})
        try:
            answer = self.rpc.eth_call(to=self.evidence_log, data=call, block=block)
        except Reverted as refused:
            if refused.revert.name == "LogNotOpen":
                return None
            raise
        found = _LOG.decode_result("latestHead", answer)
        return Head(found["size"], found["root"])

    def open(self) -> str:
        """Open the log; the name under which its fate can be asked.

        Raises:
            Reverted: this key is not the site's bridge, or the log is open.
        """
        return self._send(f"open/{self.site}", _LOG.encode("openLog", {"site": name32(self.site)}))

    def anchor(self, old: int, new: Head, proof: list[bytes]) -> str:
        """Anchor a head that extends the one at `old`; the name under which its fate can be asked.

        Raises:
            Reverted: the contract refuses it.
        """
        call = _LOG.encode(
            "anchor", {"site": name32(self.site), "size": new.size, "root": new.root, "proof": proof}
        )
        return self._send(f"anchor/{self.site}/{old}/{new.size}", call)

    def is_waiting(self, act: str) -> bool:
        """Whether an act sent before is not in a block yet."""
        try:
            return self.sender.outcome(act).fate is Fate.WAITING
        except ActUnknown:
            return False

    def _send(self, name: str, call: bytes) -> str:
        self.sender.send(Act(name, self.evidence_log, call), self.key)
        return name

"""The mirror's judgement of anchored heads: re-derive each from all bytes, then witness it or say why not.

A head is believed when two programs of different make both give its root, and every block that its statements
know of is the ledger's own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from backend.chain import actions as chain
from backend.chain.projecting import Projection, events_of
from backend.chain.rules import LedgerEvent
from backend.db import to_hex
from backend.evidence.findings import record_finding
from backend.evidence.mirror import open_log, tree_of
from backend.evidence.rules import (
    Beacon,
    Finding,
    FindingKind,
    HeadVerdict,
    LogNotOpened,
    MirrorsDisagree,
)
from backend.evidence.tables import (
    BeaconRow,
    HeadRow,
    SiteLogRow,
    SpentRow,
    beacons_between,
    current_log,
    entries,
    latest_equal,
    latest_witnessed,
    pending_heads,
)
from iot_bridge.evidence.log import genesis_entry, leaf_hash
from iot_bridge.evidence.rederive import root_over
from iot_bridge.evidence.statement import name_of


@dataclass(frozen=True, slots=True)
class Mirror:
    """The bank's copy of every site's log, and its voice as a witness.

    Args:
        chain_id: of the ledger.
        evidence_log: the log contract's address; both are in every genesis leaf.
        witness_signer: the keystore's name of the opposed party's key.
        patience: how long an anchored head may wait for its statements before that is a finding.
    """

    chain_id: int
    evidence_log: str
    witness_signer: str
    patience: timedelta = timedelta(seconds=60)

    @property
    def project(self) -> Projection:
        """Brings logs, heads and spent statements up to an event."""
        return Projection(
            events_of(
                "EvidenceLog",
                {
                    "LogOpened": self._log_opened,
                    "HeadAnchored": _head_anchored,
                    "HeadWitnessed": _head_witnessed,
                    "StatementSpent": _statement_spent,
                },
            )
        )

    def wanted_blocks(self, session: Session) -> set[int]:
        """Blocks that statements under unjudged heads know of and that are not remembered here yet."""
        return {number for head in pending_heads(session) for number in _unknown_blocks(session, head)}

    def remember_blocks(self, session: Session, blocks: Iterable[Beacon]) -> None:
        """Remember confirmed blocks as the ledger has them; evidence is judged and aged by them."""
        for block in blocks:
            session.merge(BeaconRow(number=block.number, hash=block.hash, at=block.at))
        session.flush()

    def examine(self, session: Session, now: datetime) -> list[Finding]:
        """Judge every head whose bytes and blocks are here, and witness what holds; the new findings."""
        found: list[Finding] = []
        judged = pending_heads(session)
        for head in judged:
            finding = self._judge(session, head, now)
            if finding is not None and record_finding(session, finding, proof=None, now=now):
                found.append(finding)
        session.flush()
        for site in {head.site for head in judged if head.verdict == HeadVerdict.EQUAL}:
            self._witness(session, site)
        return found

    def _log_opened(self, session: Session, event: LedgerEvent) -> None:
        site, epoch = event.args["site"], event.args["epoch"]
        genesis = leaf_hash(self._genesis(site, epoch))
        open_log(session, site, epoch, genesis)
        same = event.args["root"] == genesis
        verdict = HeadVerdict.EQUAL if same else HeadVerdict.ROOT_CONTRADICTED
        session.add(_head(event, size=1, verdict=verdict))
        if not same:
            facts = {"ledger": to_hex(event.args["root"]), "mirror": to_hex(genesis), "epoch": epoch}
            finding = _finding(FindingKind.GENESIS_CONTRADICTED, site, epoch, 1, facts)
            record_finding(session, finding, proof=None, now=event.block_time)

    def _judge(self, session: Session, head: HeadRow, now: datetime) -> Finding | None:
        """Settle the head's verdict where the bytes and blocks are here; a finding where it does not hold."""
        log = session.get(SiteLogRow, (head.site, head.epoch))
        if log is None:
            raise LogNotOpened(site=to_hex(head.site), epoch=head.epoch)
        if log.size < head.size:
            return self._withheld(log, head, now)
        derived = self._derived_root(session, log, head.size)
        if derived != head.root:
            head.verdict = HeadVerdict.ROOT_CONTRADICTED
            return _of_head(FindingKind.ROOT_CONTRADICTED, head, {"mirror": to_hex(derived)})
        if _unknown_blocks(session, head):
            return None
        foreign = _foreign_beacon(session, head)
        if foreign is not None:
            head.verdict = HeadVerdict.BEACON_CONTRADICTED
            return _of_head(FindingKind.BEACON_CONTRADICTED, head, foreign)
        head.verdict = HeadVerdict.EQUAL
        return None

    def _withheld(self, log: SiteLogRow, head: HeadRow, now: datetime) -> Finding | None:
        if now - head.anchored_at < self.patience:
            return None
        return _of_head(FindingKind.LEAVES_WITHHELD, head, {"mirrored": log.size})

    def _genesis(self, site: bytes, epoch: int) -> bytes:
        return genesis_entry(
            chain_id=self.chain_id, evidence_log=self.evidence_log, site=name_of(site), epoch=epoch
        )

    def _derived_root(self, session: Session, log: SiteLogRow, size: int) -> bytes:
        """The root at this size: from the mirror's nodes, and by the second verifier from every stored byte.

        Raises:
            MirrorsDisagree: the two differ, so the bank believes neither.
        """
        stored = [self._genesis(log.site, log.epoch), *entries(session, log.site, log.epoch, size)]
        by_nodes, by_bytes = tree_of(session, log).root(size), root_over(stored)
        if by_nodes != by_bytes:
            raise MirrorsDisagree(site=to_hex(log.site), size=size, nodes=to_hex(by_nodes))
        return by_bytes

    def _witness(self, session: Session, site: bytes) -> None:
        """Intend to witness the newest equal head, unless that or a later one is witnessed already."""
        head, last = latest_equal(session, site), latest_witnessed(session, site)
        if head is None or (last is not None and (last.epoch, last.size) >= (head.epoch, head.size)):
            return
        chain.intend(
            session,
            key=f"witness:{to_hex(head.site)}:{head.epoch}:{head.size}",
            signer=self.witness_signer,
            contract="EvidenceLog",
            function="witness",
            args={"site": head.site, "size": head.size, "root": head.root},
        )


def _beacons(session: Session, head: HeadRow) -> Sequence[tuple[int, bytes]]:
    """Blocks that statements under this head know of, apart from what an earlier equal head covers."""
    last = latest_equal(session, head.site)
    first = last.size if last is not None and last.epoch == head.epoch and last.size < head.size else 1
    return beacons_between(session, head.site, head.epoch, first, head.size)


def _unknown_blocks(session: Session, head: HeadRow) -> set[int]:
    return {
        number
        for number, _ in _beacons(session, head)
        if number <= head.anchored_at_block and session.get(BeaconRow, number) is None
    }


def _foreign_beacon(session: Session, head: HeadRow) -> dict[str, object] | None:
    """The first block that a statement under this head knows of and the ledger does not.

    No statement knows of a block after its anchor.
    """
    for number, known in _beacons(session, head):
        if number > head.anchored_at_block:
            return {"block": number, "anchored_at_block": head.anchored_at_block}
        block = session.get_one(BeaconRow, number)
        if block.hash != known:
            return {"block": number, "statement": to_hex(known), "ledger": to_hex(block.hash)}
    return None


def _head(event: LedgerEvent, *, size: int, verdict: HeadVerdict) -> HeadRow:
    return HeadRow(
        site=event.args["site"],
        epoch=event.args["epoch"],
        size=size,
        root=event.args["root"],
        anchored_at_block=event.block_number,
        anchored_at=event.block_time,
        verdict=verdict,
    )


def _head_anchored(session: Session, event: LedgerEvent) -> None:
    session.add(_head(event, size=event.args["size"], verdict=HeadVerdict.PENDING))


def _head_witnessed(session: Session, event: LedgerEvent) -> None:
    site = event.args["site"]
    log = current_log(session, site)
    if log is None:
        raise LogNotOpened(site=to_hex(site))
    head = session.get_one(HeadRow, (site, log.epoch, event.args["size"]))
    head.witnessed_at_block = event.block_number


def _statement_spent(session: Session, event: LedgerEvent) -> None:
    session.add(SpentRow(id=event.args["id"], block_number=event.block_number))


def _of_head(kind: FindingKind, head: HeadRow, facts: dict[str, object]) -> Finding:
    return _finding(kind, head.site, head.epoch, head.size, {"root": to_hex(head.root)} | facts)


def _finding(kind: FindingKind, site: bytes, epoch: int, size: int, facts: dict[str, object]) -> Finding:
    place = {"epoch": epoch, "size": size}
    return Finding(kind, f"{kind.value}:{to_hex(site)}:{epoch}:{size}", site, None, place | facts)

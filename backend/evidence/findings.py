"""What is kept beside the statements: refused messages, and findings about devices and logs with proof."""

import json
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlmodel import Session

from backend.db import from_hex, to_hex
from backend.errors import TallystickError
from backend.evidence.rules import (
    ChainBroken,
    Finding,
    FindingKind,
    Gap,
    IndexMoved,
    IndexReused,
    Observed,
    SequenceReused,
)
from backend.evidence.tables import FindingRow, QuarantineRow

NEWS: Final[dict[type[TallystickError], FindingKind]] = {
    SequenceReused: FindingKind.EQUIVOCATION,
    ChainBroken: FindingKind.CHAIN_BROKEN,
    IndexReused: FindingKind.SPLIT_VIEW,
    IndexMoved: FindingKind.SPLIT_VIEW,
}
"""Refusals that are news about a device or a bridge, kept with the bytes that prove them."""


def keep_refused(
    session: Session, *, topic: str, payload: bytes, refusal: TallystickError, now: datetime
) -> Finding | None:
    """Put a refused message aside with its reason; the finding, where the refusal is news about somebody.

    The same message refused again only counts up, and the same finding is given back once.
    """
    key = sha256(payload).digest()
    kept = session.get(QuarantineRow, key)
    if kept is not None:
        kept.times += 1
        return None
    session.add(
        QuarantineRow(
            sha256=key,
            topic=topic.replace("\0", "\ufffd"),  # PostgreSQL keeps no NUL in text; some brokers pass it on
            payload=payload,
            code=refusal.code,
            facts=json.loads(json.dumps(refusal.facts, default=str)),
            first_at=now,
            times=1,
        )
    )
    session.flush()
    finding = _finding_of(refusal)
    return finding if finding and record_finding(session, finding, proof=payload, now=now) else None


def record_finding(session: Session, finding: Finding, *, proof: bytes | None, now: datetime) -> bool:
    """Keep a finding with its proof; False when the same one is kept already."""
    if session.get(FindingRow, finding.key) is not None:
        return False
    session.add(
        FindingRow(
            key=finding.key,
            kind=finding.kind.value,
            site=finding.site,
            device=finding.device,
            facts=finding.facts,
            proof=proof,
            found_at=now,
        )
    )
    session.flush()
    return True


def gap_finding(gap: Gap, held: Observed) -> Finding:
    """That statements are missing before one that is held; the same however often it is met."""
    facts = {"first_seq": gap.first_seq, "last_seq": gap.last_seq, "held_seq": held.seq}
    key = f"{FindingKind.GAP.value}:{to_hex(gap.device)}:{gap.last_seq}"
    return Finding(FindingKind.GAP, key, held.site, gap.device, facts)


def _finding_of(refusal: TallystickError) -> Finding | None:
    kind = NEWS.get(type(refusal))
    if kind is None:
        return None
    facts = refusal.facts
    of_log = kind is FindingKind.SPLIT_VIEW
    whose, place = (facts["site"], facts["index"]) if of_log else (facts["device"], facts["seq"])
    return Finding(
        kind=kind,
        key=f"{kind.value}:{whose}:{place}",
        site=from_hex(facts["site"]),
        device=from_hex(facts["device"]),
        facts=dict(facts),
    )

"""What is to be seen at the house's yard: stills, counts, health, a missing statement, and what people said.

Kept apart from `house.py`, which makes the bank; texts of others are hostile wherever they may be.
"""

from datetime import timedelta
from typing import Final

import cv2
import numpy as np

from backend.alerts.actions import decide
from backend.alerts.rules import Decision
from backend.alerts.tables import AlertRow, ExitRow
from backend.db import transaction
from iot_bridge.evidence.body import Media
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import CAMERA, SCALE, World
from tests.backend.app.test_a_receipt_lives import TWO
from tests.backend.edge import crossing, id_of
from tests.support.ledger_life import SITE

HOSTILE: Final = "<script>alert('x')</script>\"'&lt;b onmouseover=alert(1)>{{ 7*7 }}{% raw %}银行"
GAP: Final = "gap:of-the-house"
PIPELINE: Final = "0x" + "ab" * 32


def seen_at_the_yard(world: World) -> str:
    """What the devices of the yard say beside what moved; the statement of the crossing with two stills."""
    images = [_still(shade) for shade in (60, 180)]
    media = tuple(Media(bytes.fromhex(_kept(world, each)), "image/jpeg", len(each)) for each in images)
    reasons = [{"name": "line crossed", "score": 93, "threshold": 60, "said": HOSTILE}]
    passed = world.says(CAMERA, "gate.crossing", crossing("in", 9) | {"reasons": reasons}, media=media)
    health = {"uptime_s": 4_000, "captured": 12_345, "lost": 1, "spooled": 7, "disk_free_mib": 900}
    world.hear(
        passed,
        world.says(CAMERA, "device.health", health | {"last_seen_ms": 1_790_000_000_000}),
        _count(world, "bay.a", 5),
        _count(world, "bay.empty", 0),
        world.says(SCALE, "unwatched.interval", {"from": 1, "to": 2, "why": HOSTILE}),
    )
    return "0x" + id_of(passed).hex()


def alerts_of_the_yard(world: World, officer: str) -> int:
    """A gap that somebody has taken on, with a hostile word, and an exit that waits; the gap's alert."""
    now = world.bank.wall.now()
    with transaction(world.bank.engine) as session:
        facts = {"first_seq": 7, "last_seq": 9, "held_seq": 10, "found": "gap", "device": HOSTILE}
        row = AlertRow(kind="gap", subject=GAP, site=name32(SITE), facts=facts, opened_at=now)
        session.add(row)
        session.flush()
        assert row.id is not None
        decide(session, row.id, Decision.ESCALATED, by=officer, reason=HOSTILE, now=now)
        due = now + timedelta(minutes=10)
        waits = {"site": name32(SITE), "gate": CAMERA, "state": "provisional", "taken_at": now, "due_at": due}
        session.add(ExitRow(crossing=TWO, **waits))
        return row.id


def _count(world: World, bay: str, pieces: int) -> object:
    fields = {"bay": bay, "commodity": "steel.hrc", "pieces": pieces, "confidence_bps": 9_000}
    return world.says(
        CAMERA, "bay.count", fields | {"pipeline": PIPELINE}, subject=name32(bay), quantity=pieces
    )


def _kept(world: World, content: bytes) -> str:
    return world.bank.sources.store.put(content)


def _still(shade: int) -> bytes:
    image = np.full((90, 160, 3), shade, np.uint8)
    cv2.rectangle(image, (30, 30), (90, 70), (40, 40, 220 - shade), -1)
    kept, encoded = cv2.imencode(".jpg", image)
    assert kept
    return encoded.tobytes()

"""What perception, a camera's silence and a minute's health are as observations, in the fields of a kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from iot_bridge.evidence.body import Media
from iot_bridge.evidence.schema import cannot_tell
from iot_bridge.fuse import Movement
from iot_bridge.perceive.crossing import Crossing, Reason
from iot_bridge.record import Observation

CLOCK_STEP_MS: Final = 1_000
"""What the wall clock may gain or lose between two frames: slewing is slower, a step is not."""
HOUR_MS: Final = 3_600_000
ALL_BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Health:
    """How a device is: counts since its start, and when it last had something in hand (None: never)."""

    uptime_s: int
    captured: int
    lost: int
    spooled: int
    disk_free_mib: int
    last_seen_ms: int | None


def crossing_observation(
    crossing: Crossing, direction: Literal["in", "out"], stills: Sequence[Media]
) -> Observation:
    """A crossing of the gate, with its reasons and the stills that show it."""
    fields = {
        "direction": direction,
        "track": crossing.track,
        "tags": list(crossing.tags),
        "confidence_bps": crossing.confidence_bps,
        "count_certain": crossing.count_certain,
        "frames": ["0x" + each.sha256.hex() for each in stills],
        "pipeline": "0x" + crossing.pipeline.hex(),
        "reasons": [_reason(each) for each in crossing.reasons],
    }
    return Observation("gate.crossing", fields, crossing.captured_at_ms, media=tuple(stills))


def unwatched_observation(from_ms: int, to_ms: int, why: str) -> Observation:
    """Nobody watched between two instants."""
    return Observation("unwatched.interval", {"from": from_ms, "to": to_ms, "why": why}, to_ms)


def clock_step_observation(by_ms: int, now_ms: int) -> Observation:
    """The wall clock jumped; the score is the jump's share of an hour, at most all of it."""
    fields = {
        "what": f"clock step of {by_ms} ms",
        "score_bps": _share_of_an_hour(by_ms),
        "threshold_bps": _share_of_an_hour(CLOCK_STEP_MS),
    }
    return Observation("device.tamper", fields, now_ms)


def _share_of_an_hour(by_ms: int) -> int:
    return min(ALL_BPS, abs(by_ms) * ALL_BPS // HOUR_MS)


def health_observation(health: Health, now_ms: int) -> Observation:
    """How a device is now."""
    fields = {
        "uptime_s": health.uptime_s,
        "captured": health.captured,
        "lost": health.lost,
        "spooled": health.spooled,
        "disk_free_mib": health.disk_free_mib,
        "last_seen_ms": cannot_tell("nothing seen yet")
        if health.last_seen_ms is None
        else health.last_seen_ms,
    }
    return Observation("device.health", fields, now_ms)


def movement_observation(movement: Movement, now_ms: int) -> Observation:
    """A piece went in or out; the header names it by its fingerprint and counts its kilograms."""
    kind = f"movement.{movement.direction}"
    return Observation(kind, movement.fields(), now_ms, subject=movement.piece.fingerprint)


def _reason(reason: Reason) -> dict[str, Any]:
    said: dict[str, Any] = {"name": reason.name[:64], "said": reason.said[:500] or reason.name[:64]}
    if reason.score is not None:
        said["score"] = reason.score
    if reason.threshold is not None:
        said["threshold"] = reason.threshold
    return said

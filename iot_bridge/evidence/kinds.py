"""The kinds of statements: the fields of each one's body, and what its header's subject and quantity say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from iot_bridge.evidence.canonical import MAX_INTEGER
from iot_bridge.evidence.errors import HeaderContradictsBody, KindUnknown
from iot_bridge.evidence.schema import (
    FieldType,
    Flag,
    Hex,
    Many,
    OrCannotTell,
    Record,
    Text,
    Whole,
    Word,
)

BPS: Final = Whole(0, 10_000)
KG: Final = Whole(0, 10_000_000)
MS: Final = Whole()
NAME: Final = Text(32)
SIGNED: Final = Whole(-(1 << 31), 1 << 31)
FIGURE: Final = Whole(-MAX_INTEGER, MAX_INTEGER)
TAG: Final = Whole(0, 1 << 31)

ENVELOPE: Final[Mapping[str, FieldType]] = {
    "boot": Hex(16),
    "media": Many(Record({"sha256": Hex(32), "type": Text(100), "bytes": Whole()}), 64),
    "salt": Hex(16),
}
"""What every body has beside its kind's fields: the device's random boot id, media, and 16 random bytes."""

REASONS: Final = Many(
    Record(
        {"name": Text(64), "score": FIGURE, "threshold": FIGURE, "said": Text()},
        frozenset({"score", "threshold", "said"}),
    ),
    64,
)
"""Why a decision fell as it did: a name, and the score, the threshold it was held against, what was found."""

_CONTRIBUTION: Final = Record(
    {"device": NAME, "statement": Hex(32), "milli_nats": SIGNED, "said": Text()},
    frozenset({"statement"}),
)
_MOVEMENT: Final[Mapping[str, FieldType]] = {
    "mass_kg": KG,
    "identified_by": Word(frozenset({"tag", "mass"})),
    "tag": OrCannotTell(TAG),
    "from_ms": MS,
    "to_ms": MS,
    "rests_on": Many(Hex(32), 64),
    "contributions": Many(_CONTRIBUTION, 64),
    "sum_milli_nats": SIGNED,
    "accept_milli_nats": SIGNED,
    "rules": Text(64),
}
FIELDS: Final[Mapping[str, Mapping[str, FieldType]]] = {
    "movement.in": _MOVEMENT,
    "movement.out": _MOVEMENT,
    "gate.crossing": {
        "direction": Word(frozenset({"in", "out"})),
        "track": Whole(),
        "tags": Many(TAG, 64),
        "confidence_bps": BPS,
        "count_certain": Flag(),
        "frames": Many(Hex(32), 64),
        "pipeline": Hex(32),
        "reasons": REASONS,
    },
    "weigh.ticket": {
        "gross_kg": KG,
        "tare_kg": KG,
        "net_kg": KG,
        "axle_count": OrCannotTell(Whole(1, 64)),
        "zero_drift_g": OrCannotTell(SIGNED),
        "plate_hash": OrCannotTell(Hex(32)),
    },
    "tag.read": {"tag": TAG, "reads": Whole(1), "confidence_bps": BPS},
    "bay.count": {
        "bay": NAME,
        "commodity": NAME,
        "pieces": Whole(),
        "confidence_bps": BPS,
        "pipeline": Hex(32),
    },
    "bay.mass": {"bay": NAME, "commodity": NAME, "mass_kg": Whole(), "method": Text()},
    "bay.geometry": {"volume_dm3": Whole(), "method": Text()},
    "door.state": {"state": OrCannotTell(Word(frozenset({"open", "closed"})))},
    "seal.state": {
        "order": Hex(32),
        "seal": Text(64),
        "state": OrCannotTell(Word(frozenset({"intact", "opened", "broken"}))),
    },
    "ambient.reading": {"what": Text(64), "unit": Text(16), "milli_units": SIGNED},
    "device.health": {
        "uptime_s": Whole(),
        "captured": Whole(),
        "lost": Whole(),
        "spooled": Whole(),
        "disk_free_mib": Whole(),
        "last_seen_ms": OrCannotTell(MS),
    },
    "device.tamper": {"what": Text(64), "score_bps": BPS, "threshold_bps": BPS},
    "liveness.seen": {
        "challenge": Hex(32),
        "read": OrCannotTell(Many(TAG, 64)),
        "latency_ms": OrCannotTell(MS),
    },
    "unwatched.interval": {"from": MS, "to": MS, "why": Text()},
    "review.decision": {
        "about": Many(Hex(32), 64),
        "decision": Word(frozenset({"movement", "noise", "cannot_tell"})),
        "person": NAME,
        "reason": Text(2000),
    },
    "inspection.report": {"inspector": NAME, "about": Text(), "found": Text(2000), "accepted": Flag()},
    "calibration.certificate": {"device": NAME, "issuer": Text(), "number": Text(64), "until_ms": MS},
    "commissioning": {"device": NAME, "commissioner": NAME, "place": Text(), "key": Hex(20)},
}
KINDS: Final = frozenset(FIELDS)

_BODIES: Final = {kind: Record({**fields, **ENVELOPE}) for kind, fields in FIELDS.items()}
_SUBJECTLESS: Final = KINDS - {"movement.in", "movement.out", "bay.count", "bay.mass", "seal.state"}
_QUANTITIES: Final[Mapping[str, Callable[[Mapping[str, Any]], int]]] = {
    "movement.in": lambda fields: int(fields["mass_kg"]),
    "movement.out": lambda fields: int(fields["mass_kg"]),
    "weigh.ticket": lambda fields: int(fields["net_kg"]),
    "bay.count": lambda fields: int(fields["pieces"]),
    "bay.mass": lambda fields: int(fields["mass_kg"]),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """What a header of one kind counts: its subject (zero where it has none) and the quantity of it."""

    subject: bytes
    quantity: int


def require_fields(kind: str, value: Any) -> None:
    """Refuse a body, given as a JSON value, that does not have exactly the fields of its kind.

    Raises:
        KindUnknown: there is no such kind.
        FieldUnknown, FieldMissing, FieldWrongType, FieldWrongValue: the first field that is wrong.
    """
    if kind not in _BODIES:
        raise KindUnknown(kind=kind)
    _BODIES[kind].require(value, "")


def quantity_of(kind: str, fields: Mapping[str, Any]) -> int:
    """The quantity that the header must state for these fields, 0 where its kind has none."""
    found = _QUANTITIES.get(kind)
    return 0 if found is None else found(fields)


def require_unit(kind: str, fields: Mapping[str, Any], unit: Unit) -> None:
    """Refuse a header whose subject or quantity is not the one that the body's fields give.

    Raises:
        HeaderContradictsBody: it is not.
    """
    quantity = quantity_of(kind, fields)
    if unit.quantity != quantity:
        raise HeaderContradictsBody(kind=kind, quantity=unit.quantity, body=quantity)
    if (kind in _SUBJECTLESS) != (unit.subject == bytes(32)):
        raise HeaderContradictsBody(kind=kind, subject="0x" + unit.subject.hex())

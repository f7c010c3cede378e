"""A bank that watches one gate, with one receipt of two coils and what its people ordered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from backend.alerts.actions import Watch, standing_alerts
from backend.alerts.rules import Alert
from backend.db import reading, transaction
from backend.evidence.actions import take_statement
from backend.evidence.rules import Outcome
from backend.receipts import projection as receipts
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import name32
from tests.backend.edge import (
    BANK,
    DEPOSITOR,
    DOMAIN,
    INSPECTOR,
    NOON,
    OPERATOR,
    Device,
    Site,
    crossing,
    enrol,
    event,
    id_of,
    movement,
    ticket,
)

COIL, OTHER_COIL, STRANGE_COIL = (bytes([n]) * 32 for n in (0xC1, 0xC2, 0xC9))
LOT_KG = 47_880
GATE = "gate-cam.1"


@dataclass
class Yard:
    """The site's devices and the bank that takes what they say."""

    engine: Engine
    site: Site = field(default_factory=Site)
    camera: Device = field(default_factory=lambda: Device(GATE, host=OPERATOR, commissioner=BANK))
    scale: Device = field(default_factory=lambda: Device("scale.1", host=INSPECTOR, commissioner=INSPECTOR))
    fusion: Device = field(default_factory=lambda: Device("fusion.1", host=OPERATOR, commissioner=BANK))
    frozen: list[tuple[int, int]] = field(default_factory=list)
    orders: int = 0

    def watch(self) -> Watch:
        return Watch(freeze=lambda _session, receipt, alert: self.frozen.append((receipt, alert.id)))

    def take(self, message: StatementMessage, at: datetime = NOON) -> Alert | None:
        """One unit of work: the statement is taken and judged."""
        with transaction(self.engine) as session:
            taken = take_statement(session, message, domain=DOMAIN, now=at)
            if taken.outcome is Outcome.DUPLICATE:
                return None
            return self.watch().examine(session, taken.statement, at)

    def leaves(self, *tags: int) -> StatementMessage:
        """The gate camera sees something go out."""
        return self.site.record(self.camera.says("gate.crossing", crossing("out", *tags)))

    def moved(self, piece: bytes, mass_kg: int, *rests_on: StatementMessage) -> StatementMessage:
        """The fusion says which piece left, on a fresh weighing and what is given."""
        weighed = self.site.record(self.scale.says("weigh.ticket", ticket(mass_kg)))
        self.take(weighed)
        fields = movement(mass_kg, id_of(weighed), *(id_of(each) for each in rests_on))
        return self.site.record(self.fusion.says("movement.out", fields, subject=piece))

    def order(self, mass_kg: int, *, gate: str = GATE, opens_in: int = 0, hours: int = 2) -> int:
        """A confirmed release order of the receipt."""
        self.orders += 1
        opens_at = NOON + timedelta(hours=opens_in)
        self.project(
            "ReleaseOrdered",
            orderId=self.orders,
            receiptId=1,
            massKg=mass_kg,
            gate=name32(gate),
            opensAt=int(opens_at.timestamp()),
            closesAt=int((opens_at + timedelta(hours=hours)).timestamp()),
            to=DEPOSITOR,
            by=BANK,
        )
        return self.orders

    def delivered(self, order: int, mass_kg: int, remaining_kg: int, *pieces: bytes) -> None:
        """A confirmed delivery."""
        self.project(
            "GoodsDelivered",
            receiptId=1,
            orderId=order,
            massKg=mass_kg,
            fingerprints=list(pieces),
            remainingKg=remaining_kg,
        )

    def project(self, name: str, **args: Any) -> None:
        with transaction(self.engine) as session:
            receipts.project(session, event("ReceiptRegistry", name, block=60 + self.orders, **args))

    def alerts(self) -> list[Alert]:
        with reading(self.engine) as session:
            return standing_alerts(session)

    def expire(self, at: datetime) -> list[Alert]:
        with transaction(self.engine) as session:
            return self.watch().expire(session, at)

    def within(self, act: Callable[[Session], Any]) -> Any:
        """Do something with a session, in one unit of work."""
        with transaction(self.engine) as session:
            return act(session)


def issued(session: Session) -> None:
    """The confirmed events that leave one receipt over two coils."""
    goods = {
        "bay": name32("bay.a"),
        "commodity": name32("steel.hrc"),
        "grade": name32("q235b"),
        "massKg": LOT_KG,
        "fingerprints": [COIL, OTHER_COIL],
        "document": b"\x0d" * 32,
    }
    asked = {"requestId": 1, "depositor": DEPOSITOR, "site": name32("yard.one"), "representations": bytes(32)}
    given = {"receiptId": 1, "requestId": 1, "holder": DEPOSITOR, "operator": OPERATOR}
    site = {"site": name32("yard.one")}
    receipts.project(session, event("ReceiptRegistry", "IssueRequested", **asked, **goods))
    receipts.project(session, event("ReceiptRegistry", "ReceiptIssued", **given, **site, **goods))


@pytest.fixture
def yard(database: Engine) -> Yard:
    yard = Yard(database)
    enrol(database, yard.camera, yard.scale, yard.fusion)
    yard.within(issued)
    return yard

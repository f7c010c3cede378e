"""What is unexplained at the gate freezes the loan that rests on the goods, in the second it is heard."""

import pytest

from backend.alerts.actions import standing_alerts
from backend.loans.actions import applying, pledging
from backend.loans.actions.pledging import DrawdownFrozen
from backend.loans.rules.loan import Application, Payee
from backend.loans.rules.product import standard_product
from backend.units import Money
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import CAMERA, World
from tests.backend.app.test_a_receipt_lives import COILS, ONE, issued
from tests.backend.edge import crossing
from tests.support.ledger_life import DEPOSITOR

LOAN = "L-2026-0001"


def lent_on(world: World, receipt: int) -> None:
    """A borrower has applied for a loan on the receipt."""
    at = world.bank.moment()
    application = Application(
        loan_id=LOAN,
        borrower=name32(DEPOSITOR),
        product="standard",
        product_version=1,
        principal=Money(1_000_000, "CNY"),
        tenor_days=90,
        purpose="coils",
        payee=Payee("Supplier", "6222-0001", "BANK"),
        receipts=(receipt,),
    )
    world.do(lambda s: applying.store_product(s, standard_product(), at=at))
    world.do(lambda s: applying.submit(s, application, at=at))


def test_an_exit_nobody_ordered_freezes_the_drawdown(world: World) -> None:
    lent_on(world, issued(world))
    world.look(lambda s: pledging.require_not_frozen(s, LOAN))
    world.hear(*world.moves("out", ONE, COILS[ONE]))
    (alert,) = world.look(standing_alerts)
    with pytest.raises(DrawdownFrozen) as refusal:
        world.look(lambda s: pledging.require_not_frozen(s, LOAN))
    assert refusal.value.facts["reasons"] == [f"alert:{alert.id}"]


def test_a_device_that_says_two_things_at_once_freezes_the_drawdown(world: World) -> None:
    lent_on(world, issued(world))
    world.hear(world.says(CAMERA, "gate.crossing", crossing("in"), seq=1, prev=bytes(32)))
    with pytest.raises(DrawdownFrozen):
        world.look(lambda s: pledging.require_not_frozen(s, LOAN))


def test_an_honest_arrival_freezes_nothing(world: World) -> None:
    lent_on(world, issued(world))
    world.hear(world.says(CAMERA, "gate.crossing", crossing("in", 9)))
    world.look(lambda s: pledging.require_not_frozen(s, LOAN))

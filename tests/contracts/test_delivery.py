"""One test for each requirement of ordering goods out and recording that they left."""

from typing import Any

import pytest

from iot_bridge.evidence.statement import name32
from tests.contracts.conftest import COILS
from tests.support.ledger_acts import Acted
from tests.support.ledger_life import (
    DEPOSITOR,
    HOUR_S,
    INSPECTOR,
    LENDER,
    OPERATOR,
    SITE,
    LedgerLife,
    hash_of,
)
from tests.support.refusals import refused

TOTAL = sum(COILS.values())
FIRST = {"coil-1": COILS["coil-1"]}
LAST = {"coil-2": COILS["coil-2"]}


def ask(life: LedgerLife, function: str, *args: Any) -> Any:
    return life.ledger.ask("ReceiptRegistry", function, *args)


def order(life: LedgerLife, *, by: str = LENDER, **changes: Any) -> Acted:
    """Order 1 000 kg of receipt 1 as its pledgee does, but for these changes."""
    terms = life.release_terms(1, 1_000) | changes
    signed = life.signed("ReceiptRegistry", "ReleaseOrder", terms)
    return life.ledger.act(by, "ReceiptRegistry", "orderRelease", terms, signed)


def order_by_holder(life: LedgerLife, *, by: str = DEPOSITOR, **changes: Any) -> Acted:
    terms = life.release_terms(1, 1_000) | changes
    return life.ledger.act(by, "ReceiptRegistry", "orderReleaseByHolder", terms)


def deliver(life: LedgerLife, order_id: int, kg: int, movements: list[Any], *, by: str = OPERATOR) -> Acted:
    return life.ledger.act(by, "ReceiptRegistry", "deliver", order_id, kg, movements)


# orderRelease


def test_the_pledgees_order_lets_the_pledgor_fetch_goods(pledged: LedgerLife) -> None:
    terms = pledged.release_terms(1, 9_800)
    signed = pledged.signed("ReceiptRegistry", "ReleaseOrder", terms)
    event = pledged.ledger.act(LENDER, "ReceiptRegistry", "orderRelease", terms, signed).one("ReleaseOrdered")
    assert event == {
        "orderId": 1,
        "receiptId": 1,
        "massKg": 9_800,
        "gate": terms["gate"],
        "opensAt": terms["opensAt"],
        "closesAt": terms["closesAt"],
        "to": name32(DEPOSITOR),
        "by": name32(LENDER),
    }
    assert ask(pledged, "orderLeftKg", 1) == 9_800


def test_goods_of_a_receipt_that_is_not_live_cannot_be_ordered(pledged: LedgerLife) -> None:
    with refused("ReceiptStateIs", receiptId=2, state=0):
        order(pledged, receipt=2)
    with refused("ReceiptStateIs", receiptId=2, state=0):
        order_by_holder(pledged, receipt=2)


def test_nobody_orders_as_pledgee_where_there_is_no_pledge(issued: LedgerLife) -> None:
    with refused("ReceiptNotPledged", receiptId=1):
        order(issued)


@pytest.mark.parametrize("by", [DEPOSITOR, OPERATOR, INSPECTOR])
def test_only_the_pledgee_orders_pledged_goods_out(pledged: LedgerLife, by: str) -> None:
    with refused("NotController", receiptId=1, controller=name32(LENDER), caller=name32(by)):
        order(pledged, by=by)
    with refused("NotAParty"):
        order(pledged, by="stranger")


def test_an_order_names_the_receipt_as_it_stands(pledged: LedgerLife) -> None:
    before = pledged.content(1)
    pledged.deliver(pledged.order(1, 9_800), FIRST)
    with refused("ContentDiffers", receiptId=1, current=pledged.content(1), seen=before):
        order(pledged, content=before)


def test_an_order_is_over_a_mass_that_is_there_and_not_ordered_yet(pledged: LedgerLife) -> None:
    with refused("MassOutOfRange", massKg=0):
        order(pledged, massKg=0)
    with refused("OrderedTooMuch", receiptId=1, freeKg=TOTAL, massKg=TOTAL + 1):
        order(pledged, massKg=TOTAL + 1)
    pledged.order(1, 15_000)
    with refused("OrderedTooMuch", freeKg=5_000, massKg=5_001):
        order(pledged, massKg=5_001)
    order(pledged, massKg=5_000)


def test_an_expired_order_gives_its_mass_back(pledged: LedgerLife) -> None:
    pledged.order(1, TOTAL)
    pledged.ledger.chain.wait(HOUR_S + 10)
    order(pledged, massKg=TOTAL)


def test_at_most_16_orders_are_open(pledged: LedgerLife) -> None:
    for _ in range(16):
        order(pledged)
    with refused("TooManyOrders", receiptId=1, open=16):
        order(pledged)
    pledged.ledger.chain.wait(HOUR_S + 60)
    order(pledged)


def test_an_order_names_a_gate_and_hours_that_close_ahead(pledged: LedgerLife) -> None:
    now = pledged.ledger.chain.now
    with refused("GateMissing"):
        order(pledged, gate=bytes(32))
    with refused("HoursOutOfRange", opensAt=now + 9, closesAt=now + 9):
        order(pledged, opensAt=now + 9, closesAt=now + 9)
    with refused("HoursOutOfRange", closesAt=now - 1):
        order(pledged, opensAt=now - 9, closesAt=now - 1)


@pytest.mark.parametrize("to", [LENDER, INSPECTOR])
def test_pledged_goods_go_to_the_pledgor_only(pledged: LedgerLife, to: str) -> None:
    with refused("ReceiverIsNot", wanted=name32(DEPOSITOR), given=name32(to)):
        order(pledged, to=name32(to))


def test_what_the_two_persons_signed_is_what_is_ordered(pledged: LedgerLife) -> None:
    terms = pledged.release_terms(1, 1_000)
    signed = pledged.signed("ReceiptRegistry", "ReleaseOrder", terms)
    with refused("NotAPersonOf", party=name32(LENDER)):
        pledged.ledger.act(
            LENDER, "ReceiptRegistry", "orderRelease", terms | {"gate": name32("gate-south")}, signed
        )


# orderReleaseByHolder


def test_the_holder_orders_out_what_is_not_pledged_to_any_enrolled_party(issued: LedgerLife) -> None:
    event = order_by_holder(issued, to=name32(INSPECTOR)).one("ReleaseOrdered")
    assert (event["to"], event["by"]) == (name32(INSPECTOR), name32(DEPOSITOR))
    with refused("PartyUnknown", party=name32("stranger")):
        order_by_holder(issued, to=name32("stranger"))


def test_the_holder_of_a_pledged_receipt_orders_nothing_out(pledged: LedgerLife) -> None:
    with refused("ReceiptPledged", receiptId=1, pledgeId=1):
        order_by_holder(pledged)


def test_only_the_holder_orders_as_holder(issued: LedgerLife) -> None:
    with refused("NotController", controller=name32(DEPOSITOR), caller=name32(OPERATOR)):
        order_by_holder(issued, by=OPERATOR)


def test_the_holders_order_has_the_same_bounds(issued: LedgerLife) -> None:
    with refused("ContentDiffers"):
        order_by_holder(issued, content=hash_of("stale"))
    with refused("OrderedTooMuch"):
        order_by_holder(issued, massKg=TOTAL + 1)


# deliver


def test_a_delivery_takes_its_pieces_off_the_receipt(pledged: LedgerLife) -> None:
    order_id = pledged.order(1, 9_800)
    event = pledged.deliver(order_id, FIRST).one("GoodsDelivered")
    assert event["fingerprints"] == [hash_of("coil-1")]
    assert (event["massKg"], event["remainingKg"]) == (9_800, 10_200)
    assert ask(pledged, "piecesOf", 1) == [hash_of("coil-2")]
    assert ask(pledged, "liveReceiptOf", hash_of("coil-1")) == 0
    assert ask(pledged, "controllerOf", 1) == name32(LENDER)


def test_the_last_piece_ends_the_receipt_and_its_pledge(pledged: LedgerLife) -> None:
    acted = pledged.deliver(pledged.order(1, TOTAL), COILS)
    assert acted.one("ReceiptDisencumbered") == {"receiptId": 1, "pledgeId": 1}
    assert ask(pledged, "stateOf", 1) == 2
    assert ask(pledged, "pledgeOf", 1) == 0


def test_without_an_order_nothing_is_delivered(issued: LedgerLife) -> None:
    movements = issued.let_out(FIRST)
    with refused("OrderUnknown", orderId=1):
        deliver(issued, 1, 9_800, movements)


def test_a_delivered_receipt_delivers_no_more(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    issued.deliver(order_id, COILS)
    with refused("ReceiptStateIs", receiptId=1, state=2):
        deliver(issued, order_id, 9_800, issued.let_out(FIRST))


def test_only_the_sites_operator_delivers(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    movements = issued.let_out(FIRST)
    with refused("NotOperator", site=name32(SITE), caller=name32(DEPOSITOR)):
        deliver(issued, order_id, 9_800, movements, by=DEPOSITOR)
    with refused("NotAParty"):
        deliver(issued, order_id, 9_800, movements, by="stranger")


def test_an_order_of_the_holder_ends_when_control_moves_to_a_pledgee(issued: LedgerLife) -> None:
    order_id = issued.order(1, 9_800)
    issued.ledger.chain.wait(HOUR_S + 10)
    inside_its_hours = (issued.ledger.chain.now - HOUR_S // 2) * 1000
    issued.pledge([1])
    index = issued.site.see("movement.out", hash_of("coil-1"), 9_800, seen_at_ms=inside_its_hours)
    with refused("OrderSuperseded", orderId=order_id, receiptId=1):
        deliver(issued, order_id, 9_800, issued.settled([index]))


def test_a_delivery_heavier_than_ordered_is_refused(pledged: LedgerLife) -> None:
    order_id = pledged.order(1, 9_800)
    with refused("MassOutOfRange", massKg=0):
        deliver(pledged, order_id, 0, [])
    with refused("HeavierThanOrdered", orderId=order_id, leftKg=9_800, massKg=9_801):
        deliver(pledged, order_id, 9_801, pledged.let_out(FIRST))
    pledged.deliver(order_id, FIRST)
    with refused("HeavierThanOrdered", leftKg=0, massKg=10_200):
        deliver(pledged, order_id, 10_200, pledged.let_out(LAST))


def test_two_orders_never_deliver_more_than_the_receipt_has(issued: LedgerLife) -> None:
    old = issued.order(1, TOTAL)
    seen = issued.site.see("movement.out", hash_of("coil-2"), 10_200)
    issued.ledger.chain.wait(HOUR_S + 10)
    new = issued.order(1, TOTAL)
    issued.deliver(new, FIRST)
    with refused("HeavierThanOrdered", orderId=old, leftKg=10_200, massKg=TOTAL):
        deliver(issued, old, TOTAL, [issued.site.evidence(seen)])
    deliver(issued, old, 10_200, [issued.site.evidence(seen)])
    assert ask(issued, "stateOf", 1) == 2


def test_a_delivery_is_of_at_least_one_piece_and_no_more_than_are_there(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    with refused("MovementsCountIs", wanted=1, given=0):
        deliver(issued, order_id, 1, [])
    with refused("MovementsCountIs", wanted=2, given=3):
        deliver(issued, order_id, 1, issued.let_out(FIRST) * 3)


def test_only_a_movement_out_of_this_site_lets_a_piece_out(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    index = issued.site.see("movement.in", hash_of("coil-1"), 9_800)
    with refused("KindIsNot", wanted=name32("movement.out")):
        deliver(issued, order_id, 9_800, issued.settled([index]))
    (movement,) = issued.let_out(FIRST)
    elsewhere = movement | {"statement": movement["statement"] | {"site": name32("wuxi-yard-2")}}
    with refused("SiteIsNot", wanted=name32(SITE)):
        deliver(issued, order_id, 9_800, [elsewhere])


def test_an_exit_outside_the_orders_hours_is_not_covered_by_it(issued: LedgerLife) -> None:
    terms = issued.release_terms(1, TOTAL)
    order_id = issued.order(1, TOTAL, opensAt=terms["opensAt"], closesAt=terms["closesAt"])
    for seen_at_ms in (terms["opensAt"] * 1000 - 1, terms["closesAt"] * 1000 + 1000):
        index = issued.site.see("movement.out", hash_of("coil-1"), 9_800, seen_at_ms=seen_at_ms)
        with refused("ExitOutsideHours", orderId=order_id, seenAtMs=seen_at_ms):
            deliver(issued, order_id, 9_800, issued.settled([index]))
    index = issued.site.see(
        "movement.out", hash_of("coil-1"), 9_800, seen_at_ms=terms["closesAt"] * 1000 + 999
    )
    deliver(issued, order_id, 9_800, issued.settled([index]))


def test_an_exit_in_the_orders_hours_can_be_settled_when_they_are_over(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    index = issued.site.see("movement.out", hash_of("coil-1"), 9_800)
    issued.ledger.chain.wait(7 * 24 * HOUR_S)
    deliver(issued, order_id, 9_800, issued.settled([index]))


def test_a_piece_of_another_receipt_is_not_delivered_on_this_one(issued: LedgerLife) -> None:
    issued.issue({"coil-7": 7_000})
    order_id = issued.order(1, TOTAL)
    with refused("NotAPieceOf", receiptId=1, fingerprint=hash_of("coil-7")):
        deliver(issued, order_id, 7_000, issued.let_out({"coil-7": 7_000}))


def test_a_movement_lets_a_piece_out_once(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    movements = issued.let_out(FIRST)
    deliver(issued, order_id, 9_800, movements)
    with refused("NotAPieceOf"):
        deliver(issued, order_id, 9_800, movements)
    assert issued.issue(FIRST) == 2
    second = issued.order(2, 9_800, opensAt=1)
    with refused("AlreadySpent"):
        deliver(issued, second, 9_800, movements)


def test_an_exit_rests_on_a_witnessed_head_or_on_one_of_24_hours(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    index = issued.site.see("movement.out", hash_of("coil-1"), 9_800)
    issued.site.anchor()
    with refused("HeadNotSettled"):
        deliver(issued, order_id, 9_800, [issued.site.evidence(index)])
    issued.ledger.chain.wait(24 * HOUR_S)
    deliver(issued, order_id, 9_800, [issued.site.evidence(index)])


@pytest.mark.parametrize(("measured", "holds"), [(9_771, 1), (9_829, 1), (9_770, 0), (9_830, 0)])
def test_the_scale_agrees_with_the_delivery_within_30_basis_points(
    issued: LedgerLife, measured: int, holds: int
) -> None:
    order_id = issued.order(1, TOTAL)
    movements = issued.let_out({"coil-1": measured})
    if holds:
        deliver(issued, order_id, 9_800, movements)
    else:
        with refused("MassDiffers", statedKg=9_800, measuredKg=measured):
            deliver(issued, order_id, 9_800, movements)


def test_no_mass_is_left_while_pieces_are(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    movements = issued.let_out({"coil-1": TOTAL})
    with refused("PiecesLeft", receiptId=1, pieces=1):
        deliver(issued, order_id, TOTAL, movements)


def test_with_the_last_piece_at_most_30_basis_points_are_left_over(issued: LedgerLife) -> None:
    order_id = issued.order(1, TOTAL)
    light = {"coil-1": 9_800, "coil-2": 10_139}
    with refused("MassLeft", receiptId=1, massKg=61):
        issued.copy().deliver(order_id, light)
    event = issued.deliver(order_id, light | {"coil-2": 10_140}).one("GoodsDelivered")
    assert (event["massKg"], event["remainingKg"]) == (TOTAL - 60, 0)
    assert ask(issued, "stateOf", 1) == 2


# encumber, disencumber


def test_only_the_pledge_registry_moves_control(issued: LedgerLife) -> None:
    caller = issued.ledger.address(LENDER).lower()
    content = issued.content(1)
    with refused("NotPledgeRegistry", caller=caller):
        issued.ledger.act(LENDER, "ReceiptRegistry", "encumber", 1, 9, name32(LENDER), content)
    with refused("NotPledgeRegistry", caller=caller):
        issued.ledger.act(LENDER, "ReceiptRegistry", "disencumber", 1)

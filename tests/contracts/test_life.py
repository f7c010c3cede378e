"""The whole life of a receipt and its loan, on the EVM in this process and on the nodes alike."""

from iot_bridge.evidence.statement import name32
from tests.contracts.conftest import COILS
from tests.support.ledger import AnyLedger
from tests.support.ledger_life import DEPOSITOR, LENDER, LedgerLife, hash_of
from tests.support.ledger_node import Node


def live(life: LedgerLife) -> None:
    ask = life.ledger.ask
    receipt = life.issue(COILS)
    assert ask("ReceiptRegistry", "controllerOf", receipt) == name32(DEPOSITOR)
    pledge = life.pledge([receipt])
    assert ask("ReceiptRegistry", "controllerOf", receipt) == name32(LENDER)
    assert ask("ReceiptRegistry", "holderOf", receipt) == name32(DEPOSITOR)
    life.record(pledge, "disbursed")
    first = life.order(receipt, 9_800)
    delivered = life.deliver(first, {"coil-1": 9_800}).one("GoodsDelivered")
    assert (delivered["massKg"], delivered["remainingKg"]) == (9_800, 10_200)
    assert ask("ReceiptRegistry", "liveReceiptOf", hash_of("coil-1")) == 0
    life.record(pledge, "repaid")
    life.release(pledge, receipt)
    assert ask("ReceiptRegistry", "controllerOf", receipt) == name32(DEPOSITOR)
    last = life.order(receipt, 10_200)
    life.deliver(last, {"coil-2": 10_200})
    assert ask("ReceiptRegistry", "stateOf", receipt) == 2
    life.close(pledge)
    assert ask("PledgeRegistry", "statusOf", pledge) == 6


def test_a_life_goes_from_intake_to_a_closed_loan(life: LedgerLife) -> None:
    live(life)


def test_the_same_life_goes_the_same_way_on_a_node(either: AnyLedger) -> None:
    live(LedgerLife.begin(Node(either)))

"""One test for each requirement of a pledge's end and of its loan's events."""

import pytest
from eth_abi import abi as codec
from sha3 import keccak_256

from iot_bridge.evidence.statement import name32
from tests.contracts.conftest import COILS
from tests.contracts.test_pledge_steps import (
    CLOSED,
    DAY_S,
    EFFECTIVE,
    ENDORSED,
    EXPIRED,
    RELEASED,
    WITHDRAWN,
    act,
    ask,
    endorse,
)
from tests.support.ledger_acts import Acted
from tests.support.ledger_life import DEPOSITOR, LENDER, OPERATOR, LedgerLife, hash_of
from tests.support.refusals import refused

# withdraw


@pytest.mark.parametrize("by", [DEPOSITOR, LENDER])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_either_side_withdraws_before_control_has_moved(issued: LedgerLife, by: str, steps: int) -> None:
    endorse(issued)
    for step in (issued.attorn, issued.register)[:steps]:
        step(1)
    event = act(issued, by, "withdraw", 1).one("PledgeWithdrawn")
    assert event == {"pledgeId": 1, "by": name32(by)}
    assert (ask(issued, "statusOf", 1), ask(issued, "livePledgeOf", 1)) == (WITHDRAWN, 0)


def test_nobody_else_withdraws_and_not_afterwards(pledged: LedgerLife) -> None:
    with refused("NotAParty"):
        act(pledged, "stranger", "withdraw", 1)
    with refused("NotPartyTo", pledgeId=1, caller=name32(OPERATOR)):
        act(pledged, OPERATOR, "withdraw", 1)
    with refused("PledgeStatusIs", pledgeId=1, status=EFFECTIVE):
        act(pledged, DEPOSITOR, "withdraw", 1)


# lapse


def test_a_pledge_that_no_loan_followed_lapses_after_7_days(pledged: LedgerLife) -> None:
    effective_at = ask(pledged, "publicityOf", 1)["effectiveAt"]
    with refused("NotPledgor", pledgeId=1, caller=name32(LENDER)):
        act(pledged, LENDER, "lapse", 1)
    with refused("NotLapsed", pledgeId=1, lapsesAt=effective_at + 7 * DAY_S):
        act(pledged, DEPOSITOR, "lapse", 1)
    pledged.ledger.chain.wait(7 * DAY_S + 10)
    act(pledged, DEPOSITOR, "lapse", 1)
    assert ask(pledged, "statusOf", 1) == EXPIRED
    assert pledged.ledger.ask("ReceiptRegistry", "controllerOf", 1) == name32(DEPOSITOR)
    with refused("PledgeStatusIs", status=EXPIRED):
        act(pledged, DEPOSITOR, "lapse", 1)


def test_a_pledge_with_a_loan_event_does_not_lapse(pledged: LedgerLife) -> None:
    pledged.record(1, "disbursed")
    pledged.ledger.chain.wait(30 * DAY_S)
    with refused("LoanEventsExist", pledgeId=1, events=1):
        act(pledged, DEPOSITOR, "lapse", 1)


# recordLoanEvent


def test_loan_events_make_a_chain_that_a_later_opening_proves(pledged: LedgerLife) -> None:
    chain = bytes(32)
    for index, event in enumerate(("disbursed", "margin call", "repaid"), start=1):
        chain = bytes(keccak_256(codec.encode(["bytes32", "bytes32"], [chain, hash_of(event)])).digest())
        assert pledged.record(1, event).one("LoanEventRecorded") == {
            "pledgeId": 1,
            "index": index,
            "commitment": hash_of(event),
            "chain": chain,
        }
    assert ask(pledged, "loanOf", 1) == {"events": 3, "chain": chain}


def test_only_the_pledgee_records_and_only_while_the_loan_lives(pledged: LedgerLife) -> None:
    with refused("NotPledgee", pledgeId=1, caller=name32(DEPOSITOR)):
        act(pledged, DEPOSITOR, "recordLoanEvent", 1, hash_of("event"))
    with refused("CommitmentMissing"):
        act(pledged, LENDER, "recordLoanEvent", 1, bytes(32))
    pledged.release(1, 1)
    pledged.record(1, "after release")
    pledged.close(1)
    with refused("PledgeStatusIs", pledgeId=1, status=CLOSED):
        pledged.record(1, "after close")


def test_nothing_is_recorded_before_control_has_moved(issued: LedgerLife) -> None:
    endorse(issued)
    with refused("PledgeStatusIs", pledgeId=1, status=ENDORSED):
        issued.record(1, "too early")


# release


def test_a_release_gives_control_back(pledged: LedgerLife) -> None:
    acted = pledged.release(1, 1)
    assert acted.one("PledgeReleased") == {"pledgeId": 1, "receiptId": 1}
    assert acted.one("ReceiptDisencumbered") == {"receiptId": 1, "pledgeId": 1}
    assert pledged.ledger.ask("ReceiptRegistry", "controllerOf", 1) == name32(DEPOSITOR)
    assert ask(pledged, "statusOf", 1) == RELEASED


def release(life: LedgerLife, *, by: str = LENDER, receipt: int = 1, content: bytes | None = None) -> Acted:
    content = life.content(receipt) if content is None else content
    fields = {"pledge": 1, "receipt": receipt, "content": content}
    signed = life.signed("PledgeRegistry", "Release", fields)
    return act(life, by, "release", 1, receipt, content, signed)


def test_only_the_pledgee_releases_and_once(pledged: LedgerLife) -> None:
    with refused("NotPledgee", pledgeId=1, caller=name32(DEPOSITOR)):
        release(pledged, by=DEPOSITOR)
    release(pledged)
    with refused("PledgeStatusIs", pledgeId=1, status=RELEASED):
        release(pledged)


def test_only_what_is_under_the_pledge_is_released(pledged: LedgerLife) -> None:
    other = pledged.issue({"coil-9": 9_000})
    with refused("NotUnderPledge", pledgeId=1, receiptId=other):
        release(pledged, receipt=other)


def test_a_release_names_the_receipt_as_it_stands(pledged: LedgerLife) -> None:
    with refused("SeenContentDiffers", receiptId=1, current=pledged.content(1), seen=hash_of("stale")):
        release(pledged, content=hash_of("stale"))


# close


def test_a_loan_closes_when_no_receipt_is_under_it(pledged: LedgerLife) -> None:
    with refused("ReceiptStillPledged", pledgeId=1, receiptId=1):
        pledged.close(1)
    pledged.deliver(pledged.order(1, sum(COILS.values())), COILS)
    assert pledged.close(1).one("LoanClosed") == {"pledgeId": 1}
    assert ask(pledged, "statusOf", 1) == CLOSED
    with refused("PledgeStatusIs", pledgeId=1, status=CLOSED):
        pledged.close(1)


def test_only_the_pledgee_closes_what_was_effective(issued: LedgerLife) -> None:
    endorse(issued)
    with refused("NotPledgee", pledgeId=1, caller=name32(DEPOSITOR)):
        act(issued, DEPOSITOR, "close", 1)
    with refused("PledgeStatusIs", pledgeId=1, status=ENDORSED):
        issued.close(1)


def test_a_pledge_that_nobody_endorsed_is_nothing(issued: LedgerLife) -> None:
    assert ask(issued, "statusOf", 7) == 0
    assert ask(issued, "livePledgeOf", 7) == 0

"""One test for each requirement of a pledge's steps until control moves."""

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
    LedgerLife,
    Site,
    hash_of,
)
from tests.support.refusals import refused

DAY_S = 24 * HOUR_S
TERMS = hash_of("terms")
ENDORSED, ATTORNED, REGISTERED, EFFECTIVE, RELEASED, CLOSED, WITHDRAWN, EXPIRED = range(1, 9)


def ask(life: LedgerLife, function: str, *args: Any) -> Any:
    return life.ledger.ask("PledgeRegistry", function, *args)


def act(life: LedgerLife, by: str, function: str, *args: Any) -> Acted:
    return life.ledger.act(by, "PledgeRegistry", function, *args)


def endorse(life: LedgerLife, *, by: str = DEPOSITOR, **changes: Any) -> Acted:
    expires_at = life.ledger.chain.now + DAY_S
    facts = {"receipts": [1], "pledgee": name32(LENDER), "terms": TERMS, "expiresAt": expires_at}
    return act(life, by, "endorse", *(facts | changes).values())


def register(life: LedgerLife, pledge: int, *, by: str = LENDER, **changes: Any) -> Acted:
    facts = {"terms": TERMS, "filing": hash_of("filing"), "filedAt": 1, "search": hash_of("search")}
    return act(life, by, "register", pledge, *(facts | changes).values())


def another_lender(life: LedgerLife) -> str:
    """A second bank, enrolled; its name."""
    account = life.ledger.address("hill-bank")
    life.ledger.act("enroller", "PartyRegistry", "enrolParty", name32("hill-bank"), account, 4, hash_of("h"))
    return "hill-bank"


# endorse


def test_an_endorsed_pledge_leaves_control_with_its_pledgor(issued: LedgerLife) -> None:
    event = endorse(issued).one("PledgeEndorsed")
    assert (event["pledgor"], event["pledgee"], event["receipts"]) == (name32(DEPOSITOR), name32(LENDER), [1])
    assert ask(issued, "statusOf", 1) == ENDORSED
    assert ask(issued, "livePledgeOf", 1) == 1
    assert ask(issued, "receiptsOf", 1) == [1]
    assert (ask(issued, "pledgorOf", 1), ask(issued, "pledgeeOf", 1)) == (name32(DEPOSITOR), name32(LENDER))
    assert ask(issued, "termsOf", 1) == TERMS
    assert issued.ledger.ask("ReceiptRegistry", "controllerOf", 1) == name32(DEPOSITOR)


def test_only_a_party_that_may_create_endorses(issued: LedgerLife) -> None:
    with refused("NotAParty"):
        endorse(issued, by="stranger")
    issued.suspend("Party", DEPOSITOR)
    with refused("PartyIsSuspended"):
        endorse(issued)
    issued.suspend("Party", DEPOSITOR, suspended=False)
    issued.pause()
    with refused("CreatingIsPaused"):
        endorse(issued)


def test_a_pledge_has_terms(issued: LedgerLife) -> None:
    with refused("TermsMissing"):
        endorse(issued, terms=bytes(32))


@pytest.mark.parametrize("count", [0, 33])
def test_a_pledge_is_of_1_to_32_receipts(issued: LedgerLife, count: int) -> None:
    with refused("ReceiptsOutOfRange", receipts=count):
        endorse(issued, receipts=[1] * count)


def test_an_endorsement_expires_ahead_and_within_366_days(issued: LedgerLife) -> None:
    now = issued.ledger.chain.now
    for expires_at in (now, now + 366 * DAY_S + 1):
        with refused("ExpiryOutOfRange", expiresAt=expires_at, latest=now + 366 * DAY_S):
            endorse(issued.copy(), expiresAt=expires_at)


def test_a_pledgee_is_a_lender_in_standing(issued: LedgerLife) -> None:
    with refused("PartyUnknown", party=name32("stranger")):
        endorse(issued, pledgee=name32("stranger"))
    with refused("CapacityMissing", party=name32(INSPECTOR), wanted=4):
        endorse(issued, pledgee=name32(INSPECTOR))
    issued.suspend("Party", LENDER)
    with refused("PartyIsSuspended", party=name32(LENDER)):
        endorse(issued)


def test_nobody_pledges_to_himself(issued: LedgerLife) -> None:
    with refused("PledgeToSelf", party=name32(LENDER)):
        endorse(issued, by=LENDER)


def test_only_a_live_receipt_that_one_holds_is_pledged(issued: LedgerLife) -> None:
    with refused("ReceiptStateIs", receiptId=2, state=0):
        endorse(issued, receipts=[1, 2])
    with refused("ReceiptNotHeld", receiptId=1, holder=name32(DEPOSITOR), caller=name32(OPERATOR)):
        endorse(issued, by=OPERATOR)


def test_a_second_pledge_is_refused_while_the_first_lives(issued: LedgerLife) -> None:
    endorse(issued)
    other = another_lender(issued)
    with refused("SecondPledge", receiptId=1, livePledge=1):
        endorse(issued, pledgee=name32(other))
    issued.attorn(1)
    issued.register(1)
    issued.accept(1)
    with refused("SecondPledge", receiptId=1, livePledge=1):
        endorse(issued, pledgee=name32(other))
    with refused("SecondPledge", livePledge=2):
        endorse(issued, receipts=[issued.issue({"coil-9": 9_000})] * 2)


def test_a_receipt_is_free_again_once_its_pledge_ended(issued: LedgerLife) -> None:
    endorse(issued)
    act(issued, DEPOSITOR, "withdraw", 1)
    endorse(issued)
    issued.ledger.chain.wait(DAY_S + HOUR_S)
    assert issued.pledge([1]) == 3
    issued.release(3, 1)
    assert ask(issued, "livePledgeOf", 1) == 0
    assert issued.pledge([1]) == 4


def test_all_receipts_of_a_pledge_are_of_one_operator(issued: LedgerLife) -> None:
    ledger, storage = issued.ledger, "other-storage"
    identity = hash_of(storage)
    ledger.act(
        "enroller", "PartyRegistry", "enrolParty", name32(storage), ledger.address(storage), 2, identity
    )
    site = Site.open(ledger, name="yard-9", operator=storage, bridge="bridge.9", fusion="fusion-9")
    other = LedgerLife(ledger, site).issue({"coil-9": 9_000})
    with refused("OperatorsDiffer", receiptId=other, first=name32(OPERATOR), other=name32(storage)):
        endorse(issued, receipts=[1, other])


# attorn


def test_the_operator_attorns(issued: LedgerLife) -> None:
    endorse(issued)
    assert issued.attorn(1).one("PledgeAttorned") == {"pledgeId": 1, "operator": name32(OPERATOR)}
    assert ask(issued, "statusOf", 1) == ATTORNED


def test_only_the_operator_of_the_goods_in_standing_attorns(issued: LedgerLife) -> None:
    endorse(issued)
    with refused("CapacityMissing", party=name32(LENDER)):
        act(issued, LENDER, "attorn", 1, TERMS)
    other = issued.ledger.address("other-storage")
    issued.ledger.act("enroller", "PartyRegistry", "enrolParty", name32("other"), other, 2, hash_of("o"))
    with refused("NotOperatorOf", pledgeId=1, caller=name32("other")):
        act(issued, "other-storage", "attorn", 1, TERMS)
    issued.suspend("Party", OPERATOR)
    with refused("PartyIsSuspended"):
        issued.attorn(1)


def test_an_operator_attorns_once_and_in_time(issued: LedgerLife) -> None:
    endorse(issued)
    expired = issued.copy()
    issued.attorn(1)
    with refused("PledgeStatusIs", pledgeId=1, status=ATTORNED):
        issued.attorn(1)
    expired.ledger.chain.wait(DAY_S + 1)
    with refused("PledgeStatusIs", pledgeId=1, status=EXPIRED):
        expired.attorn(1)


def test_every_step_names_the_endorsed_terms(issued: LedgerLife) -> None:
    other = hash_of("other terms")
    endorse(issued)
    with refused("TermsDiffer", endorsed=TERMS, given=other):
        act(issued, OPERATOR, "attorn", 1, other)
    issued.attorn(1)
    with refused("TermsDiffer", given=other):
        register(issued, 1, terms=other)
    issued.register(1)
    signed = issued.signed("PledgeRegistry", "Acceptance", {"pledge": 1, "terms": other})
    with refused("TermsDiffer", given=other):
        act(issued, LENDER, "accept", 1, other, signed)


# register


def test_the_pledgee_registers_its_filing_and_search(issued: LedgerLife) -> None:
    endorse(issued)
    issued.attorn(1)
    event = issued.register(1).one("PledgeRegistered")
    assert event["filing"] == hash_of("filing")
    filed = ask(issued, "filingOf", 1)
    assert (filed["filing"], filed["filedAt"], filed["search"]) == (
        hash_of("filing"),
        1_790_000_000,
        hash_of("search"),
    )
    assert ask(issued, "statusOf", 1) == REGISTERED


def test_only_the_pledgee_registers(issued: LedgerLife) -> None:
    endorse(issued)
    issued.attorn(1)
    with refused("CapacityMissing"):
        register(issued, 1, by=OPERATOR)
    other = another_lender(issued)
    with refused("NotPledgee", pledgeId=1, caller=name32(other)):
        register(issued, 1, by=other)


def test_a_filing_follows_attornment(issued: LedgerLife) -> None:
    endorse(issued)
    with refused("PledgeStatusIs", pledgeId=1, status=ENDORSED):
        issued.register(1)


def test_a_filing_has_its_reference_its_instant_and_its_search(issued: LedgerLife) -> None:
    endorse(issued)
    issued.attorn(1)
    with refused("FilingMissing"):
        register(issued, 1, filing=bytes(32))
    with refused("FilingMissing"):
        register(issued, 1, filedAt=0)
    with refused("SearchMissing"):
        register(issued, 1, search=bytes(32))


# accept


def test_acceptance_moves_control_and_not_title(pledged: LedgerLife) -> None:
    assert ask(pledged, "statusOf", 1) == EFFECTIVE
    registry = "ReceiptRegistry"
    assert pledged.ledger.ask(registry, "controllerOf", 1) == name32(LENDER)
    assert pledged.ledger.ask(registry, "holderOf", 1) == name32(DEPOSITOR)
    assert pledged.ledger.ask(registry, "pledgeOf", 1) == 1
    steps = ask(pledged, "publicityOf", 1)
    instants = [steps[name] for name in ("endorsedAt", "attornedAt", "registeredAt", "effectiveAt")]
    assert instants == sorted(instants)
    assert 0 not in instants


@pytest.mark.parametrize("steps", [0, 1])
def test_no_pledge_becomes_effective_with_a_step_missing(issued: LedgerLife, steps: int) -> None:
    endorse(issued)
    for step in (issued.attorn, issued.register)[:steps]:
        step(1)
    with refused("PledgeStatusIs", pledgeId=1, status=ENDORSED + steps):
        issued.accept(1)


def test_a_pledge_is_accepted_once_and_in_time(pledged: LedgerLife, issued: LedgerLife) -> None:
    with refused("PledgeStatusIs", pledgeId=1, status=EFFECTIVE):
        pledged.accept(1)
    endorse(issued)
    issued.attorn(1)
    issued.register(1)
    issued.ledger.chain.wait(DAY_S + 1)
    with refused("PledgeStatusIs", pledgeId=1, status=EXPIRED):
        issued.accept(1)


def test_only_the_pledgee_in_standing_accepts(issued: LedgerLife) -> None:
    endorse(issued)
    issued.attorn(1)
    issued.register(1)
    signed = issued.signed("PledgeRegistry", "Acceptance", {"pledge": 1, "terms": TERMS})
    other = another_lender(issued)
    with refused("NotPledgee", caller=name32(other)):
        act(issued, other, "accept", 1, TERMS, signed)
    issued.suspend("Party", LENDER)
    with refused("PartyIsSuspended"):
        act(issued, LENDER, "accept", 1, TERMS, signed)


def test_a_receipt_that_changed_since_it_was_endorsed_is_not_accepted(issued: LedgerLife) -> None:
    endorse(issued)
    issued.attorn(1)
    issued.register(1)
    before = issued.content(1)
    issued.deliver(issued.order(1, 9_800), {"coil-1": 9_800})
    with refused("ContentDiffers", receiptId=1, current=issued.content(1), seen=before):
        issued.accept(1)


def test_a_receipt_that_is_gone_is_not_accepted(issued: LedgerLife) -> None:
    endorse(issued)
    issued.attorn(1)
    issued.register(1)
    issued.deliver(issued.order(1, sum(COILS.values())), COILS)
    with refused("ReceiptStateIs", receiptId=1, state=2):
        issued.accept(1)


def test_a_receipt_with_an_open_order_is_not_accepted(issued: LedgerLife) -> None:
    endorse(issued)
    issued.attorn(1)
    issued.register(1)
    order = issued.order(1, 1_000)
    with refused("ReceiptHasOpenOrder", receiptId=1, orderId=order):
        issued.accept(1)
    issued.ledger.chain.wait(HOUR_S + 10)
    issued.accept(1)

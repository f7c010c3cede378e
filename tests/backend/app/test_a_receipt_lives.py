"""From coils at the gate to goods delivered, on a real ledger: every act leaves through the bank's outbox."""

from datetime import timedelta
from functools import partial
from hashlib import sha256

import pytest

from backend.alerts.actions import standing_alerts
from backend.chain import actions as chain
from backend.chain.rules import ActState
from backend.evidence.rules import MovementMissing, NotYetWitnessed
from backend.evidence.support import movement_of
from backend.identity.rules import SamePerson
from backend.pledges import actions as pledges
from backend.pledges.rules import (
    PledgeIncomplete,
    PledgeState,
    PledgeStateIs,
    ReceiptAlreadyPledged,
    ReceiptsStillPledged,
)
from backend.receipts import actions as receipts
from backend.receipts.document import document_hash
from backend.receipts.rules import (
    IssueTerms,
    OrderExceeded,
    PieceAlreadyCovered,
    PieceForeign,
    ReceiptState,
    RequestNotOpen,
    RequestState,
    content_hash,
)
from iot_bridge.evidence.statement import name32
from tests.backend.app.conftest import CAMERA, OFFICERS, World
from tests.backend.receipts.test_document import COMPLETE
from tests.support.ledger_life import DEPOSITOR, LENDER, OPERATOR, SITE

COILS = {
    sha256(b"coil-1").digest(): 9_800,
    sha256(b"coil-2").digest(): 10_200,
    sha256(b"coil-3").digest(): 9_900,
}
ONE, TWO, THREE = COILS
LOT_KG = sum(COILS.values())
TERMS = sha256(b"terms of the loan").digest()


@pytest.fixture
def bank_database(database_url: str) -> str:
    """A receipt lives the same life on either kind of database."""
    return database_url


def document() -> dict[str, object]:
    goods = COMPLETE["goods"] | {"mass_kg": LOT_KG, "pieces": len(COILS)}
    return COMPLETE | {"goods": goods, "storage": COMPLETE["storage"] | {"site": SITE}}


def issue_terms() -> IssueTerms:
    return IssueTerms(
        site=SITE,
        bay="bay.a",
        commodity="steel.hrc",
        grade="q235b",
        mass_kg=LOT_KG,
        fingerprints=tuple(COILS),
        representations=sha256(b"representations").digest(),
    )


def ask(world: World) -> int:
    """The depositor's confirmed request."""
    now = world.bank.wall.now()
    found = world.do(
        lambda s: receipts.request_issue(
            s, issue_terms(), document(), profile="CN-909", signer=DEPOSITOR, now=now
        )
    )
    assert found == document_hash(document())
    world.confirmed(f"request-issue:0x{found.hex()}")
    request = world.look(lambda s: receipts.request_of_document(s, found))
    assert request is not None
    return int(request)


def arrive(world: World) -> None:
    world.witnessed(*(each for coil, kg in COILS.items() for each in world.moves("in", coil, kg)))


def issued(world: World) -> int:
    arrive(world)
    request = ask(world)
    world.do(lambda s: receipts.issue(s, request, signer=OPERATOR))
    world.settle()
    return int(world.look(lambda s: receipts.receipt_covering(s, ONE)))


def pledged(world: World, receipt: int, terms: bytes = TERMS) -> int:
    """Every step until the pledge with these terms is effective."""
    bank, now = name32(LENDER), world.bank.wall.now()
    later = now + timedelta(hours=12)
    world.do(
        lambda s: pledges.endorse(
            s, (receipt,), pledgee=bank, terms=terms, expires_at=later, signer=DEPOSITOR
        )
    )
    world.settle()
    pledge = int(world.look(lambda s: pledges.pledge_with_terms(s, name32(DEPOSITOR), terms)))
    world.do(lambda s: pledges.attorn(s, pledge, terms=terms, signer=OPERATOR, now=now))
    world.confirmed(f"attorn:{pledge}")
    with pytest.raises(PledgeIncomplete) as refusal:
        world.look(lambda s: pledges.require_effective(s, pledge))
    assert refusal.value.facts["missing"] == "registered, effective"
    filing = pledges.Filing(reference=b"\x01" * 32, filed_at=now, search=b"\x02" * 32)
    world.do(lambda s: pledges.register(s, pledge, filing, terms=terms, signer=LENDER, now=now))
    world.confirmed(f"register:{pledge}")
    world.do(
        lambda s: pledges.accept(
            s, pledge, terms=terms, officers=OFFICERS, desk=world.bank.signing, signer=LENDER, now=now
        )
    )
    world.confirmed(f"accept:{pledge}")
    return pledge


def ordered(world: World, receipt: int, mass_kg: int) -> int:
    now = world.bank.wall.now()
    wish = receipts.ReleaseWish(
        receipt_id=receipt,
        mass_kg=mass_kg,
        gate=CAMERA,
        opens_at=now - timedelta(minutes=1),
        closes_at=now + timedelta(hours=2),
        to=name32(DEPOSITOR),
    )
    world.do(
        lambda s: receipts.order_release(
            s, wish, officers=OFFICERS, desk=world.bank.signing, signer=LENDER, now=now
        )
    )
    world.settle()
    return int(world.look(lambda s: receipts.orders_open_at(s, name32(SITE), CAMERA, now))[-1].id)


def require_same_as_ledger(world: World, receipt: int) -> None:
    """The projection says what the contract says."""
    ask_ledger = world.life.ledger.ask
    found = world.look(lambda s: receipts.receipt(s, receipt))
    assert content_hash(found) == ask_ledger("ReceiptRegistry", "contentHashOf", receipt)
    assert list(found.fingerprints) == list(ask_ledger("ReceiptRegistry", "piecesOf", receipt))
    assert found.remaining_kg == ask_ledger("ReceiptRegistry", "remainingKg", receipt)


def test_coils_become_a_receipt_a_pledge_an_exit_and_a_delivery(world: World) -> None:
    receipt = issued(world)
    require_same_as_ledger(world, receipt)
    pledge = pledged(world, receipt)
    assert world.look(lambda s: pledges.require_effective(s, pledge)).receipts == (receipt,)
    assert world.look(lambda s: pledges.pledge_of_receipt(s, receipt)) == pledge
    world.do(lambda s: pledges.record_loan_event(s, pledge, b"\x07" * 32, signer=LENDER))
    world.settle()
    assert world.look(lambda s: pledges.recorded_commitments(s, pledge)) == [b"\x07" * 32]

    order = ordered(world, receipt, COILS[ONE])
    world.witnessed(*world.moves("out", ONE, COILS[ONE]))
    assert world.look(standing_alerts) == []
    world.do(lambda s: receipts.deliver(s, order, (ONE,), signer=OPERATOR))
    world.settle()
    require_same_as_ledger(world, receipt)
    assert world.look(lambda s: receipts.receipt(s, receipt)).fingerprints == (THREE, TWO)

    now = world.bank.wall.now()
    with pytest.raises(ReceiptsStillPledged):
        world.do(lambda s: pledges.close(s, pledge, signer=LENDER, now=now))
    world.do(
        lambda s: pledges.release(
            s, pledge, receipt, officers=OFFICERS, desk=world.bank.signing, signer=LENDER, now=now
        )
    )
    world.settle()
    assert world.look(lambda s: pledges.pledge(s, pledge)).state(now) is PledgeState.RELEASED
    world.do(lambda s: pledges.close(s, pledge, signer=LENDER, now=now))
    world.confirmed(f"close:{pledge}")
    with pytest.raises(PledgeStateIs):
        world.look(lambda s: pledges.require_effective(s, pledge))


def test_a_pledge_whose_goods_have_all_left_in_order_holds_nothing_and_is_closed(world: World) -> None:
    receipt = issued(world)
    pledge = pledged(world, receipt)
    order = ordered(world, receipt, LOT_KG)
    world.witnessed(*(each for coil, kg in COILS.items() for each in world.moves("out", coil, kg)))
    world.do(lambda s: receipts.deliver(s, order, tuple(COILS), signer=OPERATOR))
    world.settle()
    assert world.look(lambda s: receipts.receipt(s, receipt)).state is ReceiptState.DELIVERED
    now = world.bank.wall.now()
    assert world.look(lambda s: pledges.pledge(s, pledge)).receipts == ()
    world.do(lambda s: pledges.close(s, pledge, signer=LENDER, now=now))
    world.confirmed(f"close:{pledge}")
    assert world.look(lambda s: pledges.pledge(s, pledge)).state(now) is PledgeState.CLOSED


def test_a_second_receipt_for_covered_coils_is_refused_with_nothing_half_done(world: World) -> None:
    receipt = issued(world)
    now = world.bank.wall.now()
    with pytest.raises(PieceAlreadyCovered) as refusal:
        world.do(
            lambda s: receipts.request_issue(
                s, issue_terms(), document(), profile="CN-909", signer=DEPOSITOR, now=now
            )
        )
    assert refusal.value.facts["receipt"] == receipt
    with pytest.raises(RequestNotOpen):
        world.do(lambda s: receipts.issue(s, 1, signer=OPERATOR))
    assert world.look(lambda s: receipts.receipt(s, receipt)).state is ReceiptState.ISSUED


def test_nothing_is_issued_on_arrivals_that_nobody_witnessed(world: World) -> None:
    request = ask(world)
    world.hear(*(each for coil, kg in COILS.items() for each in world.moves("in", coil, kg)))
    with pytest.raises(NotYetWitnessed):
        world.do(lambda s: receipts.issue(s, request, signer=OPERATOR))
    assert world.look(lambda s: receipts.request(s, request)).state is RequestState.OPEN


def test_an_exit_nobody_ordered_is_an_alert_before_anything_is_anchored(world: World) -> None:
    issued(world)
    world.hear(*world.moves("out", ONE, COILS[ONE]))
    (alert,) = world.look(standing_alerts)
    assert (alert.kind.value, alert.facts["why"]) == ("unauthorised_exit", "no_order")
    assert alert.facts["piece"] == "0x" + ONE.hex()


def test_an_act_that_the_ledger_refused_can_be_decided_again(world: World) -> None:
    receipt = issued(world)
    now = world.bank.wall.now()
    bank, later = name32(LENDER), now + timedelta(hours=12)
    world.do(
        lambda s: pledges.endorse(
            s, (receipt,), pledgee=bank, terms=TERMS, expires_at=later, signer=DEPOSITOR
        )
    )
    world.settle()

    def attorn() -> None:
        world.do(lambda s: pledges.attorn(s, 1, terms=TERMS, signer=OPERATOR, now=now))
        world.settle()

    suspend = partial(
        world.life.ledger.act, "guardian", "PartyRegistry", "suspendParty", party=name32(OPERATOR)
    )
    suspend(suspended=True)
    attorn()
    refused = world.look(lambda s: chain.act(s, "attorn:1"))
    assert (refused.state, refused.refusal) == (ActState.REFUSED, "PartyIsSuspended")
    suspend(suspended=False)
    attorn()
    assert world.look(lambda s: chain.act(s, "attorn:1:2")).state is ActState.CONFIRMED
    assert world.look(lambda s: pledges.pledge(s, 1)).attorned_at is not None


def test_a_second_pledge_of_a_pledged_receipt_is_refused(world: World) -> None:
    receipt = issued(world)
    pledge = pledged(world, receipt)
    later = world.bank.wall.now() + timedelta(hours=12)
    with pytest.raises(ReceiptAlreadyPledged) as refusal:
        world.do(
            lambda s: pledges.endorse(
                s, (receipt,), pledgee=name32(LENDER), terms=b"\x03" * 32, expires_at=later, signer=DEPOSITOR
            )
        )
    assert refusal.value.facts == {"receipt": receipt, "pledge": pledge}


def test_one_person_does_not_make_two(world: World) -> None:
    receipt = issued(world)
    pledged(world, receipt)
    now = world.bank.wall.now()
    wish = receipts.ReleaseWish(
        receipt_id=receipt,
        mass_kg=1,
        gate=CAMERA,
        opens_at=now,
        closes_at=now + timedelta(hours=1),
        to=name32(DEPOSITOR),
    )
    twice = (OFFICERS[0], OFFICERS[0])
    with pytest.raises(SamePerson):
        world.do(
            lambda s: receipts.order_release(
                s, wish, officers=twice, desk=world.bank.signing, signer=LENDER, now=now
            )
        )


def test_a_movement_that_was_used_proves_nothing_more(world: World) -> None:
    receipt = issued(world)
    pledged(world, receipt)
    order = ordered(world, receipt, COILS[ONE])
    world.witnessed(*world.moves("out", ONE, COILS[ONE]))
    world.do(lambda s: receipts.deliver(s, order, (ONE,), signer=OPERATOR))
    world.settle()
    with pytest.raises(MovementMissing):
        world.look(lambda s: movement_of(s, name32(SITE), "movement.out", ONE))
    with pytest.raises(PieceForeign):
        world.do(lambda s: receipts.deliver(s, order, (ONE,), signer=OPERATOR))


def test_a_departure_heavier_than_ordered_alerts_and_is_not_delivered(world: World) -> None:
    receipt = issued(world)
    pledged(world, receipt)
    order = ordered(world, receipt, COILS[ONE] - 100)
    world.witnessed(*world.moves("out", ONE, COILS[ONE]))
    (alert,) = world.look(standing_alerts)
    assert alert.facts["why"] == "heavier"
    with pytest.raises(OrderExceeded):
        world.do(lambda s: receipts.deliver(s, order, (ONE,), signer=OPERATOR))

"""One test for each requirement of asking for, cancelling and issuing a receipt."""

from typing import Any

import pytest

from iot_bridge.evidence.statement import name32
from tests.contracts.conftest import COILS
from tests.support.ledger_acts import Acted
from tests.support.ledger_life import (
    BAY,
    COMMODITY,
    DEPOSITOR,
    GRADE,
    HOUR_S,
    LENDER,
    OPERATOR,
    SITE,
    YEAR_S,
    LedgerLife,
    hash_of,
)
from tests.support.refusals import refused

DOCUMENT = hash_of("document of " + " ".join(COILS))
TOTAL = sum(COILS.values())


def issue(
    life: LedgerLife,
    request: int,
    movements: list[dict[str, Any]],
    *,
    by: str = OPERATOR,
    document: bytes = DOCUMENT,
) -> Acted:
    return life.ledger.act(by, "ReceiptRegistry", "issue", request, document, movements)


def ask(life: LedgerLife, function: str, *args: Any) -> Any:
    return life.ledger.ask("ReceiptRegistry", function, *args)


# requestIssue


def test_a_request_says_all_that_is_asked_for(life: LedgerLife) -> None:
    request = life.request(COILS)
    assert ask(life, "requestStateOf", request) == 1
    terms = {"massKg": 500, "fingerprints": [hash_of("coil-9")]}
    assert life.request(COILS, **terms) == request + 1


def test_only_a_depositor_in_standing_asks_for_a_receipt(life: LedgerLife) -> None:
    terms = {"site": name32(SITE), "bay": BAY, "commodity": COMMODITY, "grade": GRADE, "massKg": 1}
    terms |= {"fingerprints": [hash_of("coil-1")], "document": DOCUMENT, "representations": DOCUMENT}
    with refused("CapacityMissing", party=name32(OPERATOR), wanted=1, has=2):
        life.ledger.act(OPERATOR, "ReceiptRegistry", "requestIssue", terms)
    with refused("NotAParty"):
        life.ledger.act("stranger", "ReceiptRegistry", "requestIssue", terms)
    life.suspend("Party", DEPOSITOR)
    with refused("PartyIsSuspended", party=name32(DEPOSITOR)):
        life.request(COILS)


def test_a_receipt_is_asked_for_at_a_site_in_standing(life: LedgerLife) -> None:
    with refused("SiteUnknown"):
        life.request(COILS, site=name32("nowhere"))
    life.suspend("Site", SITE)
    with refused("SiteIsSuspended"):
        life.request(COILS)


@pytest.mark.parametrize("mass", [0, 2**63, 2**256 - 1])
def test_a_receipt_is_over_a_mass_that_can_be(life: LedgerLife, mass: int) -> None:
    with refused("MassOutOfRange", massKg=mass):
        life.request(COILS, massKg=mass)


@pytest.mark.parametrize("pieces", [0, 65])
def test_a_receipt_is_over_1_to_64_pieces(life: LedgerLife, pieces: int) -> None:
    with refused("PiecesOutOfRange", pieces=pieces):
        life.request(COILS, fingerprints=[hash_of(f"coil-{n}") for n in range(pieces)])
    life.request(COILS, fingerprints=[hash_of(f"coil-{n}") for n in range(64)])


def test_a_lot_names_bay_commodity_and_every_piece(life: LedgerLife) -> None:
    with refused("LotIncomplete", bay=bytes(32)):
        life.request(COILS, bay=bytes(32))
    with refused("LotIncomplete", commodity=bytes(32)):
        life.request(COILS, commodity=bytes(32))
    with refused("FingerprintMissing", index=1):
        life.request(COILS, fingerprints=[hash_of("coil-1"), bytes(32)])


def test_a_request_comes_with_its_document_and_representations(life: LedgerLife) -> None:
    with refused("DocumentMissing"):
        life.request(COILS, document=bytes(32))
    with refused("RepresentationsMissing"):
        life.request(COILS, representations=bytes(32))


def test_a_depositor_has_16_requests_open_and_a_cancelled_one_makes_room(life: LedgerLife) -> None:
    requests = [life.request({f"coil-{n}": 100}) for n in range(16)]
    with refused("QuotaReached", depositor=name32(DEPOSITOR), open=16):
        life.request(COILS)
    life.ledger.act(DEPOSITOR, "ReceiptRegistry", "cancelRequest", requests[3])
    life.request(COILS)


# cancelRequest


def test_only_its_depositor_cancels_an_open_request(life: LedgerLife) -> None:
    request = life.request(COILS)
    with refused("NotAParty"):
        life.ledger.act("stranger", "ReceiptRegistry", "cancelRequest", request)
    with refused("NotDepositor", requestId=request, caller=name32(OPERATOR)):
        life.ledger.act(OPERATOR, "ReceiptRegistry", "cancelRequest", request)
    life.ledger.act(DEPOSITOR, "ReceiptRegistry", "cancelRequest", request)
    with refused("RequestStateIs", requestId=request, state=3):
        life.ledger.act(DEPOSITOR, "ReceiptRegistry", "cancelRequest", request)


# issue


def test_an_issued_receipt_has_a_holder_who_controls_it(issued: LedgerLife) -> None:
    assert ask(issued, "stateOf", 1) == 1
    assert ask(issued, "holderOf", 1) == ask(issued, "controllerOf", 1) == name32(DEPOSITOR)
    assert ask(issued, "siteOf", 1) == name32(SITE)
    assert ask(issued, "remainingKg", 1) == TOTAL
    assert ask(issued, "piecesOf", 1) == [hash_of(name) for name in COILS]
    assert [ask(issued, "liveReceiptOf", hash_of(name)) for name in COILS] == [1, 1]
    assert ask(issued, "requestStateOf", 1) == 2


def test_the_event_of_an_issue_tells_the_whole_receipt(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS)
    assert issue(life, request, movements).one("ReceiptIssued") == {
        "receiptId": 1,
        "requestId": request,
        "holder": name32(DEPOSITOR),
        "operator": name32(OPERATOR),
        "site": name32(SITE),
        "bay": BAY,
        "commodity": COMMODITY,
        "grade": GRADE,
        "massKg": TOTAL,
        "fingerprints": [hash_of(name) for name in COILS],
        "document": DOCUMENT,
    }


def test_only_an_operator_in_standing_issues(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS)
    with refused("CapacityMissing", party=name32(DEPOSITOR)):
        issue(life, request, movements, by=DEPOSITOR)
    life.suspend("Party", OPERATOR)
    with refused("PartyIsSuspended"):
        issue(life, request, movements)
    life.suspend("Party", OPERATOR, suspended=False)
    life.pause()
    with refused("CreatingIsPaused"):
        issue(life, request, movements)


def test_a_request_is_answered_once(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    with refused("RequestStateIs", requestId=1, state=0):
        issue(life, 1, movements)
    request = life.request(COILS)
    issue(life, request, movements)
    with refused("RequestStateIs", requestId=request, state=2):
        issue(life, request, movements)


def test_only_the_sites_own_operator_issues(life: LedgerLife) -> None:
    other = life.ledger.address("other-storage")
    life.ledger.act(
        "enroller", "PartyRegistry", "enrolParty", name32("other-storage"), other, 2, hash_of("o")
    )
    movements = life.take_in(COILS)
    request = life.request(COILS)
    with refused("NotOperator", site=name32(SITE), caller=name32("other-storage")):
        issue(life, request, movements, by="other-storage")


def test_no_receipt_is_issued_at_a_site_whose_licence_has_run_out(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS)
    life.ledger.chain.wait(YEAR_S + HOUR_S)
    with refused("LicenceExpired", site=name32(SITE)):
        issue(life, request, movements)


def test_the_operator_issues_the_very_document_that_was_asked_for(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS)
    with refused("DocumentDiffers", requested=DOCUMENT, given=hash_of("swapped")):
        issue(life, request, movements, document=hash_of("swapped"))


def test_every_piece_has_one_movement(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS)
    with refused("MovementsCountIs", wanted=2, given=1):
        issue(life, request, movements[:1])
    with refused("MovementsCountIs", wanted=2, given=3):
        issue(life, request, [*movements, movements[0]])


def test_only_a_movement_in_brings_a_piece_in(life: LedgerLife) -> None:
    movements = life.settled(
        [
            life.site.see("movement.out", hash_of("coil-1"), 9_800),
            life.site.see("movement.in", hash_of("coil-2"), 10_200),
        ]
    )
    request = life.request(COILS)
    with refused("KindIsNot", wanted=name32("movement.in"), given=name32("movement.out")):
        issue(life, request, movements)


def test_a_movement_at_another_site_brings_nothing_in(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    movements[1]["statement"] = movements[1]["statement"] | {"site": name32("wuxi-yard-2")}
    request = life.request(COILS)
    with refused("SiteIsNot", wanted=name32(SITE), given=name32("wuxi-yard-2")):
        issue(life, request, movements)


def test_a_movement_without_a_mass_brings_nothing_in(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    movements[1]["statement"] = movements[1]["statement"] | {"quantity": 2**256 - 1}
    request = life.request(COILS)
    with refused("MassOutOfRange", massKg=2**256 - 1):
        issue(life, request, movements)


def test_movements_come_in_the_order_of_the_pieces(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS)
    with refused("SubjectIsNot", wanted=hash_of("coil-1"), given=hash_of("coil-2")):
        issue(life, request, movements[::-1])


def test_a_second_receipt_for_a_covered_coil_is_refused_and_leaves_nothing(issued: LedgerLife) -> None:
    masses = {"coil-3": 5_000, "coil-1": 9_800}
    movements = issued.take_in(masses)
    request = issued.request(masses)
    with refused("FingerprintLive", fingerprint=hash_of("coil-1"), receiptId=1):
        issue(issued, request, movements, document=hash_of("document of coil-3 coil-1"))
    assert ask(issued, "liveReceiptOf", hash_of("coil-3")) == 0
    assert ask(issued, "stateOf", 2) == 0
    assert ask(issued, "requestStateOf", request) == 1
    assert not issued.ledger.ask("EvidenceLog", "isSpent", hash_of("coil-3"))


def test_a_piece_named_twice_in_one_request_is_refused(life: LedgerLife) -> None:
    indices = [life.site.see("movement.in", hash_of("coil-1"), 100) for _ in range(2)]
    request = life.request({"coil-1": 100}, massKg=200, fingerprints=[hash_of("coil-1")] * 2)
    with refused("FingerprintLive", fingerprint=hash_of("coil-1"), receiptId=1):
        issue(life, request, life.settled(indices), document=hash_of("document of coil-1"))


def test_a_movement_on_an_unwitnessed_head_brings_nothing_in(life: LedgerLife) -> None:
    indices = [life.site.see("movement.in", hash_of(name), kg) for name, kg in COILS.items()]
    life.site.anchor()
    request = life.request(COILS)
    with refused("HeadNotWitnessed"):
        issue(life, request, [life.site.evidence(index) for index in indices])


def test_a_movement_with_one_flipped_bit_brings_nothing_in(life: LedgerLife) -> None:
    movements = life.take_in(COILS)
    movements[0]["statement"] = movements[0]["statement"] | {"quantity": 9_801}
    request = life.request(COILS)
    with refused("SignerIsNot"):
        issue(life, request, movements)


def test_a_movement_brings_a_piece_in_once(issued: LedgerLife) -> None:
    order = issued.order(1, TOTAL)
    issued.deliver(order, COILS)
    request = issued.request(COILS)
    old = [issued.site.evidence(index) for index in (1, 2)]
    with refused("AlreadySpent"):
        issue(issued, request, old)


@pytest.mark.parametrize("stated", [TOTAL - 59, TOTAL, TOTAL + 60])
def test_masses_within_30_basis_points_of_the_stated_one_agree(life: LedgerLife, stated: int) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS, massKg=stated)
    issue(life, request, movements)
    assert ask(life, "remainingKg", 1) == stated


@pytest.mark.parametrize("stated", [TOTAL - 61, TOTAL + 61])
def test_masses_further_apart_are_refused(life: LedgerLife, stated: int) -> None:
    movements = life.take_in(COILS)
    request = life.request(COILS, massKg=stated)
    with refused("MassDiffers", statedKg=stated, measuredKg=TOTAL):
        issue(life, request, movements)


def test_a_delivered_coil_can_be_receipted_again_when_it_comes_back(issued: LedgerLife) -> None:
    issued.deliver(issued.order(1, TOTAL), COILS)
    assert issued.issue(COILS) == 2
    assert ask(issued, "liveReceiptOf", hash_of("coil-1")) == 2
    assert ask(issued, "stateOf", 1) == 2


# the ERC-721 view


def test_wallets_see_a_token_that_its_holder_holds(pledged: LedgerLife) -> None:
    holder = pledged.ledger.address(DEPOSITOR)
    assert ask(pledged, "ownerOf", 1) == holder.lower()
    assert ask(pledged, "balanceOf", holder) == 1
    assert ask(pledged, "balanceOf", pledged.ledger.address(LENDER)) == 0
    assert ask(pledged, "getApproved", 1) == "0x" + "00" * 20
    assert not ask(pledged, "isApprovedForAll", holder, holder)
    assert ask(pledged, "supportsInterface", bytes.fromhex("80ac58cd"))
    assert ask(pledged, "supportsInterface", bytes.fromhex("01ffc9a7"))
    assert not ask(pledged, "supportsInterface", bytes.fromhex("ffffffff"))


def test_no_wallet_moves_a_receipt(issued: LedgerLife) -> None:
    mine, other = issued.ledger.address(DEPOSITOR), issued.ledger.address(LENDER)
    acts: list[tuple[str, list[Any]]] = [
        ("approve", [other, 1]),
        ("setApprovalForAll", [other, True]),
        ("transferFrom", [mine, other, 1]),
        ("safeTransferFrom(address,address,uint256)", [mine, other, 1]),
        ("safeTransferFrom(address,address,uint256,bytes)", [mine, other, 1, b""]),
    ]
    for function, args in acts:
        with refused("UseOfferTransfer"):
            issued.ledger.act(DEPOSITOR, "ReceiptRegistry", function, *args)


def test_a_receipt_that_is_not_live_has_no_owner(issued: LedgerLife) -> None:
    with refused("ReceiptStateIs", receiptId=2, state=0):
        ask(issued, "ownerOf", 2)
    issued.deliver(issued.order(1, TOTAL), COILS)
    with refused("ReceiptStateIs", receiptId=1, state=2):
        ask(issued, "ownerOf", 1)
    assert ask(issued, "controllerOf", 1) == bytes(32)
    assert ask(issued, "balanceOf", issued.ledger.address(DEPOSITOR)) == 0

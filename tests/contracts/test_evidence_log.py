"""One test for each requirement of the evidence log, and for what stays provable."""

import pytest

from contracts.artifacts import load
from contracts.rpc import Reverted
from iot_bridge.evidence.log import Log, genesis_entry, leaf_hash
from iot_bridge.evidence.statement import name32, statement_id
from tests.contracts.conftest import COILS
from tests.support.ledger_life import (
    BRIDGE,
    DEPOSITOR,
    FUSION,
    HOUR_S,
    INSPECTOR,
    LENDER,
    OPERATOR,
    SITE,
    LedgerLife,
    hash_of,
)
from tests.support.refusals import refused

DAY_S = 24 * HOUR_S
ANCHOR_GAS = 80_000


def see(life: LedgerLife, statements: int = 1) -> int:
    """Let that many statements be made; the index of the last."""
    return [life.site.see("movement.in", hash_of(f"piece {n}"), 100) for n in range(statements)][-1]


def anchored(life: LedgerLife, statements: int = 1) -> int:
    """Let that many statements be made and anchored; the size of the head."""
    see(life, statements)
    life.site.anchor()
    return life.site.log.size


def include(life: LedgerLife, index: int, *, creating: bool, size: int | None = None) -> bytes:
    evidence = life.site.evidence(index, size=size)
    return bytes(life.ledger.ask("EvidenceLog", "requireIncluded", evidence, creating))


def settles(life: LedgerLife, index: int, size: int) -> bool:
    """Whether an exit may rest on that unwitnessed head now."""
    try:
        include(life, index, creating=False, size=size)
    except Reverted as refusal:
        if refusal.revert.name not in {"HeadUnknown", "HeadNotSettled"}:
            raise
        return False
    return True


# openLog


def test_a_log_begins_with_the_leaf_that_python_derives(life: LedgerLife) -> None:
    log_address = life.ledger.at("EvidenceLog")
    entry = genesis_entry(chain_id=life.ledger.chain.chain_id, evidence_log=log_address, site=SITE)
    assert life.ledger.ask("EvidenceLog", "genesisOf", name32(SITE), 1) == leaf_hash(entry)
    head = life.ledger.ask("EvidenceLog", "latestHead", name32(SITE))
    assert (head["size"], head["root"], head["witnessed"]) == (1, leaf_hash(entry), False)


def test_only_the_sites_bridge_opens_its_log_and_once(life: LedgerLife) -> None:
    with refused("NotBridge", site=name32(SITE), caller=life.ledger.address(OPERATOR).lower()):
        life.ledger.act(OPERATOR, "EvidenceLog", "openLog", name32(SITE))
    with refused("LogAlreadyOpen", site=name32(SITE), epoch=1):
        life.ledger.act(BRIDGE, "EvidenceLog", "openLog", name32(SITE))


def test_a_site_that_nobody_enrolled_has_no_log(life: LedgerLife) -> None:
    with refused("NotBridge", site=name32("nowhere")):
        life.ledger.act(BRIDGE, "EvidenceLog", "openLog", name32("nowhere"))
    with refused("LogNotOpen", site=name32("nowhere")):
        life.ledger.ask("EvidenceLog", "latestHead", name32("nowhere"))


# anchor


def test_a_head_extends_its_predecessor(life: LedgerLife) -> None:
    for statements in (1, 2, 3, 5, 8, 13):
        see(life, statements)
        event = life.site.anchor().one("HeadAnchored")
        assert (event["epoch"], event["size"], event["root"]) == (
            1,
            life.site.log.size,
            life.site.log.root(),
        )


def test_only_the_sites_bridge_anchors(life: LedgerLife) -> None:
    see(life)
    proof = life.site.log.consistency_proof(1)
    with refused("NotBridge", caller=life.ledger.address(FUSION).lower()):
        life.ledger.act(FUSION, "EvidenceLog", "anchor", name32(SITE), 2, life.site.log.root(), proof)


def test_nothing_is_anchored_before_the_log_is_open(life: LedgerLife) -> None:
    until = life.ledger.chain.now + DAY_S
    bridge = life.ledger.address("bridge.2")
    life.ledger.act(
        "enroller",
        "PartyRegistry",
        "enrolSite",
        name32("yard-2"),
        name32(OPERATOR),
        bridge,
        hash_of("l"),
        until,
        9,
    )
    with refused("LogNotOpen", site=name32("yard-2")):
        life.ledger.act("bridge.2", "EvidenceLog", "anchor", name32("yard-2"), 2, hash_of("root"), [])


@pytest.mark.parametrize("size", [0, 1, 5, 6 + 2**20])
def test_a_head_that_does_not_grow_or_grows_too_much_is_refused(life: LedgerLife, size: int) -> None:
    anchored(life, 4)
    with refused("GrowthOutOfRange", oldSize=5, newSize=size):
        life.ledger.act(BRIDGE, "EvidenceLog", "anchor", name32(SITE), size, hash_of("root"), [])


def test_a_head_that_altered_what_was_anchored_is_refused(life: LedgerLife) -> None:
    anchored(life, 6)
    forged = Log()
    for index in range(9):
        forged.append(b"another history %d" % index)
    proof = forged.consistency_proof(7)
    with refused("OldRootNotProven", anchored=life.site.log.root(), computed=forged.root(7)):
        life.ledger.act(BRIDGE, "EvidenceLog", "anchor", name32(SITE), 9, forged.root(), proof)
    assert life.ledger.ask("EvidenceLog", "latestHead", name32(SITE))["size"] == 7


def test_a_pause_and_a_suspension_leave_anchoring_possible(life: LedgerLife) -> None:
    life.pause()
    life.suspend("Site", SITE)
    life.suspend("Party", OPERATOR)
    anchored(life, 2)


def test_an_anchor_costs_at_most_80_000_gas_once_the_ring_is_full(life: LedgerLife) -> None:
    for _ in range(64):
        anchored(life)
    see(life, 700)
    costs = [life.site.anchor().gas for _ in range(8) if see(life, 3)]
    assert max(costs) <= ANCHOR_GAS, costs


# witness


@pytest.mark.parametrize("by", [LENDER, INSPECTOR])
def test_a_lender_or_inspector_witnesses_a_head(life: LedgerLife, by: str) -> None:
    size = anchored(life, 3)
    event = life.site.witness(by).one("HeadWitnessed")
    assert (event["size"], event["root"], event["by"]) == (size, life.site.log.root(), name32(by))
    assert life.ledger.ask("EvidenceLog", "latestWitnessed", name32(SITE))["size"] == size
    assert life.ledger.ask("EvidenceLog", "headOf", name32(SITE), size)["witnessed"]


def test_who_is_no_party_cannot_witness(life: LedgerLife) -> None:
    anchored(life)
    for stranger in (BRIDGE, FUSION, f"{LENDER}.first", "stranger"):
        with refused("NotAParty", stranger=life.ledger.address(stranger).lower()):
            life.site.witness(stranger)


def test_a_suspended_party_cannot_witness(life: LedgerLife) -> None:
    anchored(life)
    life.suspend("Party", LENDER)
    with refused("PartyIsSuspended", party=name32(LENDER)):
        life.site.witness(LENDER)


@pytest.mark.parametrize("by", [OPERATOR, DEPOSITOR])
def test_operator_and_depositor_are_not_opposed(life: LedgerLife, by: str) -> None:
    anchored(life)
    with refused("WitnessNotOpposed", party=name32(by)):
        life.site.witness(by)


def test_a_lender_that_is_also_an_operator_is_not_opposed(life: LedgerLife) -> None:
    both = life.ledger.address("both")
    life.ledger.act("enroller", "PartyRegistry", "enrolParty", name32("both"), both, 2 | 4, hash_of("both"))
    anchored(life)
    with refused("WitnessNotOpposed", party=name32("both"), capacities=6):
        life.site.witness("both")


def test_a_head_that_was_not_anchored_cannot_be_witnessed(life: LedgerLife) -> None:
    size = anchored(life, 3)
    for unknown in (0, 2, size + 1):
        with refused("HeadUnknown", site=name32(SITE), size=unknown):
            life.ledger.act(LENDER, "EvidenceLog", "witness", name32(SITE), unknown, hash_of("root"))


def test_a_witness_names_the_root_that_it_derived(life: LedgerLife) -> None:
    size = anchored(life)
    with refused("RootDiffers", size=size, anchored=life.site.log.root(), claimed=hash_of("root")):
        life.ledger.act(LENDER, "EvidenceLog", "witness", name32(SITE), size, hash_of("root"))


def test_a_head_below_the_witnessed_one_needs_no_witness(life: LedgerLife) -> None:
    first, root = anchored(life), life.site.log.root()
    last = anchored(life)
    life.site.witness()
    with refused("AlreadyWitnessed", site=name32(SITE), size=last):
        life.ledger.act(INSPECTOR, "EvidenceLog", "witness", name32(SITE), first, root)


# spend


def test_only_the_receipt_registry_spends_a_statement(issued: LedgerLife) -> None:
    caller = issued.ledger.address(OPERATOR).lower()
    with refused("NotSpender", caller=caller):
        issued.ledger.act(OPERATOR, "EvidenceLog", "spend", hash_of("statement"), name32(SITE))


def test_a_spent_statement_is_known_as_spent(issued: LedgerLife) -> None:
    spent = [statement_id(signed.statement) for signed in issued.site.entries[: len(COILS)]]
    assert all(issued.ledger.ask("EvidenceLog", "isSpent", each) for each in spent)
    assert not issued.ledger.ask("EvidenceLog", "isSpent", hash_of("another"))


# requireIncluded


def test_every_statement_of_a_witnessed_head_is_included(life: LedgerLife) -> None:
    anchored(life, 6)
    life.site.witness()
    for index in range(1, 7):
        expected = statement_id(life.site.entries[index - 1].statement)
        assert include(life, index, creating=True) == expected
        assert include(life, index, creating=False) == expected


def test_an_unwitnessed_head_creates_nothing(life: LedgerLife) -> None:
    size = anchored(life)
    life.ledger.chain.wait(2 * DAY_S)
    with refused("HeadNotWitnessed", site=name32(SITE), size=size):
        include(life, 1, creating=True)


def test_an_unwitnessed_head_discharges_once_it_has_stood_for_24_hours(life: LedgerLife) -> None:
    size = anchored(life)
    anchored_at = life.ledger.ask("EvidenceLog", "latestHead", name32(SITE))["anchoredAt"]
    life.ledger.chain.wait(DAY_S - 2)
    with refused("HeadNotSettled", size=size, anchoredAt=anchored_at):
        include(life, 1, creating=False)
    life.ledger.chain.wait(2)
    include(life, 1, creating=False)


def test_a_head_that_nobody_anchored_proves_nothing(life: LedgerLife) -> None:
    anchored(life, 2)
    see(life)
    with refused("HeadUnknown", size=4):
        include(life, 1, creating=False, size=4)


def test_the_genesis_and_what_lies_outside_the_head_are_no_statements(life: LedgerLife) -> None:
    size = anchored(life, 2)
    life.site.witness()
    evidence, creating = life.site.evidence(1), True
    for index in (0, size):
        with refused("IndexOutOfRange", index=index):
            life.ledger.ask("EvidenceLog", "requireIncluded", evidence | {"index": index}, creating)


def test_a_statement_at_another_place_or_with_a_false_proof_is_not_included(life: LedgerLife) -> None:
    anchored(life, 6)
    life.site.witness()
    evidence = life.site.evidence(3)
    creating = True
    for changes, name in (
        ({"index": 2}, "NotIncluded"),
        ({"proof": evidence["proof"][:-1]}, "ProofTooShort"),
        ({"proof": [*evidence["proof"], bytes(32)]}, "ProofTooLong"),
    ):
        with refused(name):
            life.ledger.ask("EvidenceLog", "requireIncluded", evidence | changes, creating)


# what stays provable


def test_the_latest_64_heads_stay_provable(life: LedgerLife) -> None:
    sizes = [anchored(life, 1 + n % 3) for n in range(70)]
    for size in sizes[-64:]:
        assert life.ledger.ask("EvidenceLog", "headOf", name32(SITE), size)["size"] == size
    gone = sizes[-65]
    with refused("HeadUnknown", size=gone):
        life.ledger.ask("EvidenceLog", "headOf", name32(SITE), gone)


def test_the_latest_witnessed_head_stays_provable_when_the_ring_has_passed_it(life: LedgerLife) -> None:
    anchored(life, 2)
    life.site.witness()
    for _ in range(65):
        anchored(life)
    assert include(life, 1, creating=True, size=3)


def test_however_often_a_site_anchors_an_exit_settles_within_48_hours(life: LedgerLife) -> None:
    index = anchored(life) - 1
    anchors = []
    for _ in range(48 * 4):
        life.ledger.chain.wait(HOUR_S // 4)
        anchors.append(anchored(life))
    assert any(settles(life, index, size) for size in anchors)


def test_the_witnessed_head_is_empty_before_there_is_one(life: LedgerLife) -> None:
    head = life.ledger.ask("EvidenceLog", "latestWitnessed", name32(SITE))
    assert (head["size"], head["root"]) == (0, bytes(32))


def test_the_log_knows_its_registries(life: LedgerLife) -> None:
    assert load("EvidenceLog").functions.keys() >= {"parties", "spender"}
    spender = life.ledger.ask("EvidenceLog", "spender")
    assert spender == life.ledger.at("ReceiptRegistry").lower()

"""Heads on a real ledger: opened, extended, confirmed, taken up again; what stops the anchoring for good."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import LedgerError
from contracts.rpc import NodeUnavailable, Reverted
from iot_bridge.anchor import DERIVED_ANEW_EVERY_S, LogBehindLedger, LogForked
from iot_bridge.beacon import BeaconKeeper
from iot_bridge.evidence.errors import RootsDiffer
from iot_bridge.evidence.log import leaf_hash
from iot_bridge.heads import Head
from iot_bridge.record import Beacon, BeaconUnknown, Observation
from iot_bridge.spool import Taken
from tests.iot_bridge.edge import Edge
from tests.iot_bridge.site_on_ledger import BridgeOnLedger, SiteOnLedger
from tests.support.ledger import LedgerInTests
from tests.support.ledger_life import FUSION, statement_argument

HEALTH = {"uptime_s": 1, "captured": 1, "lost": 0, "spooled": 0, "disk_free_mib": 1, "last_seen_ms": 1}
FINGERPRINT = b"\x0f" * 32


@pytest.fixture
def site(chain: LedgerInTests) -> SiteOnLedger:
    return SiteOnLedger.on(chain)


@pytest.fixture
def bridge(site: SiteOnLedger, tmp_path: Path) -> Iterator[BridgeOnLedger]:
    """A bridge whose log is open on the ledger."""
    found = BridgeOnLedger(site, tmp_path / "bridge")
    found.anchor.step(0.0)
    yield found
    found.spool.close()


def routine(bridge: BridgeOnLedger) -> Taken:
    return bridge.recorder.record(FUSION, Observation("device.health", HEALTH, 1))


def movement(bridge: BridgeOnLedger, kg: int = 23_940) -> Taken:
    fields = {
        "mass_kg": kg,
        "identified_by": "tag",
        "tag": 7,
        "from_ms": 1,
        "to_ms": 2,
        "rests_on": [],
        "contributions": [],
        "sum_milli_nats": 7300,
        "accept_milli_nats": 6500,
        "rules": "fusion-1",
    }
    return bridge.recorder.record(FUSION, Observation("movement.in", fields, 2, subject=FINGERPRINT))


def test_the_log_is_opened_with_the_genesis_that_the_bridge_computes_itself(
    site: SiteOnLedger, bridge: BridgeOnLedger
) -> None:
    assert site.head()["size"] == 1
    assert site.head()["root"] == leaf_hash(site.identity.genesis()) == bridge.spool.root(1)


def test_a_head_is_anchored_and_once_confirmed_lets_statements_go(
    site: SiteOnLedger, bridge: BridgeOnLedger
) -> None:
    site.chain.server.methods._depth = 2
    movement(bridge)
    sent = bridge.anchor.step(1.0)
    assert sent == Head(2, bridge.spool.root(2))
    assert (site.head()["size"], site.head()["root"]) == (2, sent.root)
    bridge.anchor.step(2.0)
    assert bridge.spool.confirmed() < 2
    site.chain.seal(3)
    bridge.anchor.step(3.0)
    assert bridge.spool.confirmed() == 2


def test_the_contract_takes_a_recorded_statement_with_its_proof_once_it_is_witnessed(
    site: SiteOnLedger, bridge: BridgeOnLedger
) -> None:
    routine(bridge)
    taken = movement(bridge)
    bridge.anchor.step(1.0)
    site.witness()
    size = site.head()["size"]
    evidence = {
        "statement": statement_argument(taken.signed.statement),
        "signature": taken.signed.signature,
        "index": taken.index,
        "headSize": size,
        "proof": bridge.spool.inclusion_proof(taken.index, size),
    }
    found = site.ledger.ask("EvidenceLog", "requireIncluded", evidence=evidence, creating=True)
    assert found == taken.id


def test_what_is_urgent_is_anchored_at_once_and_what_is_not_waits_its_turn(bridge: BridgeOnLedger) -> None:
    routine(bridge)
    assert bridge.anchor.step(1.0) == Head(2, bridge.spool.root(2)), "the first after a start goes at once"
    routine(bridge)
    assert bridge.anchor.step(2.0) is None
    assert bridge.anchor.step(30.9) is None
    assert bridge.anchor.step(31.0) == Head(3, bridge.spool.root(3))
    routine(bridge)
    movement(bridge)
    assert bridge.anchor.step(32.0) == Head(5, bridge.spool.root(5))
    assert bridge.anchor.step(99.0) is None, "nothing new"


def test_a_head_that_is_still_on_its_way_is_not_sent_again(
    site: SiteOnLedger, bridge: BridgeOnLedger
) -> None:
    site.chain.server.holds_back = True
    movement(bridge)
    assert bridge.anchor.step(1.0) is not None
    movement(bridge)
    assert bridge.anchor.step(2.0) is None
    site.chain.server.holds_back = False
    site.chain.seal()
    assert bridge.anchor.step(3.0) == Head(3, bridge.spool.root(3))


def test_a_restarted_bridge_goes_on_from_the_ledgers_newest_head(
    site: SiteOnLedger, bridge: BridgeOnLedger, tmp_path: Path
) -> None:
    for at in range(3):
        movement(bridge)
        bridge.anchor.step(float(at))
    movement(bridge)
    bridge.spool.close()
    again = BridgeOnLedger(site, tmp_path / "bridge")
    assert again.beacon().number > 0, "the beacon is known before the ledger is asked"
    assert again.anchor.step(0.0) == Head(5, again.spool.root(5))
    assert site.head()["size"] == 5
    again.spool.close()


def test_many_statements_under_one_head_keep_every_earlier_head_provable(
    site: SiteOnLedger, bridge: BridgeOnLedger
) -> None:
    for count in (1, 2, 3, 5, 8, 13):
        for _ in range(count):
            movement(bridge)
        bridge.anchor.step(0.0)
        assert site.head()["size"] == bridge.spool.size()
        assert site.head()["root"] == bridge.spool.root(bridge.spool.size())


def test_a_spool_restored_from_a_backup_is_told_apart_from_a_growing_one(
    site: SiteOnLedger, bridge: BridgeOnLedger, tmp_path: Path
) -> None:
    movement(bridge)
    bridge.anchor.step(0.0)
    bridge.spool.close()
    shutil.copytree(tmp_path / "bridge", tmp_path / "backup")
    later = BridgeOnLedger(site, tmp_path / "bridge")
    movement(later)
    later.anchor.step(0.0)
    restored = BridgeOnLedger(site, tmp_path / "backup")
    with pytest.raises(LogBehindLedger) as refused:
        restored.anchor.step(0.0)
    assert refused.value.facts == {"ledger": 3, "spool": 2}
    movement(restored, kg=1)
    with pytest.raises(LogForked):
        restored.anchor.step(0.0)
    later.spool.close()
    restored.spool.close()


def test_an_entry_that_changed_on_disk_stops_the_anchoring_within_a_day(
    site: SiteOnLedger, bridge: BridgeOnLedger
) -> None:
    movement(bridge)
    begun_s = time.monotonic()
    assert bridge.anchor.step(begun_s) == Head(2, bridge.spool.root(2))
    with bridge.spool.transaction() as connection:
        connection.execute("UPDATE entry SET entry = zeroblob(449) WHERE log_index = 1")
    movement(bridge)
    assert bridge.anchor.step(begun_s + 60) is not None, "what was read before is not read again at once"
    movement(bridge)
    with pytest.raises(RootsDiffer):
        bridge.anchor.step(begun_s + DERIVED_ANEW_EVERY_S + 60)
    assert site.head()["size"] == 3


def test_a_bridge_with_another_sites_key_is_refused_by_the_contract(
    site: SiteOnLedger, tmp_path: Path
) -> None:
    stranger = BridgeOnLedger(site, tmp_path / "bridge")
    stranger.ledger._key = site.ledger.chain.key("enroller")
    with pytest.raises(Reverted) as refused:
        stranger.anchor.step(0.0)
    assert refused.value.revert.name == "NotBridge"
    stranger.spool.close()


def test_without_a_node_statements_are_kept_and_anchored_when_it_is_back(
    site: SiteOnLedger, bridge: BridgeOnLedger, tmp_path: Path
) -> None:
    bridge.spool.close()
    alone = BridgeOnLedger(site, tmp_path / "bridge", url="http://127.0.0.1:9")
    with pytest.raises(NodeUnavailable):
        alone.anchor.step(0.0)
    movement(alone)
    with pytest.raises(LedgerError):
        alone.anchor.step(1.0)
    alone.spool.close()
    back = BridgeOnLedger(site, tmp_path / "bridge")
    assert back.anchor.step(0.0) == Head(2, back.spool.root(2))
    back.spool.close()


def test_a_beacon_goes_only_forward_and_is_known_after_a_restart(edge: Edge) -> None:
    keeper = BeaconKeeper(edge.spool.file)
    with pytest.raises(BeaconUnknown):
        keeper()
    keeper.heard(Beacon(5, b"\x05" * 32))
    keeper.heard(Beacon(4, b"\x04" * 32))
    assert keeper() == Beacon(5, b"\x05" * 32)
    edge.restart()
    assert BeaconKeeper(edge.spool.file)() == Beacon(5, b"\x05" * 32)


def test_a_statements_beacon_is_a_confirmed_block_of_the_ledger(
    site: SiteOnLedger, bridge: BridgeOnLedger
) -> None:
    site.chain.server.methods._depth = 2
    site.chain.seal(4)
    bridge.anchor.step(1.0)
    said = movement(bridge).signed.statement
    block = site.chain.rpc.block(said.beacon_block)
    assert block["hash"] == "0x" + said.beacon_hash.hex()
    assert said.beacon_block == site.chain.rpc.block_number("finalized") < site.chain.rpc.block_number()

"""The log against pymerkle, its proofs against two verifiers, and every mutation of a proof refused."""

from itertools import pairwise

import pymerkle
import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.log import (
    GENESIS_TAG,
    Log,
    genesis_entry,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from iot_bridge.evidence.rederive import (
    Rederivation,
    root_by_inclusion,
    root_over,
    roots_by_consistency,
)
from iot_bridge.evidence.signature import keccak
from iot_bridge.evidence.statement import name32

SIZES = st.integers(1, 130)
ENTRIES = [b"entry %d" % at for at in range(130)]


def log_of(size: int) -> Log:
    log = Log()
    for entry in ENTRIES[:size]:
        log.append(entry)
    return log


def tree_of(size: int) -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in ENTRIES[:size]:
        tree.append_entry(entry)
    return tree


def hashes_of(proof: dict[str, list[str]]) -> list[bytes]:
    """The path of a proof of pymerkle, which puts the leaf itself first."""
    return [bytes.fromhex(each) for each in proof["path"]]


def test_roots_at_every_size_are_those_of_pymerkle_and_of_the_second_verifier() -> None:
    log, tree, second = log_of(130), tree_of(130), Rederivation()
    for size, entry in enumerate(ENTRIES, start=1):
        second.read(entry)
        assert log.root(size) == tree.get_root(size) == second.root() == root_over(ENTRIES[:size])


@given(SIZES, st.data())
@settings(deadline=None)
def test_an_honest_inclusion_proof_convinces_both_verifiers_and_leads_where_pymerkles_does(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    log = log_of(130)
    proof = log.inclusion_proof(index, size)
    verify_inclusion(log.leaf(index), index=index, size=size, proof=proof, root=log.root(size))
    assert root_by_inclusion(log.leaf(index), index, size, proof) == log.root(size)
    oracle = tree_of(130).prove_inclusion(index + 1, size)
    assert hashes_of(oracle.serialize())[1:] == proof
    pymerkle.verify_inclusion(log.leaf(index), log.root(size), oracle)


@given(SIZES, st.data())
@settings(deadline=None)
def test_an_honest_consistency_proof_convinces_both_verifiers_and_pymerkles_leads_to_the_same_root(
    new: int, data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, new))
    log = log_of(130)
    proof = log.consistency_proof(old, new)
    verify_consistency(old=old, old_root=log.root(old), new=new, new_root=log.root(new), proof=proof)
    assert roots_by_consistency(log.root(old), old, new, proof) == (log.root(old), log.root(new))
    pymerkle.verify_consistency(log.root(old), log.root(new), tree_of(130).prove_consistency(old, new))


@given(SIZES, st.data())
@settings(deadline=None)
def test_an_altered_inclusion_proof_convinces_neither_verifier(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    log = log_of(size)
    altered = data.draw(mutations(log.inclusion_proof(index)))
    with pytest.raises(EvidenceRefused) as refused:
        verify_inclusion(log.leaf(index), index=index, size=size, proof=altered, root=log.root())
    assert refused.value.code == "log.inclusion_not_proven"
    assert root_by_inclusion(log.leaf(index), index, size, altered) != log.root()


@given(SIZES, st.data())
@settings(deadline=None)
def test_an_altered_consistency_proof_convinces_neither_verifier(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    log = log_of(new)
    altered = data.draw(mutations(log.consistency_proof(old)))
    heads = {"old_root": log.root(old), "new_root": log.root()}
    with pytest.raises(EvidenceRefused) as refused:
        verify_consistency(old=old, new=new, proof=altered, **heads)
    assert refused.value.code == "log.consistency_not_proven"
    assert roots_by_consistency(log.root(old), old, new, altered) != (log.root(old), log.root())


@given(st.integers(2, 130), st.data())
@settings(deadline=None)
def test_both_verifiers_judge_every_proof_for_every_claimed_place_alike(
    size: int, data: st.DataObject
) -> None:
    log = log_of(130)
    index, at = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 140))
    claimed = data.draw(st.integers(0, 140))
    proof = log.inclusion_proof(index, size)
    second = root_by_inclusion(log.leaf(index), at, claimed, proof) == log.root(size)
    try:
        verify_inclusion(log.leaf(index), index=at, size=claimed, proof=proof, root=log.root(size))
    except EvidenceRefused:
        assert not second
    else:
        assert second


def mutations(proof: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Proofs that differ from this one: longer, shorter, another order, one bit."""
    longer = st.builds(lambda at: [*proof[:at], b"\x55" * 32, *proof[at:]], st.integers(0, len(proof)))
    if not proof:
        return longer
    places = st.integers(0, len(proof) - 1)
    shorter = st.builds(lambda at: [*proof[:at], *proof[at + 1 :]], places)
    flipped = st.builds(
        lambda at, bit: [*proof[:at], flip(proof[at], bit), *proof[at + 1 :]], places, st.integers(0, 255)
    )
    swapped = [proof[::-1]] if proof != proof[::-1] else []
    return st.one_of(longer, shorter, flipped, *map(st.just, swapped))


def flip(word: bytes, bit: int) -> bytes:
    return (int.from_bytes(word) ^ 1 << bit).to_bytes(32)


def test_a_log_whose_nodes_were_kept_is_taken_up_where_it_stood() -> None:
    nodes: dict[tuple[int, int], bytes] = {}
    first = Log(nodes)
    for entry in ENTRIES[:77]:
        first.append(entry)
    second = Log(nodes, size=77)
    for entry in ENTRIES[77:]:
        second.append(entry)
    assert second.root() == log_of(130).root()
    assert second.consistency_proof(77) == log_of(130).consistency_proof(77)


def test_appending_writes_fewer_than_two_nodes_for_each_leaf() -> None:
    nodes: dict[tuple[int, int], bytes] = {}
    log = Log(nodes)
    for entry in ENTRIES:
        log.append(entry)
    assert len(nodes) < 2 * len(ENTRIES)


def test_the_second_verifier_refuses_a_head_it_does_not_derive() -> None:
    second = Rederivation()
    for entry in ENTRIES[:9]:
        second.read(entry)
    second.require_root(log_of(9).root(), size=9)
    for root, size in ((log_of(8).root(), 9), (log_of(9).root(), 8)):
        with pytest.raises(EvidenceRefused) as refused:
            second.require_root(root, size=size)
        assert refused.value.code == "log.roots_differ"


@pytest.mark.parametrize("size", [0, 6, -1])
def test_a_head_that_the_log_never_had_is_refused(size: int) -> None:
    log = log_of(5)
    for asked in (
        lambda: log.root(size),
        lambda: log.inclusion_proof(0, size),
        lambda: log.consistency_proof(1, size),
    ):
        with pytest.raises(EvidenceRefused) as refused:
            asked()
        assert refused.value.code == "log.head_unknown"


def test_a_leaf_beyond_the_end_is_refused() -> None:
    with pytest.raises(EvidenceRefused) as refused:
        log_of(5).leaf(5)
    assert refused.value.code == "log.head_unknown"


def test_the_genesis_entry_is_what_the_contract_encodes_and_differs_with_each_of_its_facts() -> None:
    log = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    oracle = encode(
        ["bytes32", "uint256", "address", "bytes32", "uint64"],
        [keccak(b"Tallystick EvidenceLog genesis"), 31337, log, name32("yard-1"), 1],
    )
    assert genesis_entry(chain_id=31337, evidence_log=log, site="yard-1") == oracle
    assert oracle.startswith(GENESIS_TAG)
    others = [
        genesis_entry(chain_id=31337, evidence_log=log, site="yard-1"),
        genesis_entry(chain_id=1, evidence_log=log, site="yard-1"),
        genesis_entry(chain_id=31337, evidence_log="0x" + "1" * 40, site="yard-1"),
        genesis_entry(chain_id=31337, evidence_log=log, site="yard-2"),
        genesis_entry(chain_id=31337, evidence_log=log, site="yard-1", epoch=2),
    ]
    assert len({leaf_hash(each) for each in others}) == 5
    assert all(len(each) == 160 for each, _ in pairwise(others))

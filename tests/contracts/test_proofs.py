"""The proof library against the vectors that Python is held to, every small tree, and an outside library."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pymerkle
import pytest
from eth_account import Account

from contracts.artifacts import Artifact
from contracts.deploy import created_by
from contracts.rpc import Reverted
from iot_bridge.evidence.log import Log
from tests.support.evm import Evm

VECTORS = Path(__file__).parents[1] / "vectors"
HARNESS = Artifact.of(
    json.loads((Path(__file__).parent / "harness" / "MerkleProofs.json").read_text("utf-8"))
)
NAMED = {
    "GrowthOutOfRange",
    "IndexOutOfRange",
    "ProofTooShort",
    "ProofTooLong",
    "OldRootNotProven",
    "NewRootNotProven",
    "NotIncluded",
}
LARGEST = 65
SAMPLES = 150


class Proofs:
    """The library, deployed alone."""

    def __init__(self) -> None:
        self.evm = Evm()
        key = self.evm.key("deployer")
        self.evm.send(key, None, HARNESS.construct())
        self.at = created_by(Account.from_key(key).address, 0)

    def consistent(self, *, old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> None:
        self.evm.call(self.at, HARNESS.encode("requireConsistent", [old, old_root, new, new_root, proof]))

    def included(self, *, leaf: bytes, index: int, size: int, root: bytes, proof: list[bytes]) -> None:
        self.evm.call(self.at, HARNESS.encode("requireIncluded", [leaf, index, size, root, proof]))


@pytest.fixture(scope="module")
def proofs() -> Proofs:
    return Proofs()


@pytest.fixture(scope="module")
def log() -> Log:
    grown = Log()
    for index in range(LARGEST):
        grown.append(b"entry %d" % index)
    return grown


@pytest.fixture(scope="module")
def oracle() -> pymerkle.InmemoryTree:
    """The same tree by a library that nobody here wrote."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for index in range(LARGEST):
        tree.append_entry(b"entry %d" % index)
    return tree


def vectors(folder: str, expected: str) -> list[Any]:
    found = [(each.stem, json.loads(each.read_text("utf-8"))) for each in (VECTORS / folder).glob("*.json")]
    return [pytest.param(vector, id=name) for name, vector in sorted(found) if expected in vector["expect"]]


def claim_of(vector: dict[str, Any]) -> dict[str, Any]:
    claim = {
        name: bytes.fromhex(value[2:]) if isinstance(value, str) else value
        for name, value in vector.items()
        if name not in {"what", "expect"}
    }
    return claim | {"proof": [bytes.fromhex(each[2:]) for each in vector["proof"]]}


def pairs(*, least: int) -> list[tuple[int, int]]:
    """Every (earlier, later) with least ≤ earlier < later ≤ the largest tree."""
    return list(itertools.combinations(range(least, LARGEST + 1), 2))


def refusal_of(call: Any, **claim: Any) -> str:
    with pytest.raises(Reverted) as caught:
        call(**claim)
    return caught.value.revert.name


@pytest.mark.parametrize("vector", vectors("inclusion", "holds"))
def test_an_honest_inclusion_vector_convinces_the_contract(proofs: Proofs, vector: dict[str, Any]) -> None:
    proofs.included(**claim_of(vector))


@pytest.mark.parametrize("vector", vectors("inclusion", "refused"))
def test_a_false_inclusion_vector_is_refused_by_name_and_no_panic(
    proofs: Proofs, vector: dict[str, Any]
) -> None:
    assert refusal_of(proofs.included, **claim_of(vector)) in NAMED


@pytest.mark.parametrize("vector", vectors("consistency", "holds"))
def test_an_honest_consistency_vector_convinces_the_contract_where_the_tree_grows(
    proofs: Proofs, vector: dict[str, Any]
) -> None:
    claim = claim_of(vector)
    if claim["old"] == claim["new"]:  # true of the tree, but no growth
        assert refusal_of(proofs.consistent, **claim) == "GrowthOutOfRange"
    else:
        proofs.consistent(**claim)


@pytest.mark.parametrize("vector", vectors("consistency", "refused"))
def test_a_false_consistency_vector_is_refused_by_name_and_no_panic(
    proofs: Proofs, vector: dict[str, Any]
) -> None:
    assert refusal_of(proofs.consistent, **claim_of(vector)) in NAMED


def test_each_way_to_malform_a_consistency_proof_has_its_name(proofs: Proofs, log: Log) -> None:
    claim = {"old": 6, "old_root": log.root(6), "new": 13, "new_root": log.root(13)}
    proof = log.consistency_proof(6, 13)
    wrong = bytes(32)
    assert refusal_of(proofs.consistent, **claim, proof=[]) == "ProofTooShort"
    assert refusal_of(proofs.consistent, **claim, proof=proof[:-1]) == "ProofTooShort"
    assert refusal_of(proofs.consistent, **claim, proof=[*proof, wrong]) == "ProofTooLong"
    assert refusal_of(proofs.consistent, **claim, proof=[wrong, *proof[1:]]) == "OldRootNotProven"
    assert refusal_of(proofs.consistent, **claim, proof=[*proof[:-1], wrong]) == "NewRootNotProven"
    assert refusal_of(proofs.consistent, **claim | {"new": 6}, proof=proof) == "GrowthOutOfRange"
    assert refusal_of(proofs.consistent, **claim | {"old": 0}, proof=proof) == "GrowthOutOfRange"
    assert refusal_of(proofs.consistent, **claim | {"new": 7 + 2**20}, proof=proof) == "GrowthOutOfRange"


def test_each_way_to_malform_an_inclusion_proof_has_its_name(proofs: Proofs, log: Log) -> None:
    claim = {"leaf": log.leaf(5), "index": 5, "size": 13, "root": log.root(13)}
    proof = log.inclusion_proof(5, 13)
    assert refusal_of(proofs.included, **claim, proof=proof[:-1]) == "ProofTooShort"
    assert refusal_of(proofs.included, **claim, proof=[*proof, bytes(32)]) == "ProofTooLong"
    assert refusal_of(proofs.included, **claim, proof=[bytes(32), *proof[1:]]) == "NotIncluded"
    assert refusal_of(proofs.included, **claim | {"leaf": log.leaf(4)}, proof=proof) == "NotIncluded"
    assert refusal_of(proofs.included, **claim | {"index": 13}, proof=proof) == "IndexOutOfRange"
    assert refusal_of(proofs.included, **claim | {"size": 0}, proof=[]) == "IndexOutOfRange"


def test_every_honest_consistency_proof_leads_from_pymerkles_root_to_pymerkles_root(
    proofs: Proofs, log: Log, oracle: pymerkle.InmemoryTree
) -> None:
    for old, new in pairs(least=1):
        proofs.consistent(
            old=old,
            old_root=oracle.get_root(old),
            new=new,
            new_root=oracle.get_root(new),
            proof=log.consistency_proof(old, new),
        )


def test_every_inclusion_proof_that_pymerkle_makes_convinces_the_contract(
    proofs: Proofs, oracle: pymerkle.InmemoryTree
) -> None:
    for index, size in pairs(least=0):
        path = [bytes.fromhex(each) for each in oracle.prove_inclusion(index + 1, size).serialize()["path"]]
        proofs.included(leaf=path[0], index=index, size=size, root=oracle.get_root(size), proof=path[1:])


def test_no_altered_proof_convinces_the_contract_and_none_panics(proofs: Proofs, log: Log) -> None:
    chance = random.Random(6962)  # noqa: S311 - a fixed choice of test cases
    for old, new in chance.sample(pairs(least=1), SAMPLES):
        proof = log.consistency_proof(old, new)
        at = chance.randrange(len(proof))
        bit = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        altered = chance.choice(
            [proof[:at] + proof[at + 1 :], [*proof[:at], bit, *proof[at + 1 :]], [*proof, proof[at]]]
        )
        claim = {"old": old, "old_root": log.root(old), "new": new, "new_root": log.root(new)}
        assert refusal_of(proofs.consistent, **claim, proof=altered) in NAMED

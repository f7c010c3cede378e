"""One case, played once on an embedded ledger of its own, for all tests of bundles."""

from collections.abc import Iterator

import pytest

from backend.audit.build import build
from backend.audit.case import Case
from tests.support.audit_case import CAMERA, CaseLife, health
from tests.support.audit_proven import Proven
from tests.support.ledger import LedgerInTests, ledger_in_tests
from tests.support.ledger_node import Node


@pytest.fixture(scope="session")
def case_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerInTests]:
    """The ledger that the case is played on."""
    with ledger_in_tests(tmp_path_factory.mktemp("case")) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def played(case_ledger: LedgerInTests) -> CaseLife:
    """The case from deposit to close; then a head that is not witnessed, and a statement not anchored."""
    life = CaseLife.begin(Node(case_ledger)).play()
    life.speakers[CAMERA].say("device.health", health(9))
    life.life.site.anchor()
    life.speakers[CAMERA].say("device.health", health(10))
    case_ledger.seal(2)
    return life


@pytest.fixture(scope="session")
def case(played: CaseLife, case_ledger: LedgerInTests) -> Case:
    """What its bundle holds."""
    return build(played.source(), case_ledger.rpc)


@pytest.fixture(scope="session")
def proven(case: Case) -> Proven:
    """The case with what its proofs establish."""
    return Proven.of(case)

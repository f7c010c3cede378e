"""A bank that is restored from an older backup finds out what it has done, and does none of it twice."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from backend.app.reconciling import reconciler_of
from backend.backup.rules import (
    AnotherLedger,
    FindingKind,
    NotFinalYet,
    Report,
    ReportDiffers,
    StepKind,
)
from backend.backup.tables import ReconciliationReportRow, standing_marks
from backend.chain.actions import act
from backend.chain.rules import ActState
from backend.db import reading, transaction
from backend.identity.actions import admit_person
from backend.identity.rules import OrganisationDiffers, Person, Role, RoleMissing, SamePerson
from backend.loans.tables.book import LoanFactRow
from backend.loans.tables.loan import LoanRow
from backend.payments.rules import Instruction, IntentState, OutcomeUnknown
from backend.payments.sandbox import SandboxRail
from backend.payments.tables import PaymentIntentRow, StatementLineRow, intent_of
from backend.pledges import actions as pledges
from backend.units import Money
from contracts.outgoing import Book
from contracts.rpc import NodeUnavailable, Rpc
from tests.backend.app.conftest import World
from tests.backend.app.test_a_receipt_lives import COILS, ONE, ordered
from tests.backend.backup.conftest import Restored
from tests.backend.loans.bank import PAYEE
from tests.support.ledger import AnyLedger
from tests.support.ledger_life import LENDER, OPERATOR
from tests.support.lending_world import LOAN, PRINCIPAL, Lent, lend
from tests.support.projections import PROJECTED, contents

TOLD = b"\x07" * 32


def told(world: World, lent: Lent) -> str:
    """Something is to be said of the loan on the ledger; the act's key."""
    key: str = world.do(lambda s: pledges.record_loan_event(s, lent.pledge, TOLD, signer=LENDER))
    return key


def sent_by(world: World, name: str) -> int:
    ledger = world.life.ledger
    return ledger.chain.nonce(ledger.address(name))  # type: ignore[attr-defined,no-any-return]


def without(rows: list[dict[str, object]], *names: str) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


class CountsMore(Rpc):
    """A node that counts one transaction more of every account, up to a block that a tag names."""

    tag = "latest"

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        more = {self.tag, "pending"}
        return [
            hex(int(found, 16) + 1) if method == "eth_getTransactionCount" and params[1] in more else found
            for (method, params), found in zip(requests, super().batch(requests), strict=True)
        ]


class Full:
    """A book that keeps nothing new: reconciling is cut short there."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def adopt(self, _sender: str, _first_free: int) -> None:
        raise RuntimeError


def reconcile_where(restored: Restored, tag: str, rail: SandboxRail | None = None) -> Report | None:
    """Reconcile on a node that counts more up to there, or on a rail whose file has gone."""
    node = CountsMore(restored.settings.ledger_url)
    node.tag = tag
    with reconciler_of(restored.bank) as reconciler:
        payments = reconciler.payments
        if rail is not None:
            rail._file = rail._file / "gone"
            payments = replace(payments, rail=rail)
        return replace(reconciler, rpc=node, payments=payments).reconcile(restored.bank.moment())


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest) -> str:
    """Which kind of database both banks have."""
    return str(request.param)


@pytest.fixture
def bank_database(either_database: str, request: pytest.FixtureRequest) -> str:
    if either_database == "sqlite":
        return ""
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def other_database(either_database: str, request: pytest.FixtureRequest) -> str:
    if either_database == "sqlite":
        return ""
    server = request.getfixturevalue("postgres")
    url: str = server.url(server.empty())
    return url


@pytest.fixture
def chain(either_database: str, request: pytest.FixtureRequest) -> AnyLedger:
    """With PostgreSQL the ledger is not ours either."""
    ours = either_database == "sqlite"
    ledger: AnyLedger = request.getfixturevalue("chain_of_ours" if ours else "anvil")
    return ledger


only_sqlite = pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)


def test_what_was_done_after_the_backup_is_found_and_not_done_again(
    world: World, restored: Restored, keep: Callable[[], Path]
) -> None:
    lent = lend(world)
    key = told(world, lent)
    world.hear(*world.moves("in", sha256(b"coil-9").digest(), 9_000))
    world.anchor()
    file = keep()
    world.life.ledger.chain.ledger.seal(3)  # type: ignore[attr-defined]
    world.service._follower.catch_up()
    world.service._examine()  # the bank means to witness what it had heard before
    world.service._outbox.step()  # the act is on the ledger, and the money has left, when the bank is lost
    world.life.ledger.chain.ledger.seal(3)  # type: ignore[attr-defined]
    world.bank.rail.pay(Instruction(lent.payment, PAYEE, PRINCIPAL))
    restored.put_back(file)
    before = sent_by(world, LENDER)
    with reconciler_of(restored.bank) as reconciler, pytest.raises(RuntimeError):
        replace(reconciler, book=cast("Book", Full(reconciler.book))).reconcile(restored.bank.moment())
    report = restored.reconcile()
    assert report is not None
    assert not report.needs_people
    done = {step.kind: step for step in report.steps}
    assert done[StepKind.ACT_CONFIRMED].subject == key
    assert done[StepKind.NONCE_ADOPTED].facts["to"] == before
    assert report.payments == {lent.payment: "settled"}
    assert [line["state"] for line in report.lines] == ["matched"]
    with reading(restored.bank.engine) as session:
        assert act(session, key).state is ActState.CONFIRMED
        assert intent_of(session, lent.payment).state is IntentState.SETTLED
    assert restored.reconcile() is None
    assert restored.bank.rail.lines(1) == []
    restored.settle()
    assert restored.bank.rail.lines(1) == []
    with reading(restored.bank.engine) as session:
        recorded = pledges.recorded_commitments(session, lent.pledge)
    assert recorded.count(TOLD) == 1
    assert sent_by(world, LENDER) == before + 1  # what the bank tells of the payout, which nobody had told


@only_sqlite
def test_two_accept_what_nobody_can_explain_and_the_tables_are_those_of_the_bank_that_never_stopped(
    world: World, restored: Restored, keep: Callable[[], Path]
) -> None:
    lent = lend(world)
    file = keep()
    world.settle()  # the money leaves, is booked and told of
    ordered(world, lent.receipt, COILS[ONE])
    world.bank.rail.receive(payer="Wuxi", amount=Money(1_000_000, "CNY"), reference=LOAN)  # type: ignore[attr-defined]
    world.settle()
    restored.put_back(file)
    report = restored.reconcile()
    assert report is not None
    assert report == restored.reconcile()
    kinds = [each.kind for each in report.findings]
    assert set(kinds) == {FindingKind.EVENT_WITHOUT_OPENING, FindingKind.TRANSACTION_UNEXPLAINED}
    assert "orderRelease" in {each.facts["function"] for each in report.findings}
    with pytest.raises(ReportDiffers):
        restored.accept(bytes(32), "wu", "zhao")
    with pytest.raises(SamePerson):
        restored.accept(report.hash(), "wu", "wu")
    with pytest.raises(RoleMissing):
        restored.accept(report.hash(), "wu", "sun")
    with transaction(restored.bank.engine) as session:
        for name in ("of-another-1", "of-another-2"):
            admit_person(session, Person(name, OPERATOR, frozenset({Role.APPROVER}), name))
    with pytest.raises(OrganisationDiffers):
        restored.accept(report.hash(), "of-another-1", "of-another-2")
    assert restored.accept(report.hash(), "wu", "zhao") == report
    assert restored.accept(report.hash(), "wu", "zhao") is None
    with reading(restored.bank.engine) as session:
        assert standing_marks(session) == []
        kept = session.get_one(ReconciliationReportRow, report.hash())
        assert (kept.by, kept.report) == (["wu", "zhao"], report.canonical().decode())
    for table in PROJECTED:
        assert contents(restored.bank.engine, table) == contents(world.bank.engine, table), table
    for table, apart in (
        (LoanRow, ()),
        (LoanFactRow, ("recorded_at",)),
        (PaymentIntentRow, ("sent_at",)),
        (StatementLineRow, ("taken_at",)),
    ):
        there, here = (contents(each.engine, table) for each in (restored.bank, world.bank))
        assert without(there, *apart) == without(here, *apart) != []
    lines = restored.bank.rail.lines(0)
    restored.settle()
    assert restored.bank.rail.lines(0) == lines


@only_sqlite
def test_money_and_transactions_that_the_book_does_not_know_are_findings(
    world: World, restored: Restored, keep: Callable[[], Path]
) -> None:
    lend(world)
    world.settle()
    file = keep()
    world.witnessed(*world.moves("in", sha256(b"coil-9").digest(), 9_000))
    chain_key = world.life.ledger.chain.key(LENDER)
    world.life.ledger.chain.send(chain_key, "0x" + "11" * 20, b"")
    world.bank.rail.pay(Instruction("D-unknown-1", PAYEE, PRINCIPAL))
    world.bank.rail.receive(payer="X", amount=Money(7, "CNY"), reference="L-unknown")  # type: ignore[attr-defined]
    restored.put_back(file)
    lost = SandboxRail(restored.settings.data / "lost.sqlite", restored.bank.today)
    with pytest.raises(OutcomeUnknown):
        reconcile_where(restored, "none", rail=lost)
    with pytest.raises(NotFinalYet):
        reconcile_where(restored, "latest")
    report = reconcile_where(restored, "pending")
    assert report is not None
    assert {each.kind for each in report.findings} == {
        FindingKind.TRANSACTION_FOREIGN,
        FindingKind.TRANSACTION_WAITING,
        FindingKind.STATEMENTS_LOST,
        FindingKind.PAYMENT_UNKNOWN,
        FindingKind.MONEY_UNMATCHED,
    }
    with reading(restored.bank.engine) as session:
        assert len(standing_marks(session)) == 1


@only_sqlite
def test_a_bank_is_not_reconciled_with_another_ledger_than_its_own(
    world: World, restored: Restored, keep: Callable[[], Path]
) -> None:
    restored.put_back(keep())
    with transaction(restored.bank.engine) as session:
        (mark,) = standing_marks(session)
        right, mark.block_hash = mark.block_hash, b"\x11" * 32
    with pytest.raises(AnotherLedger):
        restored.reconcile()
    with transaction(restored.bank.engine) as session:
        (mark,) = standing_marks(session)
        mark.block_hash, mark.block_number = right, 10**6
    with pytest.raises(NodeUnavailable):
        restored.reconcile()

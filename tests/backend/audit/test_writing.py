"""The bank's database, filled from the ledger and from statements, gives the bundle that verifies."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from backend.audit.actions import (
    BundleUnsound,
    NothingToProve,
    OpeningUnknown,
    Sources,
    source_of,
    write_bundle,
)
from backend.audit.build import build, write
from backend.audit.case import Case
from backend.audit.report import Outcome
from backend.audit.verify import verify
from backend.chain.follower import Followed, Follower
from backend.clock import Moment
from backend.db import create_schema, open_database, reading, transaction
from backend.evidence.actions import take_statement
from backend.evidence.heads import Mirror
from backend.loans.actions.applying import store_product
from backend.loans.rules.commitments import commitment_of
from backend.loans.rules.life import LoanState
from backend.loans.rules.loan import LoanUnknown
from backend.loans.rules.product import standard_product
from backend.loans.tables.book import OpeningRow
from backend.loans.tables.loan import LoanRow
from backend.parties import projection as parties
from backend.pledges import projection as pledges
from backend.receipts import projection as receipts
from backend.receipts.actions import keep_document
from contracts.artifacts import CONTRACTS, load
from iot_bridge.evidence.errors import EvidenceMissing
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.statement import name32
from iot_bridge.evidence.store import EvidenceStore
from tests.support.audit_case import LOAN, SITE, CaseLife, loan_of
from tests.support.ledger import LedgerInTests
from tests.support.ledger_life import DEPOSITOR

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def bank(tmp_path: Path, played: CaseLife, case_ledger: LedgerInTests) -> Iterator[Engine]:
    """A database that followed the ledger, took every statement and knows every opening."""
    engine = open_database(f"sqlite:///{tmp_path / 'bank.sqlite'}")
    _fill(engine, played, case_ledger, played.openings)
    yield engine
    engine.dispose()


def _fill(
    engine: Engine, played: CaseLife, ledger: LedgerInTests, openings: list[bytes], loan_id: str = LOAN
) -> None:
    create_schema(engine)
    at, deployment = played.life.ledger.at, played.life.ledger.deployment
    mirror = Mirror(deployment.chain_id, at("EvidenceLog"), "lender")
    followed = Followed({at(name).lower(): load(name) for name in CONTRACTS}, deployment.block)
    projectors = [parties.project, mirror.project, receipts.project, pledges.project]
    Follower(ledger.rpc, engine, followed, projectors).catch_up()
    with transaction(engine) as session:
        said = {index: file for each in played.speakers.values() for index, file in each.files.items()}
        for index, (signed, body) in sorted(said.items()):
            message = StatementMessage(SITE, index, signed.entry(), body.decode())
            take_statement(session, message, domain=played.life.site.domain, now=NOW)
        keep_document(session, played.document, "CN-909", NOW)
        _keep_loan(session, played, openings, loan_id)


@pytest.fixture
def sources(tmp_path: Path, played: CaseLife, case_ledger: LedgerInTests) -> Sources:
    """The node, the deployment and every still."""
    store = EvidenceStore(tmp_path / "media")
    for speaker in played.speakers.values():
        for content in speaker.media.values():
            store.put(content)
    return Sources(case_ledger.rpc, played.life.ledger.deployment, store)


def test_the_bank_writes_a_bundle_that_verifies_without_it(
    bank: Engine, sources: Sources, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.zip"
    with reading(bank) as session:
        written = write_bundle(session, sources, LOAN, path)
    report = verify(path.read_bytes())
    assert report.verified
    assert written.bytes == path.stat().st_size
    assert [each.name for each in written.findings] == [each.name for each in report.findings]
    assert [each.name for each in report.findings if each.outcome is Outcome.TRUSTED] == [
        "chain",
        "contracts",
        "node-events",
    ]
    assert {each.outcome for each in written.findings} == {Outcome.HOLDS}


def test_the_same_case_gives_the_same_bytes_from_the_database_and_from_the_ledgers_life(
    bank: Engine, sources: Sources, played: CaseLife, case: Case
) -> None:
    with reading(bank) as session:
        source = source_of(session, sources, LOAN)
    assert source == played.source()
    assert write(build(source, sources.rpc)) == write(case)


def test_a_loan_that_is_not_pledged_or_not_known_has_no_bundle(
    bank: Engine, sources: Sources, tmp_path: Path
) -> None:
    with transaction(bank) as session:
        session.get_one(LoanRow, LOAN).pledge_id = None
    with reading(bank) as session:
        with pytest.raises(NothingToProve):
            write_bundle(session, sources, LOAN, tmp_path / "bundle.zip")
        with pytest.raises(LoanUnknown):
            write_bundle(session, sources, "L-0", tmp_path / "bundle.zip")
    assert not list(tmp_path.glob("*bundle*"))


def test_no_bundle_is_written_while_a_still_or_an_opening_is_missing(
    bank: Engine, sources: Sources, tmp_path: Path, played: CaseLife, case_ledger: LedgerInTests
) -> None:
    empty = Sources(sources.rpc, sources.deployment, EvidenceStore(tmp_path / "empty"))
    with reading(bank) as session, pytest.raises(EvidenceMissing):
        write_bundle(session, empty, LOAN, tmp_path / "bundle.zip")
    forgetful = open_database(f"sqlite:///{tmp_path / 'forgetful.sqlite'}")
    _fill(forgetful, played, case_ledger, played.openings[:-1])
    with reading(forgetful) as session, pytest.raises(OpeningUnknown):
        write_bundle(session, sources, LOAN, tmp_path / "bundle.zip")
    forgetful.dispose()
    assert not list(tmp_path.glob("*bundle*"))


def test_a_bundle_that_would_not_verify_is_not_handed_out(
    sources: Sources, tmp_path: Path, played: CaseLife, case_ledger: LedgerInTests
) -> None:
    confused = open_database(f"sqlite:///{tmp_path / 'confused.sqlite'}")
    _fill(confused, played, case_ledger, played.openings, loan_id="L-9")
    with reading(confused) as session, pytest.raises(BundleUnsound) as refusal:
        write_bundle(session, sources, "L-9", tmp_path / "bundle.zip")
    assert (refusal.value.facts["step"], refusal.value.facts["error"]) == ("terms", "audit.terms_differ")
    assert not (tmp_path / "bundle.zip").exists()
    confused.dispose()


def _keep_loan(session: Session, played: CaseLife, openings: list[bytes], loan_id: str) -> None:
    store_product(session, standard_product(), at=Moment(NOW, NOW.date()))
    loan = loan_of(played.receipt)
    row = LoanRow(
        id=loan_id,
        borrower=name32(DEPOSITOR),
        product_name=loan.product.name,
        product_version=loan.product.version,
        principal_minor=loan.principal.amount_minor,
        currency=loan.principal.currency,
        tenor_days=loan.tenor_days,
        purpose=loan.purpose,
        payee={"name": loan.payee.name, "account": loan.payee.account, "bank": loan.payee.bank},
        state=LoanState.CLOSED.value,
        terms=commitment_of(played.terms),
        pledge_id=played.pledge,
        submitted_at=NOW,
    )
    session.add(row)
    session.flush()
    for number, opening in enumerate([played.terms, *openings]):
        kind = "loan.event" if number else "loan.terms"
        session.add(
            OpeningRow(
                loan_id=loan_id,
                number=number,
                kind=kind,
                opening=opening,
                commitment=commitment_of(opening),
                made_at=NOW,
            )
        )

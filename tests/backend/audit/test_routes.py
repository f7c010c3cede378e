"""The proof bundle over the API: for the bank and auditors alone, and it verifies without the bank."""

import tempfile
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from backend.audit import routes
from backend.audit.actions import MediaMissing, NothingToProve, Sources
from backend.audit.verify import verify
from backend.clock import SystemClock, moment
from backend.db import transaction
from backend.identity.actions import admit_person
from backend.identity.credentials import SESSION_PREFIX, OrganisationRow, SignInRow, hash_of, new_token
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Person, Role
from backend.loans.rules.loan import LoanUnknown
from backend.loans.tables.loan import LoanRow
from backend.web.ports import Ports, Times
from backend.web.problems import install
from backend.web.surroundings import Surroundings
from iot_bridge.evidence.store import EvidenceStore
from tests.backend.audit.test_writing import _fill, sources  # noqa: F401 - a fixture is asked for by name
from tests.support.audit_case import LOAN, CaseLife
from tests.support.ledger import LedgerInTests

BUNDLE = f"/v1/loans/{LOAN}/bundle"
KIND = OrganisationKind
PEOPLE = {
    "officer": ("org-bank", KIND.BANK, Role.CREDIT_OFFICER),
    "auditor": ("org-auditor", KIND.AUDITOR, Role.AUDITOR),
    "trader": ("org-trader", KIND.BORROWER, Role.BORROWER),
}


@pytest.fixture
def bank(database: Engine, played: CaseLife, case_ledger: LedgerInTests) -> Engine:
    _fill(database, played, case_ledger, played.openings)
    return database


@pytest.fixture
def shown(bank: Engine) -> dict[str, dict[str, str]]:
    """What everybody shows of themselves."""
    now, shown = SystemClock().now(), {}
    with transaction(bank) as session:
        for name, (organisation, kind, role) in PEOPLE.items():
            token = new_token(SESSION_PREFIX)
            session.add(OrganisationRow(id=organisation, kind=kind.value))
            session.flush()
            admit_person(session, Person(name, organisation, frozenset({role}), f"{name}-key"))
            until = now.replace(year=now.year + 1)
            session.add(SignInRow(token_hash=hash_of(token), person=name, began_at=now, expires_at=until))
            shown[name] = {"Authorization": f"Bearer {token}"}
    return shown


def served(bank: Engine, sources: Sources) -> TestClient:  # noqa: F811 - as the fixture gives it
    clock, app = SystemClock(), FastAPI()
    app.state.ports = Ports(sources, Times(clock, lambda: moment(clock, "Asia/Shanghai")))
    app.state.ports.offer(Engine, bank)
    app.include_router(routes.router)
    install(app)
    app.add_middleware(Surroundings)
    return TestClient(app, raise_server_exceptions=False)


def test_an_auditor_takes_a_bundle_away_that_verifies_and_no_file_stays(
    bank: Engine,
    sources: Sources,  # noqa: F811 - as the fixture gives it
    shown: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passing = tmp_path / "passing"
    passing.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(passing))
    client = served(bank, sources)
    for who in ("auditor", "officer"):
        given = client.get(BUNDLE, headers=shown[who])
        assert given.status_code == 200, given.text
        assert given.headers["content-type"] == "application/zip"
        assert given.headers["content-disposition"] == f'attachment; filename="{LOAN}.zip"'
        assert given.headers["x-content-type-options"] == "nosniff"
        assert int(given.headers["content-length"]) == len(given.content)
        assert verify(given.content).verified
        assert not list(passing.iterdir())
    assert client.get(BUNDLE, headers=shown["trader"]).status_code == 403


def test_a_bundle_that_cannot_be_written_is_refused_by_its_reason(
    bank: Engine,
    sources: Sources,  # noqa: F811 - as the fixture gives it
    shown: dict[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    client = served(bank, sources)
    unknown = client.get("/v1/loans/L-0000/bundle", headers=shown["auditor"])
    assert (unknown.status_code, unknown.json()["code"]) == (404, LoanUnknown.code)
    empty = Sources(sources.rpc, sources.deployment, EvidenceStore(tmp_path / "empty"))
    missing = served(bank, empty).get(BUNDLE, headers=shown["auditor"])
    assert (missing.status_code, missing.json()["code"]) == (503, MediaMissing.code)
    with transaction(bank) as session:
        session.get_one(LoanRow, LOAN).pledge_id = None
    early = client.get(BUNDLE, headers=shown["auditor"])
    assert (early.status_code, early.json()["code"]) == (409, NothingToProve.code)

"""Documents over the API: an organisation's own, the bank's to read, nobody else's."""

from hashlib import sha256
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from backend.clock import SystemClock, moment
from backend.db import reading, transaction
from backend.documents import routes
from backend.documents.actions import DocumentStore, require_kept
from backend.documents.rules import LARGEST, KeptDamaged, KeptUnknown, MediaTypeUnknown, SizeOutOfRange
from backend.identity.actions import admit_person
from backend.identity.credentials import SESSION_PREFIX, OrganisationRow, SignInRow, hash_of, new_token
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Person, Role
from backend.web.ports import Ports, Times
from backend.web.problems import install
from backend.web.surroundings import Surroundings
from backend.web.work import REPLAYED, KeyReused

BANK, TRADER, OTHER, AUDITOR = "org-bank", "org-trader", "org-other", "org-auditor"
INVOICE = b"%PDF-1.7 an invoice"
NAME = sha256(INVOICE).hexdigest()
PDF = "application/pdf"
KIND = OrganisationKind
PEOPLE = {
    "officer": (BANK, KIND.BANK, Role.CREDIT_OFFICER),
    "auditor": (AUDITOR, KIND.AUDITOR, Role.AUDITOR),
    "trader": (TRADER, KIND.BORROWER, Role.BORROWER),
    "other": (OTHER, KIND.BORROWER, Role.BORROWER),
}


class Desk:
    """The routes over one database, and everybody signed in."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        clock, self.engine, self.store = SystemClock(), engine, DocumentStore(folder)
        app = FastAPI()
        app.state.ports = Ports(self.store, Times(clock, lambda: moment(clock, "Asia/Shanghai")))
        app.state.ports.offer(Engine, engine)
        app.include_router(routes.router)
        install(app)
        app.add_middleware(Surroundings)
        self.client = TestClient(app, raise_server_exceptions=False)
        self.tokens = {name: new_token(SESSION_PREFIX) for name in PEOPLE}
        now = clock.now()
        with transaction(engine) as session:
            for name, (organisation, kind, role) in PEOPLE.items():
                session.add(OrganisationRow(id=organisation, kind=kind.value))
                session.flush()
                admit_person(session, Person(name, organisation, frozenset({role}), f"{name}-key"))
                token, until = hash_of(self.tokens[name]), now.replace(year=now.year + 1)
                session.add(SignInRow(token_hash=token, person=name, began_at=now, expires_at=until))

    def keeps(self, who: str, content: bytes, media_type: str = PDF, key: str = "document-1"):  # noqa: ANN201
        sent = self._shown(who) | {"Content-Type": media_type, "Idempotency-Key": key}
        return self.client.post("/v1/documents", content=content, headers=sent)

    def reads(self, who: str, name: str = NAME):  # noqa: ANN201
        return self.client.get(f"/v1/documents/{name}", headers=self._shown(who))

    def _shown(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}


@pytest.fixture
def desk(database: Engine, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path / "documents")


def test_a_document_is_read_in_its_own_bytes_by_its_organisation_the_bank_and_auditors(desk: Desk) -> None:
    kept = desk.keeps("trader", INVOICE)
    assert (kept.status_code, kept.json()) == (
        201,
        {"sha256": NAME, "size": len(INVOICE), "media_type": PDF},
    )
    for who in ("trader", "officer", "auditor"):
        found = desk.reads(who)
        assert (found.status_code, found.content) == (200, INVOICE)
        assert found.headers["content-type"] == PDF
        assert found.headers["content-disposition"] == f'attachment; filename="{NAME}"'
        assert found.headers["x-content-type-options"] == "nosniff"


def test_a_document_of_another_organisation_is_not_there_until_it_keeps_its_own(desk: Desk) -> None:
    desk.keeps("trader", INVOICE)
    hidden, nothing = desk.reads("other"), desk.reads("officer", "0" * 64)
    assert [each.json()["code"] for each in (hidden, nothing)] == [KeptUnknown.code] * 2
    assert (hidden.status_code, nothing.status_code) == (404, 404)
    with reading(desk.engine) as session, pytest.raises(KeptUnknown):
        require_kept(session, NAME, OTHER)
    assert desk.keeps("other", INVOICE, "text/plain; charset=utf-8").status_code == 201
    assert desk.reads("other").headers["content-type"] == "text/plain"
    assert desk.reads("trader").headers["content-type"] == PDF


def test_a_repeated_key_gives_the_same_answer_and_no_second_document(desk: Desk) -> None:
    first, again = desk.keeps("trader", INVOICE), desk.keeps("trader", INVOICE)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers[REPLAYED] == "true"
    assert desk.keeps("trader", INVOICE + b"!").json()["code"] == KeyReused.code
    fresh = desk.keeps("trader", INVOICE, key="document-2")
    assert (fresh.status_code, fresh.content) == (201, first.content)


def test_what_is_empty_too_large_or_of_another_type_is_not_kept(desk: Desk) -> None:
    for content in (b"", bytes(LARGEST + 1)):
        refused = desk.keeps("trader", content)
        assert (refused.status_code, refused.json()["code"]) == (422, SizeOutOfRange.code)
    for media_type in ("text/html", "image/svg+xml", ""):
        refused = desk.keeps("trader", INVOICE, media_type)
        assert (refused.status_code, refused.json()["code"]) == (415, MediaTypeUnknown.code)
    assert desk.keeps("officer", INVOICE).status_code == 403
    assert not [each for each in desk.store.folder.rglob("*") if each.is_file()]
    assert desk.keeps("trader", bytes(LARGEST)).status_code == 201


def test_bytes_that_were_damaged_are_not_handed_out(desk: Desk) -> None:
    desk.keeps("trader", INVOICE)
    (file,) = [each for each in desk.store.folder.rglob("*") if each.is_file()]
    file.write_bytes(b"something else")
    damaged = desk.reads("trader")
    assert (damaged.status_code, damaged.json()["code"]) == (503, KeptDamaged.code)

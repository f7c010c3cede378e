"""Evidence over the API: whoever keeps or watches a site sees what was seen there, with its proof."""

from hashlib import sha256

import pytest

from backend.evidence import routes
from backend.evidence.rules import MediaUnknown
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Role
from iot_bridge.evidence.body import Media
from iot_bridge.evidence.log import verify_inclusion
from tests.backend.app.conftest import CAMERA, World
from tests.backend.app.test_a_receipt_lives import COILS, ONE, TWO, arrive
from tests.backend.edge import crossing, id_of
from tests.support.api_callers import Callers, code_of
from tests.support.ledger_life import INSPECTOR, LENDER, OPERATOR, SITE

MOVEMENTS = f"/v1/sites/{SITE}/movements"
KIND = OrganisationKind


@pytest.fixture
def callers(world: World) -> Callers:
    callers = Callers(world.bank, (routes.router,))
    callers.admit("officer", LENDER, KIND.BANK, Role.COLLATERAL_OFFICER)
    callers.admit("keeper", OPERATOR, KIND.WAREHOUSE_OPERATOR, Role.WAREHOUSE_KEEPER)
    callers.admit("inspector", INSPECTOR, KIND.SUPERVISOR, Role.INSPECTOR)
    callers.admit("foreign-keeper", "other-storage", KIND.WAREHOUSE_OPERATOR, Role.WAREHOUSE_KEEPER)
    callers.admit("trader", "other-trader", KIND.BORROWER, Role.BORROWER)
    arrive(world)
    return callers


def test_movements_come_in_the_order_of_the_log_a_page_at_a_time(callers: Callers) -> None:
    pieces, after = [], ""
    for _ in COILS:
        page = callers.get("keeper", MOVEMENTS, limit=1, after=after).json()
        pieces += [each["subject"] for each in page["items"]]
        after = page["next"] or ""
    assert pieces == ["0x" + each.hex() for each in COILS]
    assert after == ""
    (one,) = callers.get("officer", MOVEMENTS, piece="0x" + TWO.hex(), kind="movement.in").json()["items"]
    assert (one["quantity"], one["held"]) == (COILS[TWO], False)
    assert callers.get("officer", MOVEMENTS, kind="movement.out").json()["items"] == []
    wrong = callers.get("officer", MOVEMENTS, after="1.x")
    assert code_of(wrong) == (422, "web.request_invalid")


def test_a_statement_comes_with_its_proof_once_it_is_anchored(world: World, callers: Callers) -> None:
    newest = callers.get("inspector", MOVEMENTS, piece="0x" + ONE.hex()).json()["items"][0]
    found = callers.get("inspector", f"/v1/statements/{newest['id']}").json()
    entry, path = bytes.fromhex(found["entry"][2:]), found["proof"]["path"]
    leaf = sha256(b"\x00" + entry).digest()
    assert found["proof"]["leaf"] == "0x" + leaf.hex()
    assert found["head"]["witnessed"] is True
    assert len(path) > 0
    verify_inclusion(
        leaf,
        index=found["proof"]["index"],
        size=found["head"]["size"],
        proof=[bytes.fromhex(each[2:]) for each in path],
        root=bytes.fromhex(found["head"]["root"][2:]),
    )
    unanchored = world.moves("out", ONE, COILS[ONE])
    world.hear(*unanchored)
    (left,) = callers.get("keeper", MOVEMENTS, kind="movement.out").json()["items"]
    found = callers.get("keeper", f"/v1/statements/{left['id']}").json()
    assert (found["head"], found["proof"]) == (None, None)


def test_evidence_of_another_site_is_not_there(callers: Callers) -> None:
    known = callers.get("officer", MOVEMENTS).json()["items"][0]["id"]
    sight = f"/v1/media/{'0' * 64}"
    for statement in (known, "0x" + "00" * 32):
        hidden = callers.get("foreign-keeper", f"/v1/statements/{statement}")
        assert code_of(hidden) == (404, "evidence.statement_unknown")
        hidden = callers.get("foreign-keeper", sight, statement=statement)
        assert code_of(hidden) == (404, "evidence.statement_unknown")
    for site in (SITE, "nowhere"):
        hidden = callers.get("foreign-keeper", f"/v1/sites/{site}/movements")
        assert code_of(hidden) == (404, "parties.site_unknown")
    assert code_of(callers.get("trader", MOVEMENTS)) == (403, "identity.permission_missing")
    assert code_of(callers.get("officer", "/v1/sites/nowhere/movements")) == (404, "parties.site_unknown")


def test_a_medium_is_given_to_whoever_may_see_the_statement_that_names_it(
    world: World, callers: Callers
) -> None:
    still = b"a still of the gate"
    kept = world.bank.sources.store.put(still)
    media = (Media(bytes.fromhex(kept), "image/jpeg", len(still)), Media(bytes(32), "image/jpeg", 1))
    seen = world.says(CAMERA, "gate.crossing", crossing("in", 7), media=media)
    world.hear(seen)
    statement = "0x" + id_of(seen).hex()
    given = callers.get("keeper", f"/v1/media/{kept}", statement=statement)
    assert (given.status_code, given.content) == (200, still)
    assert given.headers["content-type"] == "image/jpeg"
    assert given.headers["content-disposition"].startswith("attachment")
    assert given.headers["x-content-type-options"] == "nosniff"
    hidden = callers.get("foreign-keeper", f"/v1/media/{kept}", statement=statement)
    assert code_of(hidden) == (404, "evidence.statement_unknown")
    late = callers.get("keeper", f"/v1/media/{'00' * 32}", statement=statement)
    assert code_of(late) == (404, MediaUnknown.code)


def test_a_medium_that_the_statement_does_not_name_is_not_given(world: World, callers: Callers) -> None:
    kept = world.bank.sources.store.put(b"a still of something else")
    known = callers.get("officer", MOVEMENTS).json()["items"][0]["id"]
    refused = callers.get("officer", f"/v1/media/{kept}", statement=known)
    assert code_of(refused) == (404, "evidence.media_unknown")

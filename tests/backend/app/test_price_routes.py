"""Prices over the API: two enrol a source, a signed file is taken whole, and the bank reads the newest."""

import json
from datetime import timedelta
from typing import Any

import pytest

from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Role
from backend.units import Money
from backend.valuation import routes
from backend.valuation.rules.prices import PriceObservation, price_document
from tests.backend.app.conftest import World
from tests.backend.valuation.test_taking_prices import KEY, public
from tests.support.api_callers import Callers, code_of
from tests.support.ledger_life import DEPOSITOR, LENDER

SOURCE = {"source": "mysteel", "public_key": "0x" + public(KEY).hex()}
NEWEST = "/v1/prices/steel.hrc/q235b"


@pytest.fixture
def callers(world: World) -> Callers:
    callers = Callers(world.bank, (routes.router,))
    for name in ("credit-1", "credit-2"):
        callers.admit(name, LENDER, OrganisationKind.BANK, Role.CREDIT_OFFICER)
    callers.admit("approver", LENDER, OrganisationKind.BANK, Role.APPROVER)
    callers.admit("depositor", DEPOSITOR, OrganisationKind.BORROWER, Role.BORROWER)
    return callers


def seen(world: World, minor: int = 340_000, hours_ago: int = 1) -> PriceObservation:
    now = world.bank.moment().now
    return PriceObservation(
        source="mysteel",
        commodity="steel.hrc",
        grade="q235b",
        amount=Money(minor, "CNY"),
        per_kg=1_000,
        priced_at=now - timedelta(hours=hours_ago),
        valid_until=now + timedelta(days=1),
    )


def enrolled(callers: Callers) -> Any:
    assert callers.post("credit-1", "/v1/price-sources", json=SOURCE).status_code == 202
    return callers.post("credit-2", "/v1/price-sources", json=SOURCE)


def test_two_enrol_a_source_and_its_newest_price_is_read(world: World, callers: Callers) -> None:
    early = price_document([seen(world)], KEY)
    assert (
        code_of(callers.post("credit-1", "/v1/prices", content=early))[1] == "valuation.price_source_unknown"
    )
    done = enrolled(callers)
    assert (done.status_code, done.json()["source"]) == (201, "mysteel")
    again = callers.post("credit-1", "/v1/price-sources", json=SOURCE)
    assert again.status_code == 202
    twice = callers.post("credit-2", "/v1/price-sources", json=SOURCE)
    assert code_of(twice) == (409, "valuation.price_source_enrolled")

    document = price_document([seen(world), seen(world, 350_000, hours_ago=2)], KEY)
    taken = callers.post("credit-1", "/v1/prices", content=document)
    assert [each["fresh"] for each in taken.json()["taken"]] == [True, True]
    (newest,) = callers.get("approver", NEWEST, currency="CNY").json()["prices"]
    assert (newest["amount_minor"], newest["per_kg"], newest["source"]) == (340_000, 1_000, "mysteel")
    assert callers.get("approver", NEWEST, currency="USD").json() == {"prices": []}
    assert code_of(callers.get("approver", NEWEST, currency="ZZZ")) == (422, "units.currency_unknown")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'["]]]]\\"]",' * 50_000,
        b'{"v": 1, "observations": [1]}',
        b'{"v": 1, "observations": [{"source": "\\ud800"}]}',
        b'{"v": true, "observations": {}}',
    ],
    ids=["nothing", "no text", "deep", "deep behind texts", "no object", "half a letter", "no list"],
)
def test_a_file_that_is_no_price_file_is_refused(callers: Callers, body: bytes) -> None:
    refused = callers.post("credit-1", "/v1/prices", content=body)
    assert code_of(refused) in {(422, "valuation.price_malformed"), (422, "web.request_invalid")}


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount_minor", 2**60), ("priced_at", "0001-01-01T00:00:00+00:00"), ("per_kg", True), ("source", 7)],
)
def test_an_observation_beyond_bounds_is_refused(
    world: World, callers: Callers, field: str, value: object
) -> None:
    enrolled(callers)
    document = json.loads(price_document([seen(world)], KEY))
    document["observations"][0][field] = value
    refused = callers.post("credit-1", "/v1/prices", json=document)
    assert refused.status_code == 422, refused.text


def test_prices_are_the_banks(world: World, callers: Callers) -> None:
    missing = (403, "identity.permission_missing")
    assert code_of(callers.get("depositor", NEWEST, currency="CNY")) == missing
    assert code_of(callers.post("depositor", "/v1/price-sources", json=SOURCE)) == missing
    assert (
        code_of(callers.post("approver", "/v1/prices", content=price_document([seen(world)], KEY))) == missing
    )

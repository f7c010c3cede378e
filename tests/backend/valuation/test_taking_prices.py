"""Prices are taken whole from a signed file, once, from a source whose key is enrolled and live."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from sqlalchemy import Engine

from backend.db import reading, transaction
from backend.units import Money
from backend.valuation import actions as valuing
from backend.valuation.rules import prices as p

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY: Final = bytes(range(32))
OTHER_KEY: Final = bytes(range(1, 33))
POLICY: Final = p.PricePolicy(timedelta(hours=36), 1_000)
SEEN: Final = p.PriceObservation(
    source="mysteel",
    commodity="steel.hrc",
    grade="q235b",
    amount=Money(340_000, "CNY"),
    per_kg=1_000,
    priced_at=NOW - timedelta(hours=1),
    valid_until=NOW + timedelta(days=3),
)


def public(key: bytes) -> bytes:
    return p.Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()


def file_of(*observations: p.PriceObservation, key: bytes = KEY) -> bytes:
    return p.price_document(observations, key)


@pytest.fixture
def bank(database: Engine) -> Engine:
    with transaction(database) as session:
        valuing.enrol_source(session, source="mysteel", public_key=public(KEY), now=NOW)
    return database


def take(bank: Engine, document: bytes) -> tuple[valuing.TakenPrice, ...]:
    with transaction(bank) as session:
        return valuing.take_prices(session, document, now=NOW)


def stated(bank: Engine) -> int:
    with reading(bank) as session:
        found = valuing.price_of(session, ("steel.hrc", "q235b"), currency="CNY", policy=POLICY, now=NOW)
    return int(found.per_kilogram * 1_000)


def test_a_signed_price_is_stored_once_and_stated(bank: Engine) -> None:
    assert [each.fresh for each in take(bank, file_of(SEEN))] == [True]
    assert [each.fresh for each in take(bank, file_of(SEEN))] == [False]
    assert stated(bank) == 340_000


def test_a_source_has_one_live_key(bank: Engine) -> None:
    with pytest.raises(valuing.PriceSourceEnrolled), transaction(bank) as session:
        valuing.enrol_source(session, source="mysteel", public_key=public(OTHER_KEY), now=NOW)


def test_a_source_without_a_live_key_is_refused_and_what_was_taken_stays(bank: Engine) -> None:
    take(bank, file_of(SEEN))
    with transaction(bank) as session:
        valuing.revoke_source(session, source="mysteel", now=NOW)
    for refused in (replace(SEEN, priced_at=NOW), replace(SEEN, source="nobody")):
        with pytest.raises(p.PriceSourceUnknown):
            take(bank, file_of(refused))
    assert stated(bank) == 340_000


def test_a_price_dated_later_than_now_is_refused(bank: Engine) -> None:
    with pytest.raises(p.PriceFromTheFuture):
        take(bank, file_of(replace(SEEN, priced_at=NOW + timedelta(seconds=1))))


def test_a_source_that_says_two_things_of_one_instant_is_refused_the_second(bank: Engine) -> None:
    take(bank, file_of(SEEN))
    with pytest.raises(p.PriceContradicts) as refused:
        take(bank, file_of(replace(SEEN, amount=Money(340_100, "CNY"))))
    assert refused.value.facts == {"source": "mysteel", "said_minor": 340_000, "now_minor": 340_100}
    assert stated(bank) == 340_000


def test_of_a_file_with_one_bad_price_nothing_is_stored(bank: Engine) -> None:
    later = replace(SEEN, priced_at=NOW + timedelta(hours=1))
    with pytest.raises(p.PriceFromTheFuture):
        take(bank, file_of(SEEN, later))
    with pytest.raises(p.PriceMissing):
        stated(bank)


def test_a_price_signed_by_another_key_is_refused(bank: Engine) -> None:
    with pytest.raises(p.PriceUnsigned):
        take(bank, file_of(SEEN, key=OTHER_KEY))

"""Enrol sources of prices, take what they signed, and value lots by it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.errors import WrongState
from backend.valuation.rules.prices import (
    MarketPrice,
    PriceContradicts,
    PriceFromTheFuture,
    PriceMalformed,
    PriceMissing,
    PriceObservation,
    PricePolicy,
    PriceSourceUnknown,
    PriceUnsigned,
    from_fields,
    market_price,
    require_signed,
)
from backend.valuation.rules.value import Goods, Lot, Valuation, value_lots
from backend.valuation.tables import (
    PriceRow,
    PriceSourceRow,
    contradicted_by,
    live_key,
    observations_of,
)

FORMAT = 1
DEEPEST = 8
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


class PriceSourceEnrolled(WrongState):
    """This source has a live key already; revoke it first."""

    code = "valuation.price_source_enrolled"


@dataclass(frozen=True, slots=True)
class TakenPrice:
    """An observation that is stored; `fresh` is false where it was stored before."""

    observation: PriceObservation
    fresh: bool


def enrol_source(session: Session, *, source: str, public_key: bytes, now: datetime) -> None:
    """From now on take prices that this Ed25519 key (32 bytes) signs for `source`.

    Raises:
        PriceSourceEnrolled: the source has a live key.
    """
    if live_key(session, source) is not None:
        raise PriceSourceEnrolled(source=source)
    session.add(PriceSourceRow(name=source, public_key=public_key, enrolled_at=now))
    session.flush()


def revoke_source(session: Session, *, source: str, now: datetime) -> None:
    """From now on take nothing signed with the source's live key; what was taken stays.

    Raises:
        PriceSourceUnknown: it has no live key.
    """
    key = _require_key(session, source)
    session.get_one(PriceSourceRow, (source, key)).revoked_at = now
    session.flush()


def take_prices(session: Session, document: bytes, *, now: datetime) -> tuple[TakenPrice, ...]:
    """Store every observation of a signed file, or none.

    Args:
        session: the unit of work.
        document: JSON `{"v": 1, "observations": [{…fields, "signature": "0x…"}]}`.
        now: business time.

    Raises:
        PriceMalformed: the file is not of that form.
        PriceSourceUnknown: a source has no live key.
        PriceUnsigned: a signature is missing or not that key's over exactly these fields.
        PriceFromTheFuture: a price is dated after `now`.
        PriceContradicts: the source said otherwise for the same instant before.
    """
    return tuple(_take(session, each, now) for each in _observations(document))


def price_of(
    session: Session, goods: Goods, *, currency: str, policy: PricePolicy, now: datetime
) -> MarketPrice:
    """The price that fresh observations agree on now.

    Raises:
        PriceMissing: these goods have no price at all in that currency.
        PriceStale: none is fresh.
        PriceHeld: the only fresh ones wait for a second source.
    """
    commodity, grade = goods
    found = observations_of(session, commodity, grade, currency)
    if not found:
        raise PriceMissing(commodity=commodity, grade=grade, currency=currency)
    return market_price(found, policy, now=now)


def observations(session: Session, goods: Goods, *, currency: str) -> list[PriceObservation]:
    """Everything that was ever observed of these goods, oldest first."""
    commodity, grade = goods
    return observations_of(session, commodity, grade, currency)


def value(
    session: Session, lots: Sequence[Lot], *, policy: PricePolicy, line_bps: int, currency: str, now: datetime
) -> Valuation:
    """Value lots by the prices of this moment; what they may carry is at the line given.

    Raises:
        PriceMissing: a lot's goods have no price; nothing is stated for the others either.
        PriceStale: their newest price is too old.
        PriceHeld: the only fresh price waits for a second source.
    """
    prices = {
        goods: price_of(session, goods, currency=currency, policy=policy, now=now)
        for goods in sorted({lot.goods for lot in lots})
    }
    return value_lots(lots, prices, line_bps=line_bps, currency=currency)


def _take(session: Session, entry: tuple[PriceObservation, bytes], now: datetime) -> TakenPrice:
    observation, signature = entry
    key = _require_key(session, observation.source)
    require_signed(observation, signature, key)
    if observation.priced_at > now:
        raise PriceFromTheFuture(priced_at=observation.priced_at.isoformat(), now=now.isoformat())
    if session.get(PriceRow, observation.id) is not None:
        return TakenPrice(observation, fresh=False)
    other = contradicted_by(session, observation)
    if other is not None:
        raise PriceContradicts(
            source=observation.source,
            said_minor=other.amount_minor,
            now_minor=observation.amount.amount_minor,
        )
    session.add(_row(observation, signature, key, now))
    session.flush()
    return TakenPrice(observation, fresh=True)


def _row(observation: PriceObservation, signature: bytes, key: bytes, now: datetime) -> PriceRow:
    return PriceRow(
        id=observation.id,
        source=observation.source,
        commodity=observation.commodity,
        grade=observation.grade,
        currency=observation.amount.currency,
        amount_minor=observation.amount.amount_minor,
        per_kg=observation.per_kg,
        priced_at=observation.priced_at,
        valid_until=observation.valid_until,
        signature=signature,
        public_key=key,
        taken_at=now,
    )


def _require_key(session: Session, source: str) -> bytes:
    key = live_key(session, source)
    if key is None:
        raise PriceSourceUnknown(source=source)
    return key


def _observations(document: bytes) -> list[tuple[PriceObservation, bytes]]:
    try:
        text = document.decode()
        _require_shallow(text)
        data = json.loads(text)
    except ValueError as error:
        raise PriceMalformed(reason=str(error)) from error
    if not isinstance(data, dict) or set(data) != {"v", "observations"} or data["v"] != FORMAT:
        raise PriceMalformed(reason="not a version 1 price file")
    if not isinstance(data["observations"], list):
        raise PriceMalformed(reason="observations is no list")
    return [_entry(each) for each in data["observations"]]


def _require_shallow(text: str) -> None:
    """Refuse JSON nested deeper than any price file, before a parser recurses into it.

    The interpreter's own limit is no guard: a library that signs for the ledger lifts it beyond the stack.
    """
    depth = 0
    for bracket in _BRACKET.findall(_TEXT.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise PriceMalformed(reason="nested too deeply", at_most=DEEPEST)


def _entry(fields: Any) -> tuple[PriceObservation, bytes]:
    if not isinstance(fields, dict):
        raise PriceMalformed(reason="an observation is no object")
    signature = fields.get("signature")
    observation = from_fields({name: value for name, value in fields.items() if name != "signature"})
    if not isinstance(signature, str):
        raise PriceUnsigned(source=observation.source)
    try:
        return observation, bytes.fromhex(signature.removeprefix("0x"))
    except ValueError as error:
        raise PriceUnsigned(source=observation.source, signature=signature) from error

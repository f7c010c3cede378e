"""Prices as signed observations: their form, their signature, and the one price that fresh ones agree on.

A missing, stale, unsigned or held price is never replaced by another figure; it stops the valuation.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backend.errors import Forbidden, Invalid, Unavailable, WrongState
from backend.units import BPS, Money, require_integer

TAG: Final = b"tallystick.price.v1\n"
"""Goes before the signed bytes, so that a signature over a price is one over nothing else."""
SIGNATURE_BYTES: Final = 64
MAX_PER_KG: Final = 1_000_000
LARGEST_SIGNED: Final = 2**53 - 1
"""The canonical JSON that is signed holds no larger integer."""
_FIRST_YEAR, _LAST_YEAR = 2000, 9000
_NAME: Final = re.compile(r"[a-z0-9.-]{3,32}")
_FIELDS: Final = frozenset(
    {"source", "commodity", "grade", "currency", "amount_minor", "per_kg", "priced_at", "valid_until"}
)


class PriceMalformed(Invalid):
    """A price observation lacks a field, has one too many, or one of the wrong form."""

    code = "valuation.price_malformed"


class PriceUnsigned(Forbidden):
    """The signature is missing, or is not the enrolled source's over exactly these fields."""

    code = "valuation.price_unsigned"


class PriceSourceUnknown(Forbidden):
    """No key is enrolled for this source of prices, or it was revoked."""

    code = "valuation.price_source_unknown"


class PriceFromTheFuture(Invalid):
    """The price is dated later than now."""

    code = "valuation.price_from_the_future"


class PriceContradicts(WrongState):
    """The source has stated another price for the same goods and the same instant."""

    code = "valuation.price_contradicts"


class PriceMissing(Unavailable):
    """No price was ever observed for this commodity and grade, so no value can be stated."""

    code = "valuation.price_missing"


class PriceStale(Unavailable):
    """The newest price is older than the product allows, so no value can be stated."""

    code = "valuation.price_stale"


class PriceHeld(Unavailable):
    """The only fresh price is a rise beyond the allowed move and waits for a second source."""

    code = "valuation.price_held"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceObservation:
    """What a source says one unit of goods is worth.

    Attributes:
        amount: the price of `per_kg` kilograms (1 000 for a price per tonne).
        priced_at: when the price was formed.
        valid_until: after that instant the source no longer stands by it.
    """

    source: str
    commodity: str
    grade: str
    amount: Money
    per_kg: int
    priced_at: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        for name in (self.source, self.commodity, self.grade):
            if not _NAME.fullmatch(name):
                raise PriceMalformed(name=name)
        require_integer("amount_minor", self.amount.amount_minor, at_least=1, at_most=LARGEST_SIGNED)
        require_integer("per_kg", self.per_kg, at_least=1, at_most=MAX_PER_KG)
        if (
            self.priced_at.tzinfo is None
            or self.valid_until.tzinfo is None
            or not _FIRST_YEAR <= self.priced_at.year <= self.valid_until.year <= _LAST_YEAR
            or self.valid_until < self.priced_at
        ):
            raise PriceMalformed(priced_at=self.priced_at, valid_until=self.valid_until)

    @property
    def per_kilogram(self) -> Fraction:
        """Minor units for one kilogram, exact."""
        return Fraction(self.amount.amount_minor, self.per_kg)

    @property
    def id(self) -> bytes:
        """SHA-256 of the signed bytes."""
        return sha256(signed_bytes(self)).digest()


@dataclass(frozen=True, slots=True)
class PricePolicy:
    """A product's terms for prices: how old one may be, and how far it may rise on one source's word."""

    max_age: timedelta
    max_move_bps: int


@dataclass(frozen=True, slots=True)
class MarketPrice:
    """The price that fresh observations agree on.

    Attributes:
        per_kilogram: minor units for one kilogram, exact.
        rests_on: ids of the observations it was made of.
        held: ids of rises that wait for a second source.
    """

    per_kilogram: Fraction
    currency: str
    rests_on: tuple[bytes, ...]
    held: tuple[bytes, ...]


def to_fields(observation: PriceObservation) -> dict[str, Any]:
    """The observation in JSON's types, without its signature."""
    return {
        "source": observation.source,
        "commodity": observation.commodity,
        "grade": observation.grade,
        "currency": observation.amount.currency,
        "amount_minor": observation.amount.amount_minor,
        "per_kg": observation.per_kg,
        "priced_at": observation.priced_at.isoformat(),
        "valid_until": observation.valid_until.isoformat(),
    }


def from_fields(fields: Mapping[str, Any]) -> PriceObservation:
    """The observation behind its JSON form.

    Raises:
        PriceMalformed: a field is missing, unknown, or of the wrong form.
    """
    if set(fields) != _FIELDS:
        raise PriceMalformed(missing=sorted(_FIELDS - set(fields)), unknown=sorted(set(fields) - _FIELDS))
    try:
        return PriceObservation(
            source=fields["source"],
            commodity=fields["commodity"],
            grade=fields["grade"],
            amount=Money(fields["amount_minor"], fields["currency"]),
            per_kg=fields["per_kg"],
            priced_at=datetime.fromisoformat(fields["priced_at"]),
            valid_until=datetime.fromisoformat(fields["valid_until"]),
        )
    except (TypeError, ValueError) as error:
        raise PriceMalformed(reason=str(error)) from error


def signed_bytes(observation: PriceObservation) -> bytes:
    """What a source signs: a tag, then the canonical JSON (RFC 8785) of the fields."""
    return TAG + rfc8785.dumps(to_fields(observation))


def sign_price(observation: PriceObservation, key: bytes) -> bytes:
    """Ed25519 signature of 64 bytes by a private key of 32."""
    return Ed25519PrivateKey.from_private_bytes(key).sign(signed_bytes(observation))


def price_document(observations: Iterable[PriceObservation], key: bytes) -> bytes:
    """The file by which a source publishes prices: version 1, each observation signed with its key."""
    signed = [{**to_fields(each), "signature": "0x" + sign_price(each, key).hex()} for each in observations]
    return rfc8785.dumps({"v": 1, "observations": signed})


def require_signed(observation: PriceObservation, signature: bytes, public_key: bytes) -> None:
    """Refuse an observation that the holder of `public_key` (32 bytes, Ed25519) did not sign as it stands.

    Raises:
        PriceUnsigned: the signature is missing, of another length, or over other bytes.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed_bytes(observation))
    except InvalidSignature as error:
        raise PriceUnsigned(source=observation.source, priced_at=observation.priced_at.isoformat()) from error


def market_price(
    observations: Iterable[PriceObservation], policy: PricePolicy, *, now: datetime
) -> MarketPrice:
    """The median over the sources with a fresh, accepted price; of an even number the mean of the middle two.

    Of each source the newest counts. A rise beyond the policy's move over the source's last accepted price is
    held until another source is within that move of it; a fall applies at once.

    Args:
        observations: all of one commodity, grade and currency, in any order.
        policy: the product's.
        now: business time; later observations are not known yet.

    Raises:
        PriceMissing: there is none at all.
        PriceStale: none is fresh.
        PriceHeld: the fresh ones are all held.
    """
    known = sorted((each for each in observations if each.priced_at <= now), key=lambda each: each.priced_at)
    if not known:
        raise PriceMissing(now=now.isoformat())
    by_source: dict[str, list[PriceObservation]] = defaultdict(list)
    for each in known:
        by_source[each.source].append(each)
    held = {each.id for own in by_source.values() for each in _held(own, known, policy)}
    fresh = [each for each in known if now <= each.valid_until and now - each.priced_at <= policy.max_age]
    if not fresh:
        raise PriceStale(
            newest=known[-1].priced_at.isoformat(), now=now.isoformat(), max_age=str(policy.max_age)
        )
    newest = {each.source: each for each in fresh if each.id not in held}
    if not newest:
        raise PriceHeld(source=fresh[-1].source, amount_minor=fresh[-1].amount.amount_minor)
    counted = sorted(newest.values(), key=lambda each: each.per_kilogram)
    return MarketPrice(
        _median([each.per_kilogram for each in counted]),
        _one_currency(counted),
        tuple(each.id for each in counted),
        tuple(each.id for each in fresh if each.id in held),
    )


def _held(
    own: list[PriceObservation], everyone: list[PriceObservation], policy: PricePolicy
) -> list[PriceObservation]:
    """Those of one source's observations that rise too far and that no other source comes near."""
    held, accepted = [], own[0]
    for _, each in pairwise(own):
        if _too_far(each, accepted, policy) and not _confirmed(each, everyone, policy):
            held.append(each)
        else:
            accepted = each
    return held


def _confirmed(risen: PriceObservation, everyone: list[PriceObservation], policy: PricePolicy) -> bool:
    return any(
        other.source != risen.source
        and abs(other.priced_at - risen.priced_at) <= policy.max_age
        and not _too_far(risen, other, policy)
        for other in everyone
    )


def _too_far(risen: PriceObservation, over: PriceObservation, policy: PricePolicy) -> bool:
    return risen.per_kilogram * BPS > over.per_kilogram * (BPS + policy.max_move_bps)


def _median(ordered: list[Fraction]) -> Fraction:
    low, high = divmod(len(ordered) - 1, 2)
    return Fraction(ordered[low] + ordered[low + high], 2)


def _one_currency(observations: list[PriceObservation]) -> str:
    total = sum((each.amount for each in observations[1:]), observations[0].amount)
    return total.currency

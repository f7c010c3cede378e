"""Prices over the API: enrol who may state them, take what they signed, and read what is known of goods."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission, PersonNeeded
from backend.identity.rules import Role, RoleMissing, SamePerson
from backend.units import MINOR_DIGITS, CurrencyUnknown, require_currency
from backend.valuation.actions import PriceSourceEnrolled, TakenPrice, enrol_source, take_prices
from backend.valuation.rules.prices import (
    PriceContradicts,
    PriceFromTheFuture,
    PriceMalformed,
    PriceSourceUnknown,
    PriceUnsigned,
)
from backend.valuation.tables import PriceRow, newest_of_each_source
from backend.web.caller import may
from backend.web.forms import Name, NameInPath, RawBody, Word, word
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep
from backend.web.work import Awaiting, LookDep, OnceDep, TimesDep

router = APIRouter(prefix="/v1", tags=["prices"])
CURRENCY: Final = r"^[A-Z]{3}$"
PRICE_FILE: Final = {
    "type": "object",
    "required": ["v", "observations"],
    "properties": {"v": {"const": 1}, "observations": {"type": "array", "items": {"type": "object"}}},
}


class PriceSourceWanted(BaseModel):
    """Who shall state prices, and the key that they sign them with."""

    model_config = ConfigDict(extra="forbid")

    source: Name = Field(examples=["mysteel.index"])
    public_key: Word = Field(description="Ed25519.", examples=["0x" + "5e" * 32])


class PriceSource(PriceSourceWanted):
    """A source whose prices are taken from now on."""

    enrolled_at: datetime


class Price(BaseModel):
    """What a source said one unit of goods is worth."""

    id: str = Field(description="SHA-256 of what was signed.")
    source: str
    commodity: str
    grade: str
    currency: str
    amount_minor: int
    per_kg: int = Field(description="The price is of so many kilograms.")
    priced_at: datetime
    valid_until: datetime


class Prices(BaseModel):
    """The newest price of each source."""

    prices: list[Price]


class PriceTaken(BaseModel):
    """An observation that is stored; `fresh` is false where it was stored before."""

    id: str
    source: str
    commodity: str
    grade: str
    fresh: bool


class PricesTaken(BaseModel):
    """Everything that a file held."""

    taken: list[PriceTaken]


@router.post(
    "/price-sources",
    status_code=201,
    response_model=PriceSource | Awaiting,
    responses=refusals(PriceSourceEnrolled, OtherContentWaits, SamePerson, RoleMissing, PersonNeeded)
    | {202: {"model": Awaiting, "description": "A second credit officer must ask for the very same."}},
)
def enrol_price_source(
    body: PriceSourceWanted,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    _caller: Annotated[Caller, Depends(may(Permission.PRODUCTS_STORE))],
) -> Response:
    """Take a source's prices from now on; two credit officers ask for it."""

    def effect(session: Session) -> PriceSource | Awaiting:
        subject = f"price-source:{body.source}"
        people = two.both(
            session, act="valuation.enrol_source", subject=subject, role=Role.CREDIT_OFFICER, content=body
        )
        if isinstance(people, Awaiting):
            return people
        now = times.moment().now
        enrol_source(session, source=body.source, public_key=word(body.public_key), now=now)
        return PriceSource(source=body.source, public_key=body.public_key, enrolled_at=now)

    return once(effect, status=201)


@router.post(
    "/prices",
    response_model=PricesTaken,
    responses=refusals(
        PriceMalformed, PriceSourceUnknown, PriceUnsigned, PriceFromTheFuture, PriceContradicts
    ),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": PRICE_FILE}}}
    },
)
def take(
    body: RawBody,
    once: OnceDep,
    times: TimesDep,
    _caller: Annotated[Caller, Depends(may(Permission.PRICES_TAKE))],
) -> Response:
    """Take a file of signed prices as its source published it: every observation in it, or none."""

    def effect(session: Session) -> PricesTaken:
        found = take_prices(session, body, now=times.moment().now)
        return PricesTaken(taken=[_taken(each) for each in found])

    return once(effect)


@router.get("/prices/{commodity}/{grade}", responses=refusals(CurrencyUnknown))
def newest_prices(
    look: LookDep,
    _caller: Annotated[Caller, Depends(may(Permission.PRICES_READ))],
    commodity: NameInPath,
    grade: NameInPath,
    currency: Annotated[str, Query(pattern=CURRENCY, examples=sorted(MINOR_DIGITS))],
) -> Prices:
    """The newest price of each source for these goods; whether one may be used, each product's terms say."""
    require_currency(currency)
    found = look(lambda session: newest_of_each_source(session, commodity, grade, currency))
    return Prices(prices=[_shown(row) for row in found])


def _taken(price: TakenPrice) -> PriceTaken:
    said = price.observation
    return PriceTaken(
        id="0x" + said.id.hex(),
        source=said.source,
        commodity=said.commodity,
        grade=said.grade,
        fresh=price.fresh,
    )


def _shown(row: PriceRow) -> Price:
    return Price(
        id="0x" + row.id.hex(),
        source=row.source,
        commodity=row.commodity,
        grade=row.grade,
        currency=row.currency,
        amount_minor=row.amount_minor,
        per_kg=row.per_kg,
        priced_at=row.priced_at,
        valid_until=row.valid_until,
    )

"""Products over the API: two credit officers store a version for good, everybody reads them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission
from backend.identity.rules import Role, RoleMissing, SamePerson
from backend.loans.actions import applying
from backend.loans.rules.allocation import AllocationIncomplete
from backend.loans.rules.days import CalendarUnknown, NationalCalendar
from backend.loans.rules.loan import ProductUnknown
from backend.loans.rules.product import ProductInvalid
from backend.loans.shapes import ProductForm, StoredProduct
from backend.loans.tables.loan import ProductRow, products_after
from backend.units import AmountOutOfRange
from backend.web.amounts import WAITS
from backend.web.caller import may
from backend.web.forms import NumberInPath
from backend.web.pages import AfterPair, Limit, Page, page, pair
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep
from backend.web.work import Awaiting, LookDep, OnceDep, TimesDep

router = APIRouter(prefix="/v1", tags=["products"])
Reader = Annotated[Caller, Depends(may(Permission.PRODUCTS_READ))]


@router.post(
    "/products",
    response_model=StoredProduct,
    responses=WAITS
    | refusals(
        ProductInvalid,
        AllocationIncomplete,
        AmountOutOfRange,
        CalendarUnknown,
        RoleMissing,
        SamePerson,
        OtherContentWaits,
    ),
)
def store_product(
    body: ProductForm,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    _caller: Annotated[Caller, Depends(may(Permission.PRODUCTS_STORE))],
) -> Response:
    """Store a version of a product; two credit officers ask for the very same."""

    def effect(session: Session) -> StoredProduct | Awaiting:
        product = body.product()
        NationalCalendar(product.business_calendar)
        subject = f"product:{product.name}/{product.version}"
        role = Role.CREDIT_OFFICER
        people = two.both(session, act="products.store", subject=subject, role=role, content=body)
        if isinstance(people, Awaiting):
            return people
        applying.store_product(session, product, at=times.moment())
        return _shown(session.get_one(ProductRow, (product.name, product.version)))

    return once(effect)


@router.get("/products")
def list_products(
    look: LookDep, _caller: Reader, after: AfterPair = None, limit: Limit = 50
) -> Page[StoredProduct]:
    """Product versions by name and version."""
    found = look(lambda session: products_after(session, pair(after), limit + 1))
    return page(found, limit, shown=_shown, key=lambda row: f"{row.name}/{row.version}")


@router.get("/products/{name}/{version}", responses=refusals(ProductUnknown))
def get_product(
    look: LookDep,
    _caller: Reader,
    name: Annotated[str, Path(pattern=r"^[a-z0-9.-]{1,32}$", examples=["standard"])],
    version: NumberInPath,
) -> StoredProduct:
    """One version of a product, with every field."""
    row = look(lambda session: session.get(ProductRow, (name, version)))
    if row is None:
        raise ProductUnknown(product=name, version=version)
    return _shown(row)


def _shown(row: ProductRow) -> StoredProduct:
    return StoredProduct(name=row.name, version=row.version, stored_at=row.stored_at, terms=row.terms)

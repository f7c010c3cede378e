"""Apply for a loan: pick receipts, see what they would carry and what is missing, and ask."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from backend.console.amounts import minor_of
from backend.console.forms import Fields, read
from backend.console.pages.lending.acts import Refused, told, whole
from backend.console.visiting import Posted, Visit, done_by, seen_by
from backend.documents import actions as documents
from backend.errors import TallystickError
from backend.identity.permissions import Permission
from backend.loans import routes as loans
from backend.loans.actions import offering
from backend.loans.actions.desk import Desk
from backend.loans.actions.offering import Offer
from backend.loans.product_routes import list_products
from backend.loans.rules.product import MAX_DAYS
from backend.loans.shapes import ApplicationForm, LoanFull
from backend.receipts.routes import list_receipts
from backend.receipts.rules import ReceiptState
from backend.receipts.shapes import ReceiptShort

router = APIRouter(include_in_schema=False)
AT_ONCE: Final = 200
A_TENOR: Final = 90
TEXTS: Final = ("purpose", "payee_name", "payee_account", "payee_bank", "amount")
Chosen = Annotated[list[int] | None, Query(max_length=100)]
Tenor = Annotated[int, Query(ge=1, le=MAX_DAYS)]


@router.get("/loans/new")
def form(
    visit: Annotated[Visit, Depends(seen_by(Permission.LOANS_APPLY))],
    receipts: Chosen = None,
    product: Annotated[str, Query(max_length=60)] = "",
    tenor_days: Tenor = A_TENOR,
) -> Response:
    """The receipts that the borrower holds; for those picked, what they would carry today."""
    return _page(visit, receipts or [], product, tenor_days, entered={}, refusal=None)


@router.post("/loans/new")
def apply(posted: Annotated[Posted, Depends(done_by(Permission.LOANS_APPLY))]) -> Response:
    """Apply as the API does; what is refused is said beside the form, with what was entered kept."""
    fields = posted.fields
    name, _, version = fields.one("product").partition("/")
    currency = fields.one("currency")
    numbers = [whole(each) for each in fields.all("receipts")]
    tenor = whole(fields.one("tenor_days"))
    also: dict[str, Any] = {
        "product": name,
        "product_version": whole(version),
        "principal": {"amount_minor": minor_of(fields.one("amount"), currency), "currency": currency},
        "tenor_days": tenor,
        "purpose": fields.one("purpose"),
        "payee": {part: fields.one(f"payee_{part}") for part in ("name", "account", "bank")},
        "receipts": numbers,
        "documents": fields.all("documents"),
    }
    try:
        body = read(Fields(fields.key, {}), ApplicationForm, also)
        answer = loans.apply_for_loan(body, posted.once, posted.times, posted.caller)
    except TallystickError as refusal:
        kept = {text: fields.one(text) for text in TEXTS}
        chosen = [each for each in numbers if isinstance(each, int)]
        days = tenor if isinstance(tenor, int) and 1 <= tenor <= MAX_DAYS else A_TENOR
        return _page(posted, chosen, fields.one("product"), days, entered=kept, refusal=told(posted, refusal))
    loan = LoanFull.model_validate_json(bytes(answer.body))
    return posted.see(f"/loans/{loan.id}", "applied")


def _page(
    visit: Visit,
    chosen: list[int],
    product: str,
    tenor_days: int,
    *,
    entered: dict[str, str],
    refusal: Refused | None,
) -> Response:
    held = _held(visit)
    numbers = [each.id for each in held if each.id in chosen]
    names = [
        f"{each.name}/{each.version}" for each in list_products(visit.look, visit.caller, None, AT_ONCE).items
    ]
    wanted = product if product in names else (names[-1] if names else "")
    offer, currency = _offer(visit, wanted, numbers, tenor_days)
    keeps = visit.look(lambda session: documents.kept_by(session, visit.caller.organisation, AT_ONCE))
    return visit.page(
        "loan_new.html",
        status=200 if refusal is None else 422,
        held=held,
        chosen=numbers,
        names=names,
        product=wanted,
        tenor_days=tenor_days,
        offer=offer,
        currency=currency,
        kept_documents=[(row.sha256, row.media_type, row.kept_at) for row in keeps],
        entered=entered,
        refusal=refusal,
    )


def _held(visit: Visit) -> list[ReceiptShort]:
    """Receipts of the borrower's over goods that are there."""
    found = list_receipts(visit.look, visit.caller, 0, AT_ONCE).items
    own = visit.caller.organisation
    return [each for each in found if each.holder == own and each.state is ReceiptState.ISSUED]


def _offer(visit: Visit, product: str, numbers: list[int], tenor_days: int) -> tuple[Offer | None, str]:
    if not product:
        return None, ""
    name, _, version = product.partition("/")
    desk, at = visit.ports.of(Desk), visit.times.moment()
    found = visit.look(lambda session: offering.product_of(session, name, int(version)))
    if not numbers:
        return None, found.currency
    offer = visit.look(
        lambda session: offering.offer(session, desk, found, numbers, tenor_days=tenor_days, at=at)
    )
    return offer, found.currency

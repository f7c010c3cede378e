"""Repay a loan, and have goods released: quotes first, then what is asked for; the API's routes do it."""

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from backend.console.amounts import minor_of
from backend.console.forms import Fields, read
from backend.console.pages.lending.acts import Refused, instant, told, whole
from backend.console.pages.lending.reading import Seen, seen_loan
from backend.console.rendering import PageUnknown
from backend.console.visiting import Posted, Visit, done_by, seen_by
from backend.errors import TallystickError
from backend.identity.permissions import Permission
from backend.loans.access import LoanInPath
from backend.loans.actions.desk import Desk
from backend.loans.reading_routes import get_payoff
from backend.margin import routes as margin
from backend.margin.actions import releasing
from backend.margin.routes import QuoteInPath
from backend.margin.shapes import LeaveForm, OperatorPaidForm, QuoteForm, ReleaseQuote
from backend.payments import routes as payments
from backend.payments.routes import SumForm
from backend.payments.rules import Rail

router = APIRouter(include_in_schema=False)
SHOWN: Final = 10
LEAVING: Final = "mass-"
On = Annotated[date | None, Query()]


@router.get("/loans/{loan_id}/repay")
def payoff(
    loan_id: LoanInPath, visit: Annotated[Visit, Depends(seen_by(Permission.LOANS_REPAY))], on: On = None
) -> Response:
    """To the minor unit what would end the loan on a day, and a form to have it taken."""
    return _repay(visit, loan_id, on)


@router.post("/loans/{loan_id}/repay")
def repay(
    loan_id: LoanInPath, posted: Annotated[Posted, Depends(done_by(Permission.LOANS_REPAY))]
) -> Response:
    """Ask the rail for the money; it counts once the bank's statement shows it."""
    typed, currency = posted.fields.one("amount"), posted.fields.one("currency")
    sum_ = {"amount_minor": minor_of(typed, currency), "currency": currency}
    try:
        body = read(Fields(posted.fields.key, {}), SumForm, {"amount": sum_})
        rail = posted.ports.of(Rail)  # type: ignore[type-abstract] # ports are handed out by protocol
        payments.repay_loan(loan_id, body, posted.once, posted.times, rail, posted.caller)
    except TallystickError as refusal:
        return _repay(posted, loan_id, None, typed=typed, refusal=refusal)
    return posted.see(f"/loans/{loan_id}", "repayment_asked")


@router.get("/loans/{loan_id}/release")
def release(
    loan_id: LoanInPath, visit: Annotated[Visit, Depends(seen_by(Permission.RELEASES_REQUEST))]
) -> Response:
    """Goods that could leave, and the quotes that were given for some of them."""
    return _release(visit, loan_id)


@router.post("/loans/{loan_id}/release")
def quote(
    loan_id: LoanInPath, posted: Annotated[Posted, Depends(done_by(Permission.RELEASES_REQUEST))]
) -> Response:
    """State what must be paid for so much of each receipt to leave."""
    typed = {name: posted.fields.one(name) for name in posted.fields.values if name.startswith(LEAVING)}
    leaving = [
        {"receipt": whole(name.removeprefix(LEAVING)), "mass_kg": whole(value.replace(",", ""))}
        for name, value in typed.items()
        if value
    ]
    try:
        body = read(Fields(posted.fields.key, {}), QuoteForm, {"leaving": leaving})
        answer = margin.quote_release(
            loan_id, body, posted.once, posted.times, posted.ports.of(Desk), posted.caller
        )
    except TallystickError as refusal:
        return _release(posted, loan_id, typed=typed, refusal=refusal)
    made = ReleaseQuote.model_validate_json(bytes(answer.body))
    return posted.see(f"/loans/{loan_id}/release/{made.id}", "quoted")


@router.get("/loans/{loan_id}/release/{quote_id}")
def quoted(
    loan_id: LoanInPath,
    quote_id: QuoteInPath,
    visit: Annotated[Visit, Depends(seen_by(Permission.LOANS_READ))],
) -> Response:
    """Pay this, release that, and the cover after."""
    return _quoted(visit, loan_id, quote_id)


@router.post("/loans/{loan_id}/release/{quote_id}/paid")
def operator_paid(
    loan_id: LoanInPath,
    quote_id: QuoteInPath,
    posted: Annotated[Posted, Depends(done_by(Permission.PAYMENTS_ORDER))],
) -> Response:
    """A payment officer has seen the operator's own receipt for its lien."""
    try:
        margin.record_operator_paid(quote_id, posted.form(OperatorPaidForm), posted.once, posted.caller)
    except TallystickError as refusal:
        return _quoted(posted, loan_id, quote_id, refusal=refusal)
    return posted.see(f"/loans/{loan_id}/release/{quote_id}", "loan_act_done")


@router.post("/loans/{loan_id}/release/{quote_id}/order")
def order(
    loan_id: LoanInPath,
    quote_id: QuoteInPath,
    posted: Annotated[Posted, Depends(done_by(Permission.RELEASES_ORDER))],
) -> Response:
    """Order the goods of one receipt out of the gate; two collateral officers ask for the very same."""
    zone = posted.words.zone
    hours = {name: instant(posted.fields.one(name), zone) for name in ("opens_at", "closes_at")}
    try:
        body = posted.form(LeaveForm, receipt=whole(posted.fields.one("receipt")), **hours)
        answer = margin.order_release(
            quote_id,
            body,
            posted.once,
            posted.two,
            posted.times,
            posted.ports.of(Desk),
            posted.caller,
        )
    except TallystickError as refusal:
        return _quoted(posted, loan_id, quote_id, refusal=refusal)
    waits = answer.status_code == 202  # noqa: PLR2004 - it waits for a second person
    return posted.see(f"/loans/{loan_id}/release/{quote_id}", "act_waits" if waits else "loan_act_done")


def _repay(
    visit: Visit,
    loan_id: str,
    on: date | None,
    *,
    typed: str = "",
    refusal: TallystickError | None = None,
) -> Response:
    seen = seen_loan(visit, loan_id)
    owed = None
    why = None if refusal is None else told(visit, refusal)
    try:
        owed = get_payoff(visit.look, visit.times, visit.caller, loan_id, on)
    except TallystickError as lack:
        why = why or told(visit, lack)
    return visit.page(
        "loan_repay.html",
        status=200 if refusal is None else refusal.status,
        seen=seen,
        owed=owed,
        on=on or visit.times.moment().today,
        typed=typed,
        refusal=why,
    )


def _release(
    visit: Visit,
    loan_id: str,
    *,
    typed: dict[str, str] | None = None,
    refusal: TallystickError | None = None,
) -> Response:
    seen = seen_loan(visit, loan_id)
    found = visit.look(lambda session: releasing.quotes(session, loan_id, SHOWN))
    return visit.page(
        "loan_release.html",
        status=200 if refusal is None else refusal.status,
        seen=seen,
        quotes=[(row.id, row.bank_minor, row.currency, row.quoted_at) for row in found],
        typed=typed or {},
        refusal=None if refusal is None else told(visit, refusal),
    )


def _quoted(visit: Visit, loan_id: str, quote_id: str, *, refusal: TallystickError | None = None) -> Response:
    seen, found = _both(visit, loan_id, quote_id)
    after = visit.look(lambda session: releasing.cover_after(session, quote_id))
    fields = getattr(visit, "fields", Fields("", {}))
    why: Refused | None = None if refusal is None else told(visit, refusal)
    return visit.page(
        "loan_quote.html",
        status=200 if refusal is None else refusal.status,
        seen=seen,
        quote=found,
        after=after,
        expired=visit.times.moment().now >= found.expires_at,
        now_ltv=None if seen.stated.found is None else seen.stated.found.cover.effective_ltv_bps,
        entered={
            name: fields.one(name) for name in ("reference", "receipt", "gate", "opens_at", "closes_at")
        },
        may_order=visit.may(Permission.RELEASES_ORDER),
        may_pay=visit.may(Permission.PAYMENTS_ORDER),
        refusal=why,
    )


def _both(visit: Visit, loan_id: str, quote_id: str) -> tuple[Seen, ReleaseQuote]:
    """The loan and its quote.

    Raises:
        PageUnknown: it is another loan's.
    """
    found = margin.get_release_quote(visit.look, visit.caller, quote_id)
    if found.loan_id != loan_id:
        raise PageUnknown(quote=quote_id)
    return seen_loan(visit, loan_id), found

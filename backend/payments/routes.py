"""Money over the API: paying a loan out, paying it back, refunds, and what the bank's statement says."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission, PersonNeeded, require_person
from backend.identity.rules import Role, RoleMissing, SamePerson
from backend.loans.access import LoanInPath, loan_seen, own_loan
from backend.loans.actions.desk import Desk
from backend.loans.actions.pledging import DrawdownFrozen
from backend.loans.rules.approval import BeyondInitialLine, MaturityTooLate
from backend.loans.rules.facts import BeforeDisbursement
from backend.loans.rules.life import ActNotAllowed, ActNotPossible, RequirementMissing
from backend.loans.rules.loan import ClaimsBelowBar, CollateralUnknown, LoanUnknown, PledgeDiffers
from backend.loans.shapes import Loan, PayeeForm
from backend.payments import actions as payments
from backend.payments.actions import TakenLine
from backend.payments.repaying import ask_repayment
from backend.payments.rules import (
    CreditTooSmall,
    Direction,
    IntentKind,
    IntentState,
    LineState,
    LineTaken,
    PaymentIntent,
    PaymentUnknown,
    Rail,
    RailTakesNoOrders,
)
from backend.payments.tables import StatementLineRow, lines_after, payments_after, to_line
from backend.pledges.rules import PledgeIncomplete, PledgeStateIs
from backend.units import CurrencyMismatch
from backend.valuation.rules.prices import PriceHeld, PriceMissing, PriceStale
from backend.web.amounts import WAITS, Amount, Form, Sum, shown
from backend.web.caller import may
from backend.web.forms import NumberInPath
from backend.web.pages import AfterPair, Limit, Page, page, pair
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.two import OtherContentWaits, TwoDep
from backend.web.work import Awaiting, LookDep, OnceDep, TimesDep

router = APIRouter(prefix="/v1", tags=["payments"])
DeskDep = Annotated[Desk, Depends(port(Desk))]
RailDep = Annotated[Rail, Depends(port(Rail))]
Cashier = Annotated[Caller, Depends(may(Permission.PAYMENTS_ORDER))]
Reader = Annotated[Caller, Depends(may(Permission.PAYMENTS_READ))]
RAIL = r"^[a-z0-9-]{1,16}$"
UNPRICED = (PriceStale, PriceMissing, PriceHeld)
UNFIT = (ClaimsBelowBar, CollateralUnknown, BeyondInitialLine, MaturityTooLate, *UNPRICED)
UNPLEDGED = (PledgeIncomplete, PledgeStateIs, PledgeDiffers, DrawdownFrozen, RequirementMissing)


class SumForm(Form):
    """How much is to be paid."""

    amount: Sum


class RefundForm(SumForm):
    """How much of the borrower's credit is to be paid back, and to whom."""

    to: PayeeForm


class AssignForm(Form):
    """The loan that a line is for."""

    loan_id: Loan


class Payment(BaseModel):
    """Money that is to leave, is leaving, or has left."""

    id: str
    kind: IntentKind
    loan_id: str
    amount: Amount
    payee: PayeeForm
    state: IntentState
    settled_on: date | None
    reason: str | None


class Repayment(BaseModel):
    """Money that the borrower has asked to be taken; it counts once the bank's statement shows it."""

    id: str
    loan_id: str
    amount: Amount


class Line(BaseModel):
    """One line of the bank's statement, and what it was found to be."""

    rail: str
    number: int
    direction: Direction
    amount: Amount
    on: date
    reference: str
    counterparty: str
    state: LineState
    loan_id: str | None


@router.post(
    "/loans/{loan_id}/disburse",
    response_model=Payment,
    responses=refusals(
        LoanUnknown, ActNotPossible, ActNotAllowed, RoleMissing, PersonNeeded, *UNPLEDGED, *UNFIT
    ),
)
def disburse_loan(
    loan_id: LoanInPath, once: OnceDep, times: TimesDep, desk: DeskDep, caller: Cashier
) -> Response:
    """Have the whole principal paid to the loan's payee, once for the life of the loan."""

    def effect(session: Session) -> Payment:
        loan_seen(session, caller, loan_id)
        by = require_person(caller)
        return _payment(payments.disburse(session, desk, loan_id, by=by, at=times.moment()))

    return once(effect)


@router.post(
    "/loans/{loan_id}/repayments",
    status_code=202,
    response_model=Repayment,
    responses=refusals(LoanUnknown, BeforeDisbursement, CurrencyMismatch, RailTakesNoOrders),
)
def repay_loan(
    loan_id: LoanInPath,
    body: SumForm,
    once: OnceDep,
    times: TimesDep,
    rail: RailDep,
    caller: Annotated[Caller, Depends(may(Permission.LOANS_REPAY))],
) -> Response:
    """The borrower pays; what the loan owes changes when the bank's statement shows the money."""

    def effect(session: Session) -> Repayment:
        own_loan(session, caller, loan_id)
        row = ask_repayment(
            session,
            rail,
            loan_id,
            payer=caller.organisation,
            amount=body.amount.money(),
            by=caller.principal,
            at=times.moment(),
        )
        return Repayment(id=row.key, loan_id=loan_id, amount=shown(body.amount.money()))

    return once(effect, status=202)


@router.post(
    "/loans/{loan_id}/refunds",
    response_model=Payment,
    responses=WAITS
    | refusals(LoanUnknown, CreditTooSmall, CurrencyMismatch, RoleMissing, SamePerson, OtherContentWaits),
)
def refund_credit(
    loan_id: LoanInPath,
    body: RefundForm,
    once: OnceDep,
    two: TwoDep,
    times: TimesDep,
    caller: Cashier,
) -> Response:
    """Pay some of the borrower's credit back; two payment officers agree."""

    def effect(session: Session) -> Payment | Awaiting:
        loan_seen(session, caller, loan_id)
        subject, role = f"loan:{loan_id}", Role.PAYMENT_OFFICER
        people = two.both(session, act="payments.refund", subject=subject, role=role, content=body)
        if isinstance(people, Awaiting):
            return people
        amount, to = body.amount.money(), body.to.payee()
        return _payment(
            payments.refund(session, loan_id, amount=amount, to=to, people=people, at=times.moment())
        )

    return once(effect)


@router.get("/payments")
def list_payments(
    look: LookDep,
    _caller: Reader,
    after: Annotated[str, Query(pattern=r"^[A-Za-z0-9-]{0,35}$", description="`next` of before.")] = "",
    limit: Limit = 50,
) -> Page[Payment]:
    """Payments that left or are to leave, by their names."""
    found = look(lambda session: payments_after(session, after, limit + 1))
    return page(found, limit, shown=_payment, key=lambda each: each.instruction.end_to_end_id)


@router.get("/payments/{payment}", responses=refusals(PaymentUnknown))
def get_payment(
    look: LookDep,
    _caller: Reader,
    payment: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,35}$", examples=["D-L-0001-1"])],
) -> Payment:
    """One payment by its end-to-end id."""
    return look(lambda session: _payment(payments.payment(session, payment)))


@router.get("/statement-lines")
def list_statement_lines(
    look: LookDep,
    _caller: Reader,
    state: Literal["unmatched", "booked", "matched"] = "unmatched",
    after: AfterPair = None,
    limit: Limit = 50,
) -> Page[Line]:
    """Lines of the bank's statement, by rail and number; unless asked, those with no known purpose."""
    found = look(lambda session: lines_after(session, state, pair(after), limit + 1))
    return page(found, limit, shown=_row, key=lambda row: f"{row.rail}/{row.number}")


@router.post(
    "/statement-lines/{rail}/{number}/assign",
    response_model=Line,
    responses=refusals(PaymentUnknown, LineTaken, LoanUnknown, RoleMissing, PersonNeeded),
)
def assign_line(
    rail: Annotated[str, Path(pattern=RAIL, examples=["sandbox"])],
    number: NumberInPath,
    body: AssignForm,
    once: OnceDep,
    times: TimesDep,
    desk: DeskDep,
    caller: Cashier,
) -> Response:
    """Say which loan an unmatched line is for; it is booked if that loan can take it."""

    def effect(session: Session) -> Line:
        by, loan_id = require_person(caller), body.loan_id
        loan_seen(session, caller, loan_id)
        taken = payments.assign_line(
            session, desk, rail=rail, number=number, loan_id=loan_id, by=by, at=times.moment()
        )
        return _line(rail, taken)

    return once(effect)


def _payment(intent: PaymentIntent) -> Payment:
    payee = intent.instruction.payee
    return Payment(
        id=intent.instruction.end_to_end_id,
        kind=intent.kind,
        loan_id=intent.loan_id,
        amount=shown(intent.instruction.amount),
        payee=PayeeForm.model_construct(name=payee.name, account=payee.account, bank=payee.bank),
        state=intent.state,
        settled_on=intent.settled_on,
        reason=intent.reason,
    )


def _row(row: StatementLineRow) -> Line:
    return _line(row.rail, TakenLine(to_line(row), LineState(row.state), row.loan_id, None))


def _line(rail: str, taken: TakenLine) -> Line:
    line = taken.line
    return Line(
        rail=rail,
        number=line.number,
        direction=line.direction,
        amount=shown(line.amount),
        on=line.on,
        reference=line.reference,
        counterparty=line.counterparty,
        state=taken.state,
        loan_id=taken.loan_id,
    )

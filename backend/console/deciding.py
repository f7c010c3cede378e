"""Acts of two people as the second meets them: what would change, on what it rests, how it is decided.

Whoever approves asks for the very same as the first did, through the same function as over the API; nothing
that decides stands here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi.responses import Response

from backend.console.visiting import Posted, Visit
from backend.errors import NotFound, TallystickError
from backend.identity.permissions import Permission
from backend.identity.rules import Role
from backend.loans import product_routes, reading_routes
from backend.loans import routes as loans
from backend.loans.actions.desk import Desk
from backend.loans.shapes import LoanFull, ProductForm, ReceiptForm, UnfreezeForm
from backend.margin import routes as margin
from backend.margin.actions.releasing import rest_after
from backend.margin.shapes import EnforcementForm, LeaveForm
from backend.parties.two_persons import SigningDesk
from backend.payments import routes as payments
from backend.pledges import routes as pledges
from backend.pledges.rules import PledgeState
from backend.valuation import routes as valuation
from backend.web.routes import WaitingAct, list_waiting_acts


class ActNotWaiting(NotFound):
    """This act does not wait any longer: it was done, it has expired, or it is not of your organisation."""

    code = "console.act_not_waiting"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing as it is and as it would be."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class About:
    """What an act is about: the loan where it is one, the receipts, and what would change."""

    changes: tuple[Change, ...]
    loan_id: str | None = None
    receipts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Decider:
    """How an act is looked at and decided; `role` is what both must be employed to do."""

    permission: Permission
    role: Role
    about: Callable[[Visit, WaitingAct], About]
    decide: Callable[[Posted, WaitingAct], Response]


def waiting_act(visit: Visit, number: int) -> WaitingAct:
    """The act of that number.

    Raises:
        ActNotWaiting: it does not wait, or has expired.
    """
    found = list_waiting_acts(visit.look, visit.caller, number - 1, 1).items
    if not found or found[0].id != number or found[0].expires_at <= visit.times.wall.now():
        raise ActNotWaiting(number=number)
    return found[0]


def about(visit: Visit, waiting: WaitingAct) -> About:
    """What the act would change; what cannot be read any longer is left out, and the act itself decides."""
    known = DECIDERS.get(waiting.act)
    if known is None:
        return About(())
    try:
        return known.about(visit, waiting)
    except TallystickError:
        return About(())


def why_not(visit: Visit, waiting: WaitingAct) -> str | None:
    """Why the reader does not decide this act, a code of the context `why not`; None where they may try."""
    if waiting.is_own:
        return "own"
    known = DECIDERS.get(waiting.act)
    if known is None:
        return "elsewhere"
    if waiting.expires_at <= visit.times.wall.now():
        return "expired"
    return None if visit.may(known.permission) else "permission"


def _part(waiting: WaitingAct, at: int = 1) -> str:
    return waiting.subject.split(":")[at]


def _loan(visit: Visit, waiting: WaitingAct) -> LoanFull:
    return reading_routes.get_loan(visit.look, visit.times, visit.caller, _part(waiting))


def _listed(visit: Visit, values: list[Any]) -> str:
    return ", ".join(map(str, values)) or visit.words("none")


def _freezes(visit: Visit, waiting: WaitingAct) -> About:
    loan = _loan(visit, waiting)
    left = [each for each in loan.freezes if each != waiting.content.get("reason")]
    change = Change(visit.words("Reasons for the freeze"), _listed(visit, loan.freezes), _listed(visit, left))
    return About((change,), loan.id, tuple(loan.receipts_standing))


def _unfreeze(posted: Posted, waiting: WaitingAct) -> Response:
    body = posted.form(UnfreezeForm, **waiting.content)
    return loans.unfreeze_loan(_part(waiting), body, posted.once, posted.two, posted.times, posted.caller)


def _receipts_left(visit: Visit, waiting: WaitingAct) -> About:
    loan, receipt = _loan(visit, waiting), int(_part(waiting, 2))
    left = [each for each in loan.receipts_standing if each != receipt]
    before, after = _listed(visit, loan.receipts_standing), _listed(visit, left)
    return About((Change(visit.words("Receipts under the loan"), before, after),), loan.id, (receipt,))


def _release(posted: Posted, waiting: WaitingAct) -> Response:
    body, desk = posted.form(ReceiptForm, **waiting.content), posted.ports.of(Desk)
    return loans.release_receipt(
        _part(waiting), body, posted.once, posted.two, posted.times, desk, posted.caller
    )


def _enforced(visit: Visit, waiting: WaitingAct) -> About:
    loan, words = _loan(visit, waiting), visit.words
    before, after = words.code("loan state", loan.state.value), words.code("loan state", "enforcing")
    return About((Change(words("State"), before, after),), loan.id, tuple(loan.receipts_standing))


def _enforce(posted: Posted, waiting: WaitingAct) -> Response:
    body, desk = posted.form(EnforcementForm, **waiting.content), posted.ports.of(Desk)
    return margin.open_enforcement(
        _part(waiting), body, posted.once, posted.two, posted.times, desk, posted.caller
    )


def _leaves(visit: Visit, waiting: WaitingAct) -> About:
    quote = margin.get_release_quote(visit.look, visit.caller, _part(waiting))
    rest = visit.look(lambda session: rest_after(session, quote.id))
    words, receipt = visit.words, int(_part(waiting, 2))
    mass = sum(each.mass_kg for each in quote.leaving if each.receipt == receipt)
    debt = words.money(rest.debt.amount_minor, rest.debt.currency)
    owed = words.money(rest.debt_after.amount_minor, rest.debt.currency)
    allowed = words.money(rest.allowed_after.amount_minor, rest.debt.currency)
    return About(
        (
            Change(words("Leaves the site"), words.mass(0), words.mass(mass)),
            Change(words("Owed, after the quote is paid"), debt, owed),
            Change(words("Allowed debt of what stays"), words("not stated"), allowed),
        ),
        quote.loan_id,
        (receipt,),
    )


def _order(posted: Posted, waiting: WaitingAct) -> Response:
    body, desk = posted.form(LeaveForm, **waiting.content), posted.ports.of(Desk)
    return margin.order_release(
        _part(waiting), body, posted.once, posted.two, posted.times, desk, posted.caller
    )


def _credit(visit: Visit, waiting: WaitingAct) -> About:
    loan, words = _loan(visit, waiting), visit.words
    amount, currency = int(waiting.content["amount"]["amount_minor"]), loan.owed.currency
    before, after = (words.money(each, currency) for each in (loan.owed.credit, loan.owed.credit - amount))
    return About((Change(words("The borrower's credit"), before, after),), loan.id)


def _refund(posted: Posted, waiting: WaitingAct) -> Response:
    body = posted.form(payments.RefundForm, **waiting.content)
    return payments.refund_credit(_part(waiting), body, posted.once, posted.two, posted.times, posted.caller)


def _accepted(visit: Visit, waiting: WaitingAct) -> About:
    found = pledges.get_pledge(visit.look, visit.times, visit.caller, int(_part(waiting)))
    words = visit.words
    state = (words.code("pledge state", each.value) for each in (found.state, PledgeState.EFFECTIVE))
    control = (words("its holder"), words("the lender"))
    return About(
        (Change(words("Pledge"), *state), Change(words("Who controls the goods"), *control)),
        receipts=tuple(found.receipts),
    )


def _accept(posted: Posted, waiting: WaitingAct) -> Response:
    body, desk = posted.form(pledges.TermsForm, **waiting.content), posted.ports.of(SigningDesk)
    number = int(_part(waiting))
    return pledges.accept_pledge(number, body, posted.once, posted.two, posted.times, desk, posted.caller)


def _new(visit: Visit, waiting: WaitingAct) -> About:
    words = visit.words
    return About((Change(words("In the book"), words("none"), _part(waiting)),))


def _store(posted: Posted, waiting: WaitingAct) -> Response:
    body = posted.form(ProductForm, **waiting.content)
    return product_routes.store_product(body, posted.once, posted.two, posted.times, posted.caller)


def _enrol(posted: Posted, waiting: WaitingAct) -> Response:
    body = posted.form(valuation.PriceSourceWanted, **waiting.content)
    return valuation.enrol_price_source(body, posted.once, posted.two, posted.times, posted.caller)


P, R = Permission, Role
DECIDERS: Final[Mapping[str, Decider]] = {
    "loans.release": Decider(P.RELEASES_ORDER, R.COLLATERAL_OFFICER, _receipts_left, _release),
    "loans.unfreeze": Decider(P.LOANS_FREEZE, R.COLLATERAL_OFFICER, _freezes, _unfreeze),
    "margin.enforce": Decider(P.MARGIN_ENFORCE, R.CREDIT_OFFICER, _enforced, _enforce),
    "payments.refund": Decider(P.PAYMENTS_ORDER, R.PAYMENT_OFFICER, _credit, _refund),
    "pledges.accept": Decider(P.PLEDGES_ACCEPT, R.COLLATERAL_OFFICER, _accepted, _accept),
    "products.store": Decider(P.PRODUCTS_STORE, R.CREDIT_OFFICER, _new, _store),
    "releases.order": Decider(P.RELEASES_ORDER, R.COLLATERAL_OFFICER, _leaves, _order),
    "valuation.enrol_source": Decider(P.PRODUCTS_STORE, R.CREDIT_OFFICER, _new, _enrol),
}
"""How each act that the bank's officers decide is decided; others are decided where they were asked for."""

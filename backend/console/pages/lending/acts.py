"""What may be done to a loan by whom: a form for each act, with what it changes; the API's routes do it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from backend.console.pages.lending.reading import OWING, Seen, seen_loan
from backend.console.refusing import explained
from backend.console.rendering import PageUnknown
from backend.console.visiting import Posted, Visit, done_by, seen_by
from backend.errors import TallystickError
from backend.identity.permissions import Permission, require_permission
from backend.loans import routes as loans
from backend.loans.access import LoanInPath
from backend.loans.actions.desk import Desk
from backend.loans.rules.life import LoanState
from backend.loans.shapes import DeclineForm, ReceiptForm, SignForm, UnfreezeForm, ValueForm
from backend.margin import routes as margin
from backend.margin.shapes import EnforcementForm
from backend.parties.two_persons import SigningDesk
from backend.payments import routes as payments
from backend.pledges import routes as pledges
from backend.pledges.routes import EndorsementForm, TermsForm
from backend.pledges.rules import PledgeState
from backend.web.problems import plain

router = APIRouter(include_in_schema=False)
ActInPath = Annotated[str, Path(pattern=r"^[a-z-]{3,24}$")]
PLEDGE_WITHIN: Final = timedelta(days=7)
"""Until when an endorsement may be accepted unless the borrower says otherwise."""
S = LoanState


@dataclass(frozen=True, slots=True)
class Act:
    """One act: who may, in which states it is possible, what it leads to, and how it is done.

    Attributes:
        name: a code of the context `loan act`.
        permission: that it needs.
        states: in which it is possible.
        after: the state that it leads to; None where it leads to none of its own.
        perform: the API's route.
        also: what else must be so for it to be offered.
        two: whether a second person must ask for the very same.
        look: of its button.
    """

    name: str
    permission: Permission
    states: frozenset[LoanState]
    after: LoanState | None
    perform: Callable[[Posted, str], Response]
    also: Callable[[Visit, Seen], bool] = lambda _visit, _seen: True
    two: bool = False
    look: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """An act that the reader may do now, or the code of the refusal that it would meet."""

    act: Act
    refused: str | None


def acts_for(visit: Visit, seen: Seen) -> list[Offered]:
    """What the reader may do to the loan as it stands, in the order of its life."""
    return [
        Offered(act, _refused(visit, seen, act))
        for act in ACTS.values()
        if visit.may(act.permission) and seen.full.state in act.states and act.also(visit, seen)
    ]


@router.get("/loans/{loan_id}/acts/{name}")
def form_of(
    loan_id: LoanInPath, name: ActInPath, visit: Annotated[Visit, Depends(seen_by(Permission.LOANS_READ))]
) -> Response:
    """The act's form, with what it changes."""
    act = _act(name)
    require_permission(visit.caller, act.permission)
    return _page(visit, loan_id, act)


@router.post("/loans/{loan_id}/acts/{name}")
def carry_out(
    loan_id: LoanInPath, name: ActInPath, posted: Annotated[Posted, Depends(done_by(Permission.LOANS_READ))]
) -> Response:
    """Do it as the API does; what is refused is said beside the form, with what was entered kept."""
    act = _act(name)
    require_permission(posted.caller, act.permission)
    try:
        answer = act.perform(posted, loan_id)
    except TallystickError as refusal:
        entered = {key: posted.fields.one(key) for key in posted.fields.values}
        return _page(posted, loan_id, act, entered=entered, refusal=refusal)
    waits = act.two and answer.status_code == 202  # noqa: PLR2004 - it waits for a second person
    return posted.see(f"/loans/{loan_id}", "act_waits" if waits else "loan_act_done")


def _page(
    visit: Visit,
    loan_id: str,
    act: Act,
    *,
    entered: Mapping[str, str] | None = None,
    refusal: TallystickError | None = None,
) -> Response:
    seen = seen_loan(visit, loan_id)
    expires = visit.times.wall.now() + PLEDGE_WITHIN
    return visit.page(
        "loan_act.html",
        status=200 if refusal is None else refusal.status,
        seen=seen,
        act=act,
        entered=entered or {},
        refusal=None if refusal is None else told(visit, refusal),
        possible=seen.full.state in act.states and act.also(visit, seen),
        refused=_refused(visit, seen, act),
        reasons=[(each.reason, each.reason) for each in seen.freezes],
        standing=[(str(each), str(each)) for each in seen.full.receipts_standing],
        expires=expires.astimezone(visit.words.zone).strftime("%Y-%m-%dT%H:%M"),
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something was not done, as it stands beside the form."""

    code: str
    sentence: str
    facts: Mapping[str, str]


def told(visit: Visit, refusal: TallystickError) -> Refused:
    """A refusal in the reader's language with the facts that decided it."""
    _, code, sentence, facts = explained(refusal)
    named = visit.words.named("error", code)
    return Refused(code, named or sentence, {key: str(plain(value)) for key, value in facts.items()})


def _act(name: str) -> Act:
    if name not in ACTS:
        raise PageUnknown(act=name)
    return ACTS[name]


def _refused(visit: Visit, seen: Seen, act: Act) -> str | None:
    """A refusal that is known before anybody tries: the maker never checks, and nobody counts twice."""
    if act.name != "approve":
        return None
    person = visit.caller.person or ""
    if person == seen.full.maker:
        return "loans.maker_is_checker"
    return "loans.already_approved" if person in seen.approvers else None


def _value(posted: Posted, loan_id: str) -> Response:
    form = posted.form(ValueForm, search_clean=posted.fields.one("search_clean") == "yes")
    return loans.value_loan(loan_id, form, posted.once, posted.times, _desk(posted), posted.caller)


def _approve(posted: Posted, loan_id: str) -> Response:
    return loans.approve_loan(loan_id, posted.once, posted.times, _desk(posted), posted.caller)


def _decline(posted: Posted, loan_id: str) -> Response:
    return loans.decline_loan(loan_id, posted.form(DeclineForm), posted.once, posted.times, posted.caller)


def _withdraw(posted: Posted, loan_id: str) -> Response:
    return loans.withdraw_loan(loan_id, posted.once, posted.times, posted.caller)


def _sign(posted: Posted, loan_id: str) -> Response:
    return loans.sign_loan(loan_id, posted.form(SignForm), posted.once, posted.times, posted.caller)


def _endorse(posted: Posted, loan_id: str) -> Response:
    seen = seen_loan(posted, loan_id)
    terms = seen.full.terms
    expires = posted.fields.one("expires_at")
    form = posted.form(
        EndorsementForm,
        receipts=list(seen.full.receipts),
        pledgee=_desk(posted).bank,
        terms=None if terms is None else terms.commitment,
        expires_at=instant(expires, posted.words.zone),
    )
    return pledges.endorse_pledge(form, posted.once, posted.times, posted.caller)


def _accept(posted: Posted, loan_id: str) -> Response:
    seen = seen_loan(posted, loan_id)
    pledge, terms = seen.endorsed, seen.full.terms
    if pledge is None or terms is None:
        raise PageUnknown(act="accept")
    form = posted.form(TermsForm, terms=terms.commitment)
    return pledges.accept_pledge(
        pledge.id,
        form,
        posted.once,
        posted.two,
        posted.times,
        posted.ports.of(SigningDesk),
        posted.caller,
    )


def _disburse(posted: Posted, loan_id: str) -> Response:
    return payments.disburse_loan(loan_id, posted.once, posted.times, _desk(posted), posted.caller)


def _review(posted: Posted, loan_id: str) -> Response:
    return margin.review_loan(loan_id, posted.once, posted.times, _desk(posted), posted.caller)


def _notice(posted: Posted, loan_id: str) -> Response:
    return margin.give_notice(loan_id, posted.once, posted.times, posted.caller)


def _enforce(posted: Posted, loan_id: str) -> Response:
    return margin.open_enforcement(
        loan_id,
        posted.form(EnforcementForm),
        posted.once,
        posted.two,
        posted.times,
        _desk(posted),
        posted.caller,
    )


def _unfreeze(posted: Posted, loan_id: str) -> Response:
    form = posted.form(UnfreezeForm)
    return loans.unfreeze_loan(loan_id, form, posted.once, posted.two, posted.times, posted.caller)


def _release(posted: Posted, loan_id: str) -> Response:
    form = posted.form(ReceiptForm, receipt=whole(posted.fields.one("receipt")))
    return loans.release_receipt(
        loan_id, form, posted.once, posted.two, posted.times, _desk(posted), posted.caller
    )


def _close(posted: Posted, loan_id: str) -> Response:
    return loans.close_loan(loan_id, posted.once, posted.times, _desk(posted), posted.caller)


def whole(text: str) -> int | str:
    """A whole number that was typed; what is none stays as it is, for the model to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else text  # noqa: PLR2004 - fits


def instant(text: str, zone: ZoneInfo) -> datetime | str:
    """An instant typed as the bank's clock shows it; what is none stays for the model to refuse."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return text


def _desk(posted: Posted) -> Desk:
    return posted.ports.of(Desk)


def _called(_visit: Visit, seen: Seen) -> bool:
    return seen.call is not None


def _not_noticed(_visit: Visit, seen: Seen) -> bool:
    return seen.call is not None and seen.call.noticed_on is None


def _frozen(visit: Visit, seen: Seen) -> bool:
    return bool(seen.freezes) and visit.may(Permission.RELEASES_ORDER)


def _pledgeless(_visit: Visit, seen: Seen) -> bool:
    return seen.endorsed is None


def _registered(visit: Visit, seen: Seen) -> bool:
    now = visit.times.wall.now()
    return seen.endorsed is not None and seen.endorsed.state(now) is PledgeState.REGISTERED


def _holds_receipts(_visit: Visit, seen: Seen) -> bool:
    return bool(seen.full.receipts_standing)


P = Permission
_ALL: Sequence[Act] = (
    Act("value", P.LOANS_VALUE, frozenset({S.SUBMITTED}), S.VALUED, _value),
    Act("approve", P.LOANS_APPROVE, frozenset({S.VALUED}), S.APPROVED, _approve),
    Act("decline", P.LOANS_VALUE, frozenset({S.SUBMITTED, S.VALUED}), S.DECLINED, _decline, look="quiet"),
    Act("sign", P.LOANS_SIGN, frozenset({S.APPROVED}), S.SIGNED, _sign),
    Act("endorse", P.PLEDGES_ENDORSE, frozenset({S.SIGNED}), None, _endorse, _pledgeless),
    Act("accept", P.PLEDGES_ACCEPT, frozenset({S.SIGNED}), S.PLEDGED, _accept, _registered, two=True),
    Act(
        "withdraw",
        P.LOANS_APPLY,
        frozenset({S.SUBMITTED, S.VALUED, S.APPROVED, S.SIGNED}),
        S.WITHDRAWN,
        _withdraw,
        look="quiet",
    ),
    Act("disburse", P.PAYMENTS_ORDER, frozenset({S.PLEDGED}), S.DISBURSED, _disburse),
    Act("review", P.MARGIN_WATCH, OWING | {S.REPAID}, None, _review),
    Act("notice", P.MARGIN_WATCH, OWING, None, _notice, _not_noticed, look="quiet"),
    Act("enforce", P.MARGIN_ENFORCE, OWING, S.ENFORCING, _enforce, _called, two=True, look="danger"),
    Act("unfreeze", P.LOANS_FREEZE, frozenset(S), None, _unfreeze, _frozen, two=True),
    Act("release", P.RELEASES_ORDER, frozenset({S.REPAID}), None, _release, _holds_receipts, two=True),
    Act("close", P.LOANS_CLOSE, frozenset({S.RELEASED}), S.CLOSED, _close),
)
ACTS: Final[Mapping[str, Act]] = {act.name: act for act in _ALL}
"""In the order of a loan's life."""

"""What waits for a second person: before and after, evidence, the rule that asks for two, the decision."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from backend.console.deciding import DECIDERS, about, waiting_act, why_not
from backend.console.visiting import Posted, Visit, done_by, seen_by
from backend.evidence.claims import Claim
from backend.identity.permissions import Permission
from backend.margin.actions.surveying import stand_of
from backend.receipts import routes as receipts
from backend.receipts.rules import ReceiptUnknown
from backend.web.forms import NumberInPath
from backend.web.pages import AfterNumber
from backend.web.routes import WaitingAct, list_waiting_acts

router = APIRouter(include_in_schema=False)
A_PAGE: Final = 50
ACCEPTED: Final = 202
Reader = Annotated[Visit, Depends(seen_by(Permission.APPROVALS_READ))]


@dataclass(frozen=True, slots=True)
class Row:
    """An act that waits, and why the reader does not decide it, where they do not."""

    act: WaitingAct
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A claim about goods that the act is about, with what speaks for it and against it."""

    receipt: int
    claim: Claim
    score_bps: int
    statements: list[str]
    against: list[str]


@router.get("/approvals")
def approvals(visit: Reader, after: AfterNumber = 0) -> Response:
    """Acts of the reader's organisation that wait, oldest first."""
    found = list_waiting_acts(visit.look, visit.caller, after, A_PAGE)
    rows = [Row(each, why_not(visit, each)) for each in found.items]
    return visit.page("approvals.html", rows=rows, next=found.next, deciders=DECIDERS)


@router.get("/approvals/{number}")
def approval(visit: Reader, number: NumberInPath) -> Response:
    """One act with everything that its second person has to look at."""
    waiting = waiting_act(visit, number)
    found = about(visit, waiting)
    cover = None
    if found.loan_id is not None and visit.may(Permission.LOANS_READ):
        loan_id = found.loan_id
        cover = visit.look(lambda session: stand_of(session, [loan_id]))[0]
    return visit.page(
        "approval.html",
        act=waiting,
        about=found,
        asked=[*_flat(waiting.content)],
        decider=DECIDERS.get(waiting.act),
        why_not=why_not(visit, waiting),
        cover=cover,
        claims=_claims(visit, found.receipts),
    )


@router.post("/approvals/{number}")
def approve(
    posted: Annotated[Posted, Depends(done_by(Permission.APPROVALS_READ))], number: NumberInPath
) -> Response:
    """The second person asks for the very same, through the act's own function, and it happens."""
    waiting = waiting_act(posted, number)
    answer = DECIDERS[waiting.act].decide(posted, waiting)
    waits = answer.status_code == ACCEPTED and b'"waiting_act"' in answer.body
    return posted.see("/approvals", "act_waits" if waits else "act_decided")


def _claims(visit: Visit, numbers: tuple[int, ...]) -> list[Shown]:
    """What evidence says now of the goods that the act is about; a receipt not confirmed yet has none."""
    if not visit.may(Permission.RECEIPTS_READ):
        return []
    found = []
    for number in numbers[:A_PAGE]:
        try:
            receipt = receipts.get_receipt(visit.look, visit.times, visit.caller, number)
        except ReceiptUnknown:
            continue
        found += [
            Shown(number, each.claim, each.score_bps, each.statements, each.against)
            for each in receipt.standing.claims
        ]
    return found


def _flat(content: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """What was asked for, as names and texts."""
    found: list[tuple[str, str]] = []
    for name, value in content.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((before + name, str(value)))
    return found

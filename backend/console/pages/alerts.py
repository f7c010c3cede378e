"""What somebody must look at: the list by state, oldest first, and the review of one with its decision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from backend.alerts import routes
from backend.alerts.rules import ENDING, AlertState, Decision
from backend.console.charts import Bar
from backend.console.pages.media import media_url
from backend.console.pages.notices import PLACES
from backend.console.visiting import Posted, Visit, done_by, seen_by
from backend.errors import NotFound
from backend.evidence.routes import ProvedStatement, get_statement
from backend.identity.permissions import Permission
from backend.margin.actions.surveying import Surveyed, survey
from backend.parties.scope import sees_all
from backend.parties.words import instant
from backend.web.forms import NumberInPath
from backend.web.pages import AfterNumber

router = APIRouter(include_in_schema=False)
A_PAGE: Final = 50
SHOWN_WAITING: Final = 50
SHOWN_UNVALUED: Final = 50
Reader = Annotated[Visit, Depends(seen_by(Permission.ALERTS_READ))]
PLACES["alert"] = "/alerts"


class Tab(StrEnum):
    """Which part of the list is looked at; `PENDING` are exits that may become alerts."""

    OPEN = "open"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no_data"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that a statement names, and which moment it shows: a code of the context `still`."""

    url: str
    moment: str


@router.get("/alerts")
def alerts(visit: Reader, state: Tab = Tab.OPEN, after: AfterNumber = 0) -> Response:
    """Alerts that the reader may see, oldest first."""
    found = None
    if state is not Tab.PENDING:
        standing = routes.Standing(state.value)
        found = routes.list_alerts(visit.look, visit.caller, standing, after, A_PAGE)
    waiting = state in (Tab.OPEN, Tab.PENDING) and not after
    return visit.page(
        "alerts.html",
        tab=state,
        tabs_of=list(Tab),
        found=found,
        waiting=routes.list_waiting_exits(visit.look, visit.caller, SHOWN_WAITING) if waiting else [],
        unvalued=_unvalued(visit) if state is Tab.NO_DATA and not after else [],
    )


@router.get("/alerts/{alert}")
def alert(visit: Reader, alert: NumberInPath) -> Response:
    """One alert with everything that decides it."""
    found = routes.get_alert(visit.look, visit.caller, alert)
    review = routes.get_review(visit.look, visit.caller, alert)
    seen = _statement(visit, found.statement)
    moved = _statement(visit, review.departure)
    return visit.page(
        "alert.html",
        alert=found,
        review=review,
        seen=seen,
        moved=moved,
        seen_at=None if seen is None else instant(seen.seen_at_ms // 1_000),
        stills=[] if seen is None else stills_of(seen.id, seen.media),
        odds=_odds(moved),
        nats=nats,
        facts_of=_facts(found.facts),
        decisions=[each for each in Decision if each not in ENDING],
        endings=[each for each in Decision if each in ENDING],
        may_decide=visit.may(Permission.ALERTS_CLOSE) and found.state is not AlertState.CLOSED,
        own_escalation=_is_own_escalation(visit, found.decisions),
    )


@router.post("/alerts/{alert}/decide")
def decide(
    posted: Annotated[Posted, Depends(done_by(Permission.ALERTS_CLOSE))], alert: NumberInPath
) -> Response:
    """The reader decides, through the act that the API has for it."""
    wanted = posted.form(routes.Deciding)
    routes.decide_alert(alert, wanted, posted.once, posted.times, posted.caller)
    return posted.see(f"/alerts/{alert}", "alert_ended" if wanted.decision in ENDING else "alert_decided")


def nats(milli_nats: int) -> str:
    """Log-odds as people write them, with their sign: `+3.100`."""
    whole, rest = divmod(abs(milli_nats), 1_000)
    return f"{'-' if milli_nats < 0 else '+'}{whole}.{rest:03d}"


def stills_of(statement: str, media: Iterable[Mapping[str, Any]]) -> list[Still]:
    """The pictures that a statement names, in their order: the first before, the last after it happened."""
    images = [each for each in media if each["type"].startswith("image/")]
    last = len(images) - 1
    moments = {0: "before", last: "after"} if last else {0: "at"}
    return [
        Still(media_url(each["sha256"], statement), moments.get(place, "between"))
        for place, each in enumerate(images)
    ]


def _statement(visit: Visit, statement: str | None) -> ProvedStatement | None:
    if statement is None or not visit.may(Permission.EVIDENCE_READ):
        return None
    try:
        return get_statement(visit.look, visit.caller, statement)
    except NotFound:
        return None


def _odds(moved: ProvedStatement | None) -> list[Bar]:
    """What each source adds to the log-odds of the movement."""
    if moved is None:
        return []
    return [
        Bar(
            f"{each['device']}: {each['said']}",
            each["milli_nats"],
            "good" if each["milli_nats"] > 0 else "bad",
        )
        for each in moved.fields["contributions"]
    ]


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What the alert states beside what the page says in sentences."""
    told = ("why", "gate", "tags", "piece", "mass_kg", "departure", "receipt", "confidence_bps")
    return [(name, value) for name, value in facts.items() if name not in told and value is not None]


def _is_own_escalation(visit: Visit, decisions: Sequence[routes.DecisionShown]) -> bool:
    escalated = [each.by for each in decisions if each.decision is Decision.ESCALATED]
    return bool(escalated) and escalated[-1] == visit.caller.person


def _unvalued(visit: Visit) -> list[Surveyed]:
    """Loans whose cover nobody can state: missing data as grave as an alert."""
    if not (sees_all(visit.caller) and visit.may(Permission.LOANS_READ)):
        return []
    covers = visit.look(lambda session: survey(session, visit.times.moment().now))
    return [each for each in covers if not each.is_valued][:SHOWN_UNVALUED]

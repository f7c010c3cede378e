"""What stands behind a loan, page by page: evidence with stills, the ledger's events, postings, history."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlmodel import Session

from backend.alerts.routes import Standing, list_alerts
from backend.audit.actions import Sources
from backend.chain import actions as chain
from backend.chain.rules import LedgerEvent
from backend.console.pages.lending.reading import MOST_ALERTS
from backend.console.pages.lending.telling import TellsOf, event_sentence
from backend.console.pages.media import media_url
from backend.console.visiting import Visit, seen_by
from backend.db import from_hex, to_hex
from backend.evidence.routes import PLACE
from backend.evidence.telling import Told, told_of
from backend.identity.permissions import Permission
from backend.loans.access import LoanInPath
from backend.loans.actions import reading
from backend.loans.reading_routes import get_loan, list_facts, list_loan_acts, list_postings
from backend.loans.shapes import LoanFull
from backend.margin.routes import get_margin
from backend.parties import actions as parties
from backend.parties.words import name
from backend.receipts import actions as receipts
from backend.receipts.routes import get_receipt
from backend.web.pages import AfterNumber

router = APIRouter(include_in_schema=False)
Reader = Annotated[Visit, Depends(seen_by(Permission.LOANS_READ))]
AfterPlace = Annotated[str, Query(pattern=PLACE)]
A_PAGE: Final = 50
SHOWN_AT_ONCE: Final = 20
PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
PARTIES: Final = ("pledgor", "pledgee", "operator", "holder", "depositor", "controller", "by", "to")


@dataclass(frozen=True, slots=True)
class Seen:
    """A statement on the timeline: what it says, its stills, and the arithmetic of a fused movement."""

    told: Told
    id: str
    device: str
    piece: str | None
    stills: list[str]
    contributions: list[Mapping[str, Any]]
    tone: str


@dataclass(frozen=True, slots=True)
class Said:
    """An event of the ledger as a sentence."""

    sentence: str
    event: LedgerEvent

    @property
    def place(self) -> str:
        """Where it stands in the ledger."""
        return f"{self.event.block_number}.{self.event.log_index}"


def tabs_of(visit: Visit, loan_id: str, current: str) -> list[tuple[str, str, bool]]:
    """The loan's pages that the reader may open."""
    words, stem = visit.words, f"/loans/{loan_id}"
    found = [(stem, words("Overview"), "overview")]
    if visit.may(Permission.EVIDENCE_READ):
        found.append((f"{stem}/evidence", words("Evidence"), "evidence"))
    found += [
        (f"{stem}/ledger", words("Ledger"), "ledger"),
        (f"{stem}/postings", words("Postings"), "postings"),
        (f"{stem}/history", words("History"), "history"),
    ]
    return [(href, label, code == current) for href, label, code in found]


@router.get("/loans/{loan_id}/evidence")
def evidence(
    loan_id: LoanInPath,
    visit: Annotated[Visit, Depends(seen_by(Permission.EVIDENCE_READ))],
    site: Annotated[str, Query(max_length=66)] = "",
    after: AfterPlace = "",
) -> Response:
    """What devices said of the goods under the loan, newest first, and how well their claims hold."""
    full = get_loan(visit.look, visit.times, visit.caller, loan_id)
    held = [get_receipt(visit.look, visit.times, visit.caller, each) for each in full.receipts]
    sites = sorted({each.site for each in held})
    here = site if site in sites else next(iter(sites), "")
    alerted = _alerted(visit, here)

    def question(session: Session) -> list[Told]:
        own = [receipts.receipt(session, each.id) for each in held if each.site == here]
        if not own:
            return []
        pieces = {piece for each in own for piece in receipts.pieces_ever(session, each.id)}
        place = None if not after else _place(after)
        return told_of(session, own[0].site, pieces, also=alerted, before=place, limit=SHOWN_AT_ONCE + 1)

    found = visit.look(question)
    shown = found[:SHOWN_AT_ONCE]
    following = f"{shown[-1].place[0]}.{shown[-1].place[1]}" if len(found) > SHOWN_AT_ONCE else None
    return visit.page(
        "loan_evidence.html",
        full=full,
        tabs_here=tabs_of(visit, loan_id, "evidence"),
        held=held,
        sites=sites,
        site_here=here,
        statements=[_seen(each, alerted) for each in shown],
        next=following,
    )


@router.get("/loans/{loan_id}/ledger")
def ledger(loan_id: LoanInPath, visit: Reader, after: AfterPlace = "") -> Response:
    """What the ledger says was done with the loan's pledge and receipts, oldest first."""
    full = get_loan(visit.look, visit.times, visit.caller, loan_id)
    addresses = visit.ports.of(Sources).deployment.addresses

    def question(session: Session) -> list[Said]:
        return _said(session, visit, full, addresses)

    found = visit.look(question)
    behind = [each for each in found if not after or _place(each.place) > _place(after)]
    shown = behind[:A_PAGE]
    return visit.page(
        "loan_ledger.html",
        full=full,
        tabs_here=tabs_of(visit, loan_id, "ledger"),
        events=shown,
        next=shown[-1].place if len(behind) > A_PAGE else None,
    )


@router.get("/loans/{loan_id}/postings")
def postings(loan_id: LoanInPath, visit: Reader, after: AfterNumber = 0) -> Response:
    """The loan's journal, whose chain of hashes is derived anew, and the facts that it follows from."""
    full = get_loan(visit.look, visit.times, visit.caller, loan_id)
    return visit.page(
        "loan_postings.html",
        full=full,
        tabs_here=tabs_of(visit, loan_id, "postings"),
        found=list_postings(visit.look, visit.caller, loan_id, after, A_PAGE),
        facts=list_facts(visit.look, visit.caller, loan_id, 0, A_PAGE) if after == 0 else None,
    )


@router.get("/loans/{loan_id}/history")
def history(loan_id: LoanInPath, visit: Reader, after: AfterNumber = 0, decided: AfterNumber = 0) -> Response:
    """Who did what to the loan and when, before and after; and every decision about its cover."""
    full = get_loan(visit.look, visit.times, visit.caller, loan_id)
    return visit.page(
        "loan_history.html",
        full=full,
        tabs_here=tabs_of(visit, loan_id, "history"),
        acts=list_loan_acts(visit.look, visit.caller, loan_id, after, A_PAGE),
        margin=get_margin(visit.look, visit.caller, loan_id, decided, A_PAGE),
        written=written,
    )


def written(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts as they are kept, one line each."""
    return [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in facts.items()
    ]


def _place(text: str) -> tuple[int, int]:
    first, _, second = text.partition(".")
    return int(first), int(second)


def _alerted(visit: Visit, site: str) -> list[bytes]:
    """The statements that opened alerts at a site, for who may read alerts."""
    if not visit.may(Permission.ALERTS_READ):
        return []
    found = list_alerts(visit.look, visit.caller, Standing.OPEN, 0, MOST_ALERTS).items
    return [from_hex(each.statement) for each in found if each.site == site and each.statement]


def _seen(told: Told, alerted: list[bytes]) -> Seen:
    said = told.said
    statement = to_hex(said.id)
    stills = [
        media_url(str(each["sha256"]), statement) for each in told.media if each.get("type") in PICTURES
    ]
    return Seen(
        told=told,
        id=statement,
        device=name(said.device),
        piece=to_hex(said.subject) if any(said.subject) else None,
        stills=stills,
        contributions=list(said.fields.get("contributions", [])),
        tone="bad" if said.id in alerted else ("" if not said.linked else "good"),
    )


def _said(session: Session, visit: Visit, full: LoanFull, addresses: Mapping[str, str]) -> list[Said]:
    requests = {receipts.receipt(session, each).request_id for each in full.receipts}
    subjects = {
        "PledgeRegistry": [] if full.pledge is None else [full.pledge],
        "ReceiptRegistry": sorted({*full.receipts, *requests}),
    }
    events = [
        each for each in chain.events_about(session, addresses, subjects) if _concerns(each, full, requests)
    ]
    named = {each.args[key] for each in events for key in PARTIES if isinstance(each.args.get(key), bytes)}
    openings = {each.commitment: each.opening for each in reading.openings(session, full.id)}
    tells = TellsOf(visit.words, parties.names_of(session, named), openings)
    return [Said(event_sentence(tells, each), each) for each in events]


def _concerns(event: LedgerEvent, full: LoanFull, requests: set[int]) -> bool:
    """Whether an event that names one of our numbers means ours by it."""
    if event.contract == "PledgeRegistry":
        return bool(event.args.get("pledgeId") == full.pledge)
    if "receiptId" in event.args:
        return event.args["receiptId"] in full.receipts
    return event.args.get("requestId") in requests

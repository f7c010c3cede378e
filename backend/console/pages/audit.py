"""From evidence to loan in one line, gaps in red; the bundle; what was done, with the journal's own chain."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from backend.audit.actions import Sources
from backend.audit.routes import get_bundle
from backend.audit.tracing import Trace, trace, transaction
from backend.chain.rules import LedgerEvent
from backend.console.visiting import Visit, seen_by
from backend.identity.permissions import Permission
from backend.loans.access import LoanInPath, loan_seen
from backend.loans.reading_routes import After, list_loan_acts, list_loans, list_postings
from backend.loans.rules.journal import JournalBroken
from backend.parties.words import name
from backend.web.forms import WordInPath, word
from backend.web.pages import AfterNumber
from backend.web.problems import plain

router = APIRouter(include_in_schema=False)
A_PAGE: Final = 50
NAMES: Final = frozenset(
    {"site", "device", "gate", "holder", "operator", "pledgor", "pledgee", "controller", "by", "to", "bay"}
    | {"commodity", "grade", "depositor", "party", "host", "commissioner"}
)
"""Arguments that are names of the registry, padded to 32 bytes."""
Auditor = Annotated[Visit, Depends(seen_by(Permission.AUDIT_READ))]


@router.get("/audit")
def audit(visit: Auditor, after: After = "") -> Response:
    """Loans by number, each with its way to the trace and the bundle."""
    found = list_loans(visit.look, visit.times, visit.caller, after, A_PAGE)
    return visit.page("audit.html", loans=found.items, next=found.next)


@router.get("/audit/loans/{loan_id}")
def loan_trace(visit: Auditor, loan_id: LoanInPath) -> Response:
    """The loan's lines, the acts on its pledge, and what the three flows say of each other."""
    return visit.page("trace.html", trace=_trace(visit, loan_id), said=_said)


@router.get("/audit/loans/{loan_id}/bundle")
def bundle(visit: Auditor, loan_id: LoanInPath) -> Response:
    """The proof bundle, once it verifies against the ledger."""
    return get_bundle(visit.look, visit.caller, visit.ports.of(Sources), loan_id)


@router.get("/audit/loans/{loan_id}/acts")
def acts(visit: Auditor, loan_id: LoanInPath, after: AfterNumber = 0) -> Response:
    """What was done to the loan, by whom and with which facts."""
    found = list_loan_acts(visit.look, visit.caller, loan_id, after, A_PAGE)
    return visit.page("acts.html", loan_id=loan_id, acts=found.items, next=found.next)


@router.get("/audit/loans/{loan_id}/journal")
def journal(visit: Auditor, loan_id: LoanInPath, after: AfterNumber = 0) -> Response:
    """The loan's journal, its chain of hashes derived anew; where it is broken that is said."""
    items, next_, broken = [], None, None
    try:
        found = list_postings(visit.look, visit.caller, loan_id, after, A_PAGE)
        items, next_ = found.items, found.next
    except JournalBroken as refusal:
        broken = {each: plain(value) for each, value in refusal.facts.items()}
    return visit.page("journal.html", loan_id=loan_id, postings=items, next=next_, broken=broken)


@router.get("/audit/transactions/{tx_hash}")
def ledger_transaction(visit: Auditor, tx_hash: WordInPath) -> Response:
    """What the ledger's contracts said in a transaction."""
    events = visit.look(lambda session: transaction(session, word(tx_hash)))
    return visit.page("transaction.html", tx_hash=tx_hash, events=events, said=_said)


def _trace(visit: Visit, loan_id: str) -> Trace:
    def question(session: Any) -> Trace:
        loan_seen(session, visit.caller, loan_id)
        return trace(session, loan_id, visit.times.moment())

    return visit.look(question)


def _said(event: LedgerEvent) -> dict[str, str]:
    """An event's arguments as texts: names of the registry as names, all else as the ledger has it."""
    return {each: _text(each, value) for each, value in event.args.items()}


def _text(argument: str, value: object) -> str:
    if isinstance(value, bytes):
        return name(value) if argument in NAMES else "0x" + value.hex()
    if isinstance(value, list | tuple):
        return ", ".join(_text(argument, each) for each in value)
    return str(value)

"""The codes that the pages of a loan show beside those that other pages show as well, by their context."""

from collections.abc import Iterable, Mapping
from typing import Final

from backend.loans.rules.book import Account
from backend.loans.rules.facts import FactKind
from backend.loans.rules.life import Act
from backend.loans.rules.standing import RiskClass
from backend.receipts.rules import ReceiptState

ACTS: Final = (
    "value",
    "approve",
    "decline",
    "sign",
    "endorse",
    "accept",
    "withdraw",
    "disburse",
    "review",
    "notice",
    "enforce",
    "unfreeze",
    "release",
    "close",
)
"""What may be asked for on a page of a loan, in the order of its life."""
LENDING: Final[Mapping[str, Iterable[str]]] = {
    "account": Account,
    "agrees": ("arbiter", "pledgor"),
    "call ended": ("cured", "enforcing"),
    "claim reason": (
        "holds",
        "nobody watches for the creditor",
        "only sources commissioned by those who gain",
        "seen leaving",
        "stale",
        "too few independent sources",
    ),
    "evidence kind": ("gate.crossing", "movement.in", "movement.out", "tag.read", "weigh.ticket"),
    "fact": FactKind,
    "happened": (
        "Delivered",
        "Disbursed",
        "EnforcementOpened",
        "MarginCallCured",
        "MarginCallOpened",
        "PaymentReversed",
        "Refunded",
        "ReleaseOrdered",
        "Released",
        "Repaid",
        "ValueStated",
        "WrittenOff",
    ),
    "line": ("target", "initial", "warning", "margin_call", "enforcement"),
    "loan act": ACTS,
    "loan act done": Act,
    "receipt state": ReceiptState,
    "release ended": ("owed", "confirmed"),
    "risk class": [each.name.lower() for each in RiskClass],
}
DONE: Final = ("applied", "loan_act_done", "quoted", "repayment_asked")
IN_ENGLISH: Final = frozenset(
    {
        "account",
        "agrees",
        "call ended",
        "evidence kind",
        "fact",
        "happened",
        "loan act",
        "loan act done",
        "release ended",
    }
)
ERRORS: Final = (
    "documents.unknown",
    "identity.person_needed",
    "loans.act_not_allowed",
    "loans.act_not_possible",
    "loans.already_approved",
    "loans.application_incomplete",
    "loans.before_disbursement",
    "loans.beyond_initial_line",
    "loans.claims_below_bar",
    "loans.collateral_unknown",
    "loans.drawdown_frozen",
    "loans.haircut_unknown",
    "loans.maker_is_checker",
    "loans.maturity_too_late",
    "loans.no_place_for_role",
    "loans.not_frozen",
    "loans.payoff_day_out_of_range",
    "loans.pledge_differs",
    "loans.product_unknown",
    "loans.receipt_taken",
    "loans.requirement_missing",
    "loans.search_not_clean",
    "loans.terms_not_these",
    "margin.already_ordered",
    "margin.enforcement_shut",
    "margin.enforcement_too_early",
    "margin.more_than_pledged",
    "margin.no_call_open",
    "margin.not_reviewed",
    "margin.nothing_leaves",
    "margin.operator_unpaid",
    "margin.quote_expired",
    "margin.quote_unknown",
    "margin.release_not_covered",
    "payments.rail_takes_no_orders",
    "pledges.incomplete",
    "pledges.receipt_already_pledged",
    "pledges.state_is",
    "receipts.document_unknown",
    "receipts.hours_invalid",
    "receipts.receipt_delivered",
    "receipts.receipt_unknown",
    "units.currency_mismatch",
    "web.other_content_waits",
)
"""Refusals that forms of a loan meet."""

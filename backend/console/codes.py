"""Every code that a page may show, by its context: each is named in Chinese; English falls back on itself.

A page that shows other codes adds a line here, and their names to its own catalogue.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from backend.alerts.rules import AlertKind, AlertState, Decision, Mismatch
from backend.audit.tracing import Gap
from backend.console import lending_codes as lending
from backend.console.deciding import DECIDERS
from backend.console.demonstration import EVENTS
from backend.console.navigation import ENTRIES
from backend.console.pages.statements import STEPS
from backend.console.pulse import Health, Part
from backend.console.receipts import Standing
from backend.console.session import THEMES
from backend.evidence.claims import Claim
from backend.identity.permissions import OrganisationKind
from backend.identity.rules import Role
from backend.loans.rules.life import LoanState
from backend.margin.rules.call import MarginState
from backend.notices.rules import NoticeKind
from backend.pledges.rules import PledgeState
from backend.receipts.document import FIELDS
from backend.receipts.rules import ReceiptState
from iot_bridge.evidence.kinds import KINDS

ALERT_FACTS: Final = (
    "anchored_at_block",
    "block",
    "device",
    "device_seen_at_ms",
    "epoch",
    "expected",
    "first_seq",
    "found",
    "held_seq",
    "id",
    "index",
    "last_seq",
    "ledger",
    "mirror",
    "mirrored",
    "next_says",
    "prev",
    "root",
    "seq",
    "site",
    "size",
    "statement",
    "taken_at",
)
"""What an alert states beside what its page says in sentences; others show by their own names."""
CLAIM_FACTS: Final = (
    "holds",
    "stale",
    "seen leaving",
    "too few independent sources",
    "only sources commissioned by those who gain",
    "nobody watches for the creditor",
    "held_on_ledger",
    "third_party",
    "document_says",
    "certificate",
    "one_receipt",
    "filed",
    "not_insured",
    "insurance_ended",
    "insurer",
    "insured_until",
)
RECEIPT_STEPS: Final = (
    "requested",
    "issued",
    "endorsed",
    "attorned",
    "registered",
    "effective",
    "withdrawn",
    "lapsed",
    "let_go",
    "ordered",
    "delivered",
)
CODES: Final[Mapping[str, Iterable[str]]] = {
    **lending.LENDING,
    "act": (
        "loans.release",
        "loans.unfreeze",
        "margin.enforce",
        "payments.refund",
        "people.admit",
        "people.password",
        "pledges.accept",
        "products.store",
        "releases.order",
        "valuation.enrol_source",
    ),
    "alert decision": Decision,
    "alert fact": ALERT_FACTS,
    "alert kind": AlertKind,
    "alert rule": AlertKind,
    "alert state": (*AlertState, "open", "pending"),
    "claim": (*Claim, "quality", "title", "exclusivity", "insured"),
    "claim fact": CLAIM_FACTS,
    "claim standing": Standing,
    "document field": [each for each in FIELDS if each != "salt"],
    "done": (
        *lending.DONE,
        "act_decided",
        "act_waits",
        "alert_decided",
        "alert_ended",
        "password_changed",
        "session_ended",
        "signed_out",
    ),
    "decide": Decision,
    "error": (
        *lending.ERRORS,
        "alerts.alert_closed",
        "alerts.alert_unknown",
        "alerts.another_person_needed",
        "audit.bundle_unsound",
        "audit.media_not_kept",
        "audit.nothing_to_prove",
        "audit.opening_unknown",
        "audit.transaction_unknown",
        "console.act_not_waiting",
        "console.foreign_form",
        "console.form_invalid",
        "console.node_address_invalid",
        "console.not_signed_in",
        "console.page_unknown",
        "db.contended",
        "db.unavailable",
        "evidence.media_unknown",
        "evidence.not_yet_witnessed",
        "evidence.statement_unknown",
        "identity.credential_refused",
        "identity.password_too_weak",
        "identity.permission_missing",
        "identity.role_missing",
        "identity.same_person",
        "identity.sign_in_refused",
        "identity.too_many_tries",
        "loans.journal_broken",
        "loans.loan_unknown",
        "loans.tariff_unknown",
        "receipts.receipt_unknown",
        "valuation.price_held",
        "valuation.price_missing",
        "valuation.price_stale",
        "web.fault",
        "web.key_reused",
        "web.request_invalid",
    ),
    "flow": ("goods", "money", "information"),
    "gap": Gap,
    "ledger event": (
        "DeviceEnrolled",
        "GoodsDelivered",
        "HeadAnchored",
        "HeadWitnessed",
        "IssueRequested",
        "LoanClosed",
        "LoanEventRecorded",
        "LogOpened",
        "PartyEnrolled",
        "PersonEnrolled",
        "PledgeAttorned",
        "PledgeEffective",
        "PledgeEndorsed",
        "PledgeLapsed",
        "PledgeRegistered",
        "PledgeReleased",
        "PledgeWithdrawn",
        "ReceiptDisencumbered",
        "ReceiptEncumbered",
        "ReceiptIssued",
        "ReleaseOrdered",
        "RequestCancelled",
        "SiteEnrolled",
        "StatementSpent",
        "Transfer",
    ),
    "found": ("loan", "statement", "receipt", "alert"),
    "health": Health,
    "loan state": LoanState,
    "margin state": (*MarginState, "no_data"),
    "mismatch": Mismatch,
    "notice kind": NoticeKind,
    "organisation kind": OrganisationKind,
    "page": [entry.name for entry in ENTRIES],
    "part": Part,
    "pledge state": PledgeState,
    "receipt state": ReceiptState,
    "receipt step": RECEIPT_STEPS,
    "role": Role,
    "rule": DECIDERS,
    "seal state": ("intact", "opened", "broken", "no_data"),
    "severity": ("freezing", "withholding", "no_data", "unvalued"),
    "statement kind": KINDS,
    "step": STEPS,
    "still": ("before", "between", "after", "at"),
    "story event": EVENTS,
    "story told": EVENTS,
    "theme": THEMES,
    "tie": (
        "taken_in",
        "delivered",
        "paid_out",
        "principal_owed",
        "terms",
        "loan_events",
        "statements",
    ),
    "why not": ("own", "elsewhere", "expired", "permission"),
}
IN_ENGLISH: Final = lending.IN_ENGLISH | frozenset(
    {
        "act",
        "alert rule",
        "claim fact",
        "decide",
        "done",
        "mismatch",
        "receipt step",
        "rule",
        "story event",
        "story told",
        "step",
        "gap",
        "ledger event",
        "tie",
        "why not",
    }
)
"""Contexts whose codes say nothing to an English reader either, so that they are named in both languages."""

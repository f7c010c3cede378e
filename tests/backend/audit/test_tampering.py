"""One tampering for each step that a bundle's reader can meet: the step fails, and its error says why."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backend.audit.build import build, write
from backend.audit.case import Case, Head, StatementFile
from backend.audit.verify import verify
from iot_bridge.evidence.body import parse_body, write_body
from iot_bridge.evidence.statement import parse_entry, sign
from tests.support.audit_case import SITE, CaseLife, failing
from tests.support.ledger import LedgerInTests

Change = Callable[[Case, CaseLife], Case]


def of_kind(case: Case, kind: str) -> int:
    """Where the first statement of that kind stands among the case's."""
    return next(
        at for at, file in enumerate(case.statements) if parse_entry(file.entry).statement.kind == kind
    )


def with_statement(case: Case, at: int, **changes: Any) -> Case:
    """The case with a statement's file changed."""
    files = list(case.statements)
    files[at] = replace(files[at], **changes)
    return replace(case, statements=tuple(files))


def restated(case: Case, life: CaseLife, kind: str, *, signer: str = "", **changes: Any) -> Case:
    """The case with a statement said otherwise, and signed by its own device or another."""
    at = of_kind(case, kind)
    statement = replace(parse_entry(case.statements[at].entry).statement, **changes)
    key = life.life.ledger.chain.key(signer or statement.device)
    return with_statement(case, at, entry=sign(statement, key, life.life.site.domain).entry())


def without_block(case: Case, event: str) -> Case:
    """The case without a block that holds such an event, and without what was told of it."""
    number = next(each["block"] for each in case.events if each["name"] == event)
    return replace(
        case,
        blocks=tuple(block for block in case.blocks if block.number != number),
        events=tuple(each for each in case.events if each["block"] != number),
    )


def header_changed(case: Case, _: CaseLife) -> Case:
    raw = bytearray(case.headers[5])
    raw[-40] ^= 1
    return replace(case, headers=(*case.headers[:5], bytes(raw), *case.headers[6:]))


def receipts_swapped(case: Case, _: CaseLife) -> Case:
    one, other, *rest = case.blocks
    return replace(
        case, blocks=(replace(one, receipts=other.receipts), replace(other, receipts=one.receipts), *rest)
    )


def node_added(case: Case, _: CaseLife) -> Case:
    one, other, *rest = case.blocks
    return replace(case, blocks=(replace(one, nodes=tuple(sorted({*one.nodes, *other.nodes}))), other, *rest))


def event_hidden(case: Case, _: CaseLife) -> Case:
    return replace(case, events=tuple(each for each in case.events if each["name"] != "PledgeAttorned"))


def host_changed(case: Case, _: CaseLife) -> Case:
    first, *rest = case.devices
    return replace(case, devices=(replace(first, host=bytes(32)), *rest))


def body_of_other_salt(case: Case, _: CaseLife) -> Case:
    at = of_kind(case, "weigh.ticket")
    body = parse_body("weigh.ticket", case.statements[at].body)
    other = write_body("weigh.ticket", body.fields, boot=body.boot, salt=b"another salt 16b")
    return with_statement(case, at, body=other.text.encode())


def entry_of_another_device(case: Case, _: CaseLife) -> Case:
    ticket = case.statements[of_kind(case, "weigh.ticket")]
    return with_statement(case, of_kind(case, "gate.crossing"), entry=ticket.entry)


def self_made_head(case: Case, life: CaseLife, *, size: int) -> Case:
    log = life.life.site.log

    def under(file: StatementFile) -> StatementFile:
        return replace(file, size=size, path=tuple(log.inclusion_proof(file.index, size)))

    return replace(
        case,
        heads=(Head(SITE, 1, size, log.root(size)),),
        statements=tuple(under(file) for file in case.statements),
    )


def media_added(case: Case, _: CaseLife) -> Case:
    return replace(case, media={**case.media, "ab" * 32: b"a still of something else"})


def media_changed(case: Case, _: CaseLife) -> Case:
    name = min(case.media)
    return replace(case, media={**case.media, name: case.media[name] + b"."})


def media_missing(case: Case, _: CaseLife) -> Case:
    return replace(case, media={name: case.media[name] for name in sorted(case.media)[1:]})


def document_changed(case: Case, _: CaseLife) -> Case:
    documents = {number: raw.replace(b"Road 1", b"Road 9") for number, raw in case.documents.items()}
    return replace(case, documents=documents)


def opening_swapped(case: Case, _: CaseLife) -> Case:
    one, other, *rest = case.loan_events
    return replace(case, loan_events=(other, one, *rest))


TAMPERINGS: dict[str, tuple[str, str, Change]] = {
    "a statement stands there twice": (
        "statements",
        "audit.statements_repeated",
        lambda case, _: replace(
            case,
            statements=(*case.statements, replace(case.statements[-1], index=case.statements[-1].index + 1)),
        ),
    ),
    "a header is changed": ("headers", "audit.header_not_linked", header_changed),
    "a header is left out": (
        "receipts",
        "audit.header_missing",
        lambda case, _: replace(case, headers=(*case.headers[:-9], *case.headers[-8:])),
    ),
    "the headers end early": (
        "headers",
        "audit.headers_out_of_order",
        lambda case, _: replace(case, headers=case.headers[:-1]),
    ),
    "receipts change blocks": ("receipts", "audit.receipt_not_in_block", receipts_swapped),
    "a block has a node more": ("receipts", "audit.nodes_uncalled", node_added),
    "an event is not told": ("told", "audit.events_differ", event_hidden),
    "a block is left out": (
        "omissions",
        "audit.block_missing",
        lambda case, _: without_block(case, "PledgeAttorned"),
    ),
    "an enrolment is left out": (
        "enrolment",
        "audit.enrolment_missing",
        lambda case, _: without_block(case, "SiteEnrolled"),
    ),
    "a device's enrolment is left out": (
        "signatures",
        "audit.device_not_enrolled",
        lambda case, _: without_block(case, "DeviceEnrolled"),
    ),
    "a device has another host": ("devices", "audit.devices_differ", host_changed),
    "a stranger signs": (
        "signatures",
        "audit.signed_by_another",
        lambda case, life: restated(case, life, "weigh.ticket", signer="wuxi-gate-1"),
    ),
    "a statement knows of a block that never was": (
        "beacons",
        "audit.beacon_unknown",
        lambda case, life: restated(case, life, "weigh.ticket", beacon_hash=bytes(32)),
    ),
    "a statement denies the one before": (
        "sequence",
        "audit.sequence_broken",
        lambda case, life: restated(case, life, "weigh.ticket", prev=b"p" * 32),
    ),
    "a device says it all again under one number": (
        "sequence",
        "audit.sequence_broken",
        lambda case, life: restated(case, life, "weigh.ticket", seq=2),
    ),
    "an entry is another device's": ("statements", "audit.statements_repeated", entry_of_another_device),
    "a body has another salt": ("bodies", "body.hash_differs", body_of_other_salt),
    "a header counts more than its body": (
        "bodies",
        "body.header_contradicts",
        lambda case, life: restated(case, life, "weigh.ticket", quantity=99_000),
    ),
    "a still is added": ("media", "audit.media_uncalled", media_added),
    "a still is changed": ("media", "audit.media_changed", media_changed),
    "a still is missing": ("media", "audit.media_missing", media_missing),
    "a statement was not in the log": (
        "inclusion",
        "log.inclusion_not_proven",
        lambda case, life: restated(case, life, "weigh.ticket", seen_at_ms=1),
    ),
    "a head is not spoken of": ("inclusion", "audit.head_missing", lambda case, _: replace(case, heads=())),
    "a head was never anchored": (
        "anchors",
        "audit.head_not_anchored",
        lambda case, life: self_made_head(case, life, size=life.life.site.log.size),
    ),
    "a head is not witnessed": (
        "witness",
        "audit.head_not_witnessed",
        lambda case, life: build(
            replace(
                life.source(),
                heads=self_made_head(case, life, size=life.life.site.log.size - 1).heads,
                statements=self_made_head(case, life, size=life.life.site.log.size - 1).statements,
            ),
            life.life.ledger.chain.ledger.rpc,  # type: ignore[attr-defined]
        ),
    ),
    "what a movement rests on is left out": (
        "support",
        "audit.support_missing",
        lambda case, life: build(
            life.source(without=frozenset({case.statements[of_kind(case, "weigh.ticket")].index})),
            life.life.ledger.chain.ledger.rpc,  # type: ignore[attr-defined]
        ),
    ),
    "a movement is left out": (
        "spent",
        "audit.movement_missing",
        lambda case, life: build(
            life.source(without=frozenset({case.statements[of_kind(case, "movement.in")].index})),
            life.life.ledger.chain.ledger.rpc,  # type: ignore[attr-defined]
        ),
    ),
    "a step of the pledge is left out": (
        "life",
        "audit.out_of_order",
        lambda case, _: without_block(case, "PledgeRegistered"),
    ),
    "a document is changed": ("documents", "audit.document_differs", document_changed),
    "a document is missing": (
        "documents",
        "audit.document_missing",
        lambda case, _: replace(case, documents={}),
    ),
    "the terms are another loan's": (
        "terms",
        "audit.terms_differ",
        lambda case, _: replace(case, loan="L-2"),
    ),
    "the terms are changed": (
        "terms",
        "loans.opening_differs",
        lambda case, _: replace(case, terms=case.terms.replace(b"raw steel", b"new house")),
    ),
    "an opening is left out": (
        "loan-events",
        "audit.opening_missing",
        lambda case, _: replace(case, loan_events=case.loan_events[:-1]),
    ),
    "openings change places": ("loan-events", "loans.opening_differs", opening_swapped),
    "the chain is another": (
        "chain",
        "audit.chain_differs",
        lambda case, _: replace(case, chain_id=case.chain_id + 1),
    ),
    "a contract is at another's address": (
        "contracts",
        "audit.code_differs",
        lambda case, _: replace(
            case, contracts={**case.contracts, "EvidenceLog": case.contracts["PledgeRegistry"]}
        ),
    ),
    "the bundle begins after enrolments": (
        "node-events",
        "audit.event_omitted",
        lambda case, _: replace(case, first_block=case.first_block + 6, headers=case.headers[6:]),
    ),
}


@pytest.mark.parametrize(("step", "error", "change"), TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_the_step_that_fails_says_why(
    case: Case, played: CaseLife, case_ledger: LedgerInTests, step: str, error: str, change: Change
) -> None:
    tampered = write(change(case, played))
    report = verify(tampered, case_ledger.rpc)
    assert failing(report).get(step) == error, failing(report)

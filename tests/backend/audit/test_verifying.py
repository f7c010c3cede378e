"""Whatever is changed in a bundle, some step fails and names it, even where the manifest was written anew."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.audit.archive import MANIFEST, pack, unpack
from backend.audit.blocks import parse_header
from backend.audit.build import build, write
from backend.audit.case import Case, Head, StatementFile
from backend.audit.command import check
from backend.audit.report import Outcome, Report
from backend.audit.verify import verify
from contracts.rpc import Rpc
from iot_bridge.evidence.body import parse_body, write_body
from iot_bridge.evidence.statement import parse_entry, sign
from tests.support.audit_case import COILS, SITE, CaseLife
from tests.support.ledger import LedgerInTests

Change = Callable[[Case, CaseLife], Case]


def failing(report: Report) -> dict[str, str]:
    """Names of the steps that fail, each with its error."""
    return {each.name: each.error for each in report.findings if each.outcome is Outcome.FAILS}


def by_path(report: Report, outcome: Outcome) -> list[str]:
    """Names of the steps that ended so."""
    return [each.name for each in report.findings if each.outcome is outcome]


def test_an_honest_bundle_verifies_against_a_node_with_nothing_left_to_trust(
    case: Case, case_ledger: LedgerInTests
) -> None:
    report = verify(write(case), case_ledger.rpc)
    assert report.verified
    assert by_path(report, Outcome.HOLDS) == [each.name for each in report.findings]


def test_without_a_node_it_verifies_and_says_which_steps_rest_on_trust(case: Case) -> None:
    report = verify(write(case))
    assert report.verified
    assert by_path(report, Outcome.TRUSTED) == ["chain", "contracts", "node-events"]
    assert "trust in the header given" in report.findings[-3].detail


def test_the_same_case_is_always_the_same_file(
    played: CaseLife, case: Case, case_ledger: LedgerInTests
) -> None:
    assert write(build(played.source(), case_ledger.rpc)) == write(case)
    assert verify(write(case)) == verify(write(case))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_flipped_bit_of_the_file_goes_unfound(case: Case, data: st.DataObject) -> None:
    raw = bytearray(write(case))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not verify(bytes(raw)).verified


def without_manifest(case: Case) -> dict[str, bytes]:
    return {name: content for name, content in unpack(write(case)).items() if name != MANIFEST}


def test_a_flipped_byte_in_any_file_is_found_even_under_a_manifest_of_its_own(
    case: Case, case_ledger: LedgerInTests
) -> None:
    files, unfound = without_manifest(case), []
    for name, content in files.items():
        last = len(content) - 1
        for at in sorted({last // 5, last // 2, last}):
            flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            if verify(pack(files | {name: flipped}), case_ledger.rpc).verified:
                unfound.append((name, at))
    assert unfound == []


def test_a_flipped_byte_is_found_without_a_node_but_in_the_last_header(case: Case) -> None:
    files, unfound = without_manifest(case), []
    for name, content in files.items():
        for at in {0, len(content) // 2, len(content) - 1}:
            flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            if verify(pack(files | {name: flipped})).verified:
                unfound.append((name, at))
    last_header = len(case.headers[-1])
    assert all(name == "ledger/headers.rlp" and at >= len(files[name]) - last_header for name, at in unfound)


def test_a_removed_or_added_file_is_found_even_under_a_manifest_of_its_own(case: Case) -> None:
    files = without_manifest(case)
    for name in files:
        rest = {other: content for other, content in files.items() if other != name}
        assert not verify(pack(rest)).verified, name
    assert failing(verify(pack(files | {"more.json": b"{}"}))) == {"form": "audit.case_malformed"}


def test_files_that_change_places_are_found(case: Case) -> None:
    files = without_manifest(case)
    names = sorted(files)
    for one, other in pairwise(names):
        if files[one] != files[other]:
            swapped = files | {one: files[other], other: files[one]}
            assert not verify(pack(swapped)).verified, (one, other)


def test_a_file_changed_under_the_old_manifest_is_named(case: Case) -> None:
    files = unpack(write(case))
    forged = pack(
        {name: content for name, content in files.items() if name != MANIFEST} | {"case.json": b"{}"}
    )
    raw = forged.replace(unpack(forged)[MANIFEST], files[MANIFEST])
    assert set(failing(verify(raw))) <= {"archive", "manifest"}
    assert not verify(raw).verified


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


def test_no_block_of_the_case_can_be_left_out(case: Case) -> None:
    for number in [block.number for block in case.blocks]:
        rest = replace(
            case,
            blocks=tuple(block for block in case.blocks if block.number != number),
            events=tuple(each for each in case.events if each["block"] != number),
        )
        assert not verify(write(rest)).verified, number


@pytest.fixture
def sparse(played: CaseLife, case_ledger: LedgerInTests) -> Case:
    """The case as bundled where there are too many blocks to hold every header."""
    return build(played.source(), case_ledger.rpc, headers_at_most=0)


def test_without_every_header_omissions_rest_on_trust_or_on_a_node(
    sparse: Case, case: Case, case_ledger: LedgerInTests
) -> None:
    assert len(sparse.headers) < len(case.headers)
    assert sparse.events == case.events
    alone = verify(write(sparse))
    assert alone.verified
    assert by_path(alone, Outcome.TRUSTED)[0] == "omissions"
    assert verify(write(sparse), case_ledger.rpc).verified


def test_without_every_header_a_node_finds_the_event_that_is_left_out(
    sparse: Case, case_ledger: LedgerInTests
) -> None:
    told = [each for each in sparse.events if each["name"] == "LoanEventRecorded"][-1]
    shown = replace(
        sparse,
        blocks=tuple(block for block in sparse.blocks if block.number != told["block"]),
        events=tuple(each for each in sparse.events if each != told),
        loan_events=sparse.loan_events[:-1],
    )
    assert failing(verify(write(shown))) == {"omissions": "audit.block_missing"}
    headers = (raw for raw in sparse.headers if parse_header(raw).number != told["block"])
    hidden = replace(shown, headers=tuple(headers))
    assert verify(write(hidden)).verified
    assert failing(verify(write(hidden), case_ledger.rpc)) == {"node-events": "audit.event_omitted"}


def test_a_node_that_is_silent_leaves_nothing_verified(case: Case) -> None:
    report = verify(write(case), Rpc("http://127.0.0.1:9", patience_s=0.2))
    assert failing(report) == dict.fromkeys(("chain", "contracts", "node-events"), "audit.node_silent")


def test_another_ledger_has_other_blocks(case: Case, chain: LedgerInTests) -> None:
    chain.seal(len(case.headers) + 2)
    assert failing(verify(write(case), chain.rpc)) == {
        "chain": "audit.header_not_on_chain",
        "contracts": "audit.code_differs",
    }


@pytest.fixture
def file(case: Case, tmp_path: Path) -> Iterator[Path]:
    """The bundle as a file."""
    path = tmp_path / "bundle.zip"
    path.write_bytes(write(case))
    return path


def test_the_command_tells_each_step_and_the_verdict(
    file: Path, capsys: pytest.CaptureFixture[str], case_ledger: LedgerInTests
) -> None:
    assert check(file, url=case_ledger.url, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✓  1 The file is a bundle")
    assert lines[-1] == f"Verified: {len(lines) - 1} steps hold."
    assert "paid out; repaid: interest 1041.61 CNY, fee 279.00 CNY, principal 100000.00 CNY" in "".join(lines)
    assert sum(COILS.values()) - COILS["coil-1"] == 24_060
    assert "24060 kg left" in "".join(lines)


def test_the_report_as_json_says_the_same(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = bytearray(file.read_bytes())
    raw[300] ^= 1
    file.write_bytes(raw)
    assert not check(file, url=None, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert report["verified"] is False
    assert report["steps"][0]["outcome"] == "fails"
    assert report["steps"][0]["error"] in {"audit.not_a_bundle", "audit.bundle_not_canonical"}
    assert {each["outcome"] for each in report["steps"][1:]} == {"not reached"}

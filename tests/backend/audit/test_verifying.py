"""Whatever is changed in a bundle, some step fails and names it, even where the manifest was written anew."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.audit.archive import MANIFEST, pack, unpack
from backend.audit.blocks import parse_header
from backend.audit.build import build, write
from backend.audit.case import Case
from backend.audit.command import check
from backend.audit.report import Outcome, Report
from backend.audit.verify import verify
from contracts.rpc import Rpc
from tests.support.audit_case import COILS, SITE, CaseLife, failing
from tests.support.ledger import LedgerInTests


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


def test_the_page_lists_every_step_in_order_and_every_kind_of_file(case: Case, root: Path) -> None:
    page = (root / "docs" / "proof-bundle.md").read_text("utf-8")
    steps = page[page.index("## The steps") : page.index("## What rests")]
    named = re.findall(r"^\| `([a-z-]+)` \|", steps, re.MULTILINE)
    assert named == [each.name for each in verify(write(case)).findings]
    listed = set(re.findall(r"^\| `([^`]+)` \|", page[: page.index("## The steps")], re.MULTILINE))
    kinds = (
        ("[0-9a-f]{64}", "SHA256"),
        (f"/{SITE}/1/", "/SITE/EPOCH/"),
        (r"[0-9]{10}\.(?=entry|body|proof)", "INDEX."),
    )
    found = set()
    for name in unpack(write(case)):
        for pattern, word in kinds:
            name = re.sub(pattern, word, name)  # noqa: PLW2901 - one name, kind by kind
        name = re.sub("event-[0-9]+", "event-NUMBER", re.sub("blocks/[0-9]+", "blocks/NUMBER", name))  # noqa: PLW2901
        found.add(re.sub("receipt-[0-9]+", "receipt-ID", name))
    assert found == listed


@pytest.fixture
def root() -> Path:
    """The project's root."""
    return Path(__file__).parents[3]


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


def test_verifying_loads_no_database_no_chain_client_and_no_server() -> None:
    program = "import sys, backend.audit.command; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {
        "alembic",
        "cv2",
        "eth",
        "eth_tester",
        "fastapi",
        "numpy",
        "paho",
        "sqlalchemy",
        "sqlmodel",
        "web3",
    }
    assert heavy & set(loaded.stdout.split()) == set()

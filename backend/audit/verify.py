"""The verification of a bundle, step by step; needs the file, and a node only for what no file can prove."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from backend.audit.archive import MANIFEST, require_manifest, unpack
from backend.audit.case import Case, case_of
from backend.audit.checks import enrolment, evidence, ledger, life, money, node
from backend.audit.events import Told, concerning, read_events
from backend.audit.report import Finding, Found, Report
from backend.audit.statements import Said, about_case
from backend.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backend.audit.checks.ledger import Headers, Receipts
    from contracts.rpc import Rpc


class EventsDiffer(Invalid):
    """The bundle's list of events is not what its proven receipts say of this case."""

    code = "audit.events_differ"


def verify(raw: bytes, rpc: Rpc | None = None, tell: Callable[[Finding], None] = lambda _: None) -> Report:
    """What becomes of each step for the bundle in `raw`; a refusal in one does not hide the others.

    Args:
        raw: the file's bytes.
        rpc: a node of the ledger; without one the steps that need it say what they trust.
        tell: hears of each finding as it is made.
    """
    report = Report(tell)
    run = report.run
    files = run("archive", "The file is a bundle whose bytes follow from its contents.", _unpacked, raw)
    listed = run("manifest", "Every file is the one that the manifest lists.", _listed, files)
    case = run("form", "The files say one case, each in its one form.", _case, files, listed)
    said = run("statements", "Every entry is a statement.", evidence.read, case)
    headers = run("headers", "Each block header links to the one before.", ledger.linked, case)
    sentence = "Every receipt is under the receipts root of its block's header."
    receipts = run("receipts", sentence, ledger.proven, case, headers)
    sentence = "Every log of the contracts is an event of theirs."
    told = run("events", sentence, _events, case, said, receipts)
    run("told", "The events told are those in the receipts.", _as_told, case, told)
    sentence = "No block can hold an event about this case that is not here."
    run("omissions", sentence, ledger.nothing_omitted, case, headers, receipts, told)
    _examine_evidence(report, case, said, headers, told)
    _examine_life(report, case, said, told)
    run("chain", "The headers are the chain's.", partial(node.same_chain, rpc), case, headers)
    run("contracts", "The contracts are the published ones.", partial(node.same_contracts, rpc), case)
    sentence = "The node has no event about this case that is not here."
    run("node-events", sentence, partial(node.no_event_more, rpc), case, told)
    return report


def _examine_evidence(
    report: Report,
    case: Case | None,
    said: Sequence[Said] | None,
    headers: Headers | None,
    told: Told | None,
) -> None:
    """Who the devices are, and what they said."""
    run = report.run
    sentence = "Parties, sites and devices were each enrolled once."
    registry = run("enrolment", sentence, enrolment.enrolled, told)
    sentence = "The devices that spoke are described as they were enrolled."
    run("devices", sentence, enrolment.devices_as_told, case, said, registry)
    sentence = "Every statement is signed by its device's key of that epoch."
    run("signatures", sentence, evidence.signed_by_devices, case, said, registry)
    run("sequence", "Each device's statements follow each other.", evidence.in_sequence, said)
    run("beacons", "Every block that a statement knew of is the ledger's.", evidence.beacons, said, headers)
    sentence = "Every body is the one that its header commits to and counts."
    bodies = run("bodies", sentence, evidence.bodies, said)
    run("media", "Every still and clip is the one that a body names.", evidence.media, case, bodies)
    run("inclusion", "Every statement stands in its site's log.", evidence.included, case, said)
    run("anchors", "Every head of a log was anchored on the ledger.", enrolment.anchored, case, told)
    sentence = "Every head was witnessed by a party opposed to whoever keeps the log."
    run("witness", sentence, enrolment.witnessed, case, told, registry)
    run("support", "Every movement rests on two other devices.", life.supported, said, bodies)


def _examine_life(report: Report, case: Case | None, said: Sequence[Said] | None, told: Told | None) -> None:
    """What was done with the goods and the money."""
    run = report.run
    sentence = "Receipts, pledge, orders and deliveries follow in an allowed order."
    lived = run("life", sentence, life.lived, case, told)
    run("spent", "Every movement was spent once, by the act it shows.", life.spent_once, said, told, lived)
    run("documents", "Every receipt's document is the one on the ledger.", money.documents, case, lived)
    terms = run("terms", "The loan's terms are those of the pledge.", money.terms_opened, case, lived)
    sentence = "Every loan event opens, in one unbroken chain."
    happened = run("loan-events", sentence, money.chained, case, lived)
    run("money", "What was paid out, earned and repaid adds up.", money.adds_up, lived, terms, happened)


def _unpacked(raw: bytes) -> Found[dict[str, bytes]]:
    files = unpack(raw)
    return Found(files, f"{len(files)} files, {len(raw)} bytes.")


def _listed(files: Mapping[str, bytes]) -> Found[str]:
    name = require_manifest(files)
    return Found(name, f"The manifest's SHA-256 is {name}.")


def _case(files: Mapping[str, bytes], _: str) -> Found[Case]:
    case = case_of({name: content for name, content in files.items() if name != MANIFEST})
    saw = f"Loan {case.loan}, pledge {case.pledge}, as of block {case.last_block} of chain {case.chain_id}."
    return Found(case, saw)


def _events(case: Case, said: Sequence[Said], receipts: Receipts) -> Found[Told]:
    about = about_case(case.pledge, said, case.heads)
    told = concerning(read_events(receipts, case.contracts), about)
    every, ours = len(told.everything), len(told.events)
    return Found(told, f"{every} events, {ours} of them about this case by {len(told.subjects)} subjects.")


def _as_told(case: Case, told: Told) -> Found[int]:
    found = [event.as_told() for event in told.events]
    if list(case.events) != found:
        raise EventsDiffer(told=len(case.events), found=len(found))
    return Found(len(found), f"{len(found)} events.")

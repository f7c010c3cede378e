"""Write the proof bundle of a loan out of what the bank holds and a node of the ledger."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from backend.audit.build import BundleSource, build, movements_and_documents, write
from backend.audit.case import Head, StatementFile
from backend.audit.report import Finding, Outcome
from backend.audit.verify import verify
from backend.chain.actions import confirmed_height
from backend.errors import Unavailable, WrongState
from backend.evidence.proofs import Proved, proved_with_support
from backend.loans.actions import reading as loans
from backend.pledges import actions as pledges
from backend.receipts import actions as receipts
from backend.receipts.document import canonical
from contracts.artifacts import CONTRACTS
from contracts.deploy import Deployment
from contracts.rpc import Rpc
from iot_bridge.evidence.body import parse_body
from iot_bridge.evidence.statement import name_of, parse_entry
from iot_bridge.evidence.store import EvidenceStore


class NothingToProve(WrongState):
    """The loan has no pledge on the ledger yet, so there is nothing an auditor could check."""

    code = "audit.nothing_to_prove"


class OpeningUnknown(Unavailable):
    """The bank does not know what a commitment on the ledger opens to."""

    code = "audit.opening_unknown"


class MediaMissing(Unavailable):
    """A still or clip that a statement names has not reached the store, or is damaged there."""

    code = "audit.media_not_kept"


class BundleUnsound(Unavailable):
    """The bundle would not verify, so it is not handed out."""

    code = "audit.bundle_unsound"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where proofs come from beside the database: a node, the deployment on it, and the media."""

    rpc: Rpc
    deployment: Deployment
    store: EvidenceStore


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle on disk, and what each step of its verification against the node found."""

    path: Path
    bytes: int
    findings: tuple[Finding, ...]


def write_bundle(session: Session, sources: Sources, loan_id: str, path: Path) -> Written:
    """Write the loan's bundle as of the newest confirmed block, once it verifies against the node.

    Args:
        session: read only; one unit of work, so that all of it is of one moment.
        sources: the node, the deployment and the media.
        loan_id: of a loan that has a pledge.
        path: the file; it is whole or not there.

    Raises:
        LoanUnknown: there is no such loan.
        NothingToProve: it has no pledge yet.
        NotYetWitnessed: no witnessed head covers one of its movements yet.
        OpeningUnknown: a commitment on the ledger has no opening here.
        EvidenceMissing: a still or clip is not in the store.
        BundleUnsound: a step of the verification fails.
    """
    source = source_of(session, sources, loan_id)
    raw = write(build(source, sources.rpc))
    report = verify(raw, sources.rpc)
    if not report.verified:
        failed = next(each for each in report.findings if each.outcome is Outcome.FAILS)
        raise BundleUnsound(loan_id=loan_id, step=failed.name, error=failed.error, detail=failed.detail)
    _put(path, raw)
    return Written(path, len(raw), tuple(report.findings))


def source_of(session: Session, sources: Sources, loan_id: str) -> BundleSource:
    """What the bank holds of the loan's case, as of the newest confirmed block.

    Raises:
        as `write_bundle`, but for its own verification.
    """
    loan, deployment = loans.loan(session, loan_id), sources.deployment
    if loan.pledge_id is None:
        raise NothingToProve(loan_id=loan_id)
    contracts = {name: deployment.addresses[name] for name in CONTRACTS}
    blocks = (deployment.block, confirmed_height(session))
    movements, documents = movements_and_documents(sources.rpc, contracts, blocks, loan.pledge_id)
    proved = proved_with_support(session, movements)
    openings = {each.commitment: each.opening for each in loans.openings(session, loan_id)}
    told = pledges.recorded_commitments(session, loan.pledge_id)
    return BundleSource(
        loan=loan_id,
        pledge=loan.pledge_id,
        chain_id=deployment.chain_id,
        contracts=contracts,
        first_block=blocks[0],
        last_block=blocks[1],
        heads=tuple(sorted({_head(each) for each in proved}, key=lambda head: (head.site, head.size))),
        statements=tuple(_file(each) for each in proved),
        media=_media(sources.store, proved),
        terms=_opening(openings, pledges.pledge(session, loan.pledge_id).terms),
        loan_events=tuple(_opening(openings, commitment) for commitment in told),
        documents={
            receipt: canonical(receipts.document(session, found)) for receipt, found in documents.items()
        },
    )


def _opening(openings: dict[bytes, bytes], commitment: bytes) -> bytes:
    if commitment not in openings:
        raise OpeningUnknown(commitment="0x" + commitment.hex())
    return openings[commitment]


def _head(proved: Proved) -> Head:
    return Head(name_of(proved.site), proved.epoch, proved.size, proved.root)


def _file(proved: Proved) -> StatementFile:
    return StatementFile(
        epoch=proved.epoch,
        index=proved.index,
        entry=proved.entry,
        body=proved.body.encode(),
        size=proved.size,
        path=proved.path,
    )


def _media(store: EvidenceStore, proved: list[Proved]) -> dict[str, bytes]:
    """Every still, clip and document that the statements' bodies name."""
    bodies = [parse_body(parse_entry(each.entry).statement.kind, each.body) for each in proved]
    names = {media.sha256.hex() for body in bodies for media in body.media}
    return {name: store.get(name) for name in sorted(names)}


def _put(path: Path, raw: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)

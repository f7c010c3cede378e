"""A loan's proof bundle over the API: one file that an auditor checks without asking the bank again."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, BinaryIO, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse
from sqlmodel import Session

from backend.audit.actions import (
    BundleUnsound,
    MediaMissing,
    NothingToProve,
    OpeningUnknown,
    Sources,
    write_bundle,
)
from backend.chain.rules import NotConfirmed
from backend.evidence.rules import NotYetWitnessed
from backend.identity.permissions import Caller, Permission
from backend.loans.access import LoanInPath
from backend.loans.rules.loan import LoanUnknown
from backend.parties.scope import sees_all
from backend.web.caller import may
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.work import LookDep
from iot_bridge.evidence.errors import EvidenceRefused

router = APIRouter(prefix="/v1", tags=["audit"])
CHUNK: Final = 64 * 1024
ZIP: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get(
    "/loans/{loan_id}/bundle",
    response_class=Response,
    responses=refusals(
        LoanUnknown,
        NothingToProve,
        NotYetWitnessed,
        NotConfirmed,
        OpeningUnknown,
        MediaMissing,
        BundleUnsound,
    )
    | ZIP,
)
def get_bundle(
    look: LookDep,
    caller: Annotated[Caller, Depends(may(Permission.AUDIT_READ))],
    sources: Annotated[Sources, Depends(port(Sources))],
    loan_id: LoanInPath,
) -> Response:
    """The loan's proofs as of the newest confirmed block, once they verify against the ledger."""
    if not sees_all(caller):
        raise LoanUnknown(loan_id=loan_id)

    def question(session: Session) -> tuple[BinaryIO, int]:
        with TemporaryDirectory(prefix="tallystick-bundle-") as folder:
            written = write_bundle(session, sources, loan_id, Path(folder, "bundle.zip"))
            return written.path.open("rb"), written.bytes

    try:
        file, size = look(question)
    except EvidenceRefused as error:
        raise MediaMissing(loan_id=loan_id, **error.facts) from error
    headers = {
        "Content-Disposition": f'attachment; filename="{loan_id}.zip"',
        "Content-Length": str(size),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """The file piece by piece; its name is gone already, and with the end of this its bytes."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk

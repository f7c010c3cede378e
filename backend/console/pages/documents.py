"""Kept documents for who may read them, in a browser that is signed in: saved, never opened here."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from backend.console.pages.media import NOTHING_RUNS
from backend.console.visiting import Visit, seen_by
from backend.documents.actions import DocumentStore
from backend.documents.routes import get_document
from backend.identity.permissions import Permission

router = APIRouter(include_in_schema=False)


@router.get("/documents/{sha256}")
def document(
    visit: Annotated[Visit, Depends(seen_by(Permission.DOCUMENTS_READ))],
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
) -> Response:
    """A document of the reader's organisation, or any for the bank and its auditors, as it came."""
    found = get_document(visit.look, visit.ports.of(DocumentStore), visit.caller, sha256)
    found.headers["Content-Security-Policy"] = NOTHING_RUNS
    return found

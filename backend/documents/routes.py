"""Documents over the API: an organisation keeps its files here and reads them again, as the bank may."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from backend.documents.actions import DocumentStore, keep, kept_by_anybody, require_kept
from backend.documents.rules import (
    KeptDamaged,
    KeptUnknown,
    MediaType,
    MediaTypeUnknown,
    SizeOutOfRange,
    document_of,
)
from backend.documents.tables import KeptDocumentRow
from backend.identity.permissions import Caller, Permission
from backend.parties.scope import sees_all
from backend.web.caller import may
from backend.web.forms import RawBody
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.work import LookDep, OnceDep, TimesDep
from iot_bridge.evidence.errors import EvidenceRefused

router = APIRouter(prefix="/v1", tags=["documents"])
StoreDep = Annotated[DocumentStore, Depends(port(DocumentStore))]
FILES: Final[dict[str, Any]] = {
    each.value: {"schema": {"type": "string", "format": "binary"}} for each in MediaType
}


class Kept(BaseModel):
    """A document as it is kept."""

    sha256: str = Field(description="Names the document from now on.")
    size: int = Field(description="In bytes.")
    media_type: MediaType


@router.post(
    "/documents",
    status_code=201,
    response_model=Kept,
    responses=refusals(MediaTypeUnknown, SizeOutOfRange),
    openapi_extra={"requestBody": {"required": True, "content": FILES}},
)
def keep_document(
    body: RawBody,
    store: StoreDep,
    once: OnceDep,
    times: TimesDep,
    caller: Annotated[Caller, Depends(may(Permission.DOCUMENTS_KEEP))],
    content_type: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Keep a file of the caller's organisation, 1 byte to 10 MiB, under the SHA-256 of its bytes."""
    document = document_of(body, content_type)
    store.put(body)

    def effect(session: Session) -> Kept:
        by, at = caller.principal, times.wall.now()
        row = keep(session, document, organisation=caller.organisation, by=by, at=at)
        return Kept(sha256=row.sha256, size=row.size, media_type=MediaType(row.media_type))

    return once(effect, status=201)


@router.get(
    "/documents/{sha256}",
    response_class=Response,
    responses=refusals(KeptUnknown, KeptDamaged) | {200: {"content": FILES}},
)
def get_document(
    look: LookDep,
    store: StoreDep,
    caller: Annotated[Caller, Depends(may(Permission.DOCUMENTS_READ))],
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
) -> Response:
    """A document of the caller's organisation, or any for the bank and its auditors, as it came."""

    def question(session: Session) -> KeptDocumentRow:
        if sees_all(caller):
            return kept_by_anybody(session, sha256)
        return require_kept(session, sha256, caller.organisation)

    row = look(question)
    try:
        content = store.get(sha256)
    except EvidenceRefused as error:
        raise KeptDamaged(**error.facts) from error
    headers = {
        "Content-Type": row.media_type,
        "Content-Disposition": f'attachment; filename="{sha256}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, headers=headers)

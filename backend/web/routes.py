"""Acts that wait for a second person: what an approver's queue shows."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from backend.db import stored_number
from backend.identity.permissions import Caller, Permission
from backend.web.caller import may
from backend.web.pages import AfterNumber, Limit, Page, page
from backend.web.tables import WaitingActRow, open_acts
from backend.web.work import LookDep

router = APIRouter(prefix="/v1", tags=["approvals"])


class WaitingAct(BaseModel):
    """An act that one person has asked for; a second who asks for the very same lets it happen."""

    id: int
    act: str
    subject: str
    content: dict[str, Any]
    first: str
    asked_at: datetime
    expires_at: datetime
    is_own: bool


@router.get("/approvals")
def list_waiting_acts(
    look: LookDep,
    caller: Annotated[Caller, Depends(may(Permission.APPROVALS_READ))],
    after: AfterNumber = 0,
    limit: Limit = 50,
) -> Page[WaitingAct]:
    """Acts of the caller's organisation that wait for a second person, oldest first."""
    found = look(lambda session: open_acts(session, caller.organisation, after, limit + 1))
    return page(found, limit, shown=lambda row: _shown(row, caller), key=lambda row: stored_number(row.id))


def _shown(row: WaitingActRow, caller: Caller) -> WaitingAct:
    return WaitingAct(
        id=stored_number(row.id),
        act=row.act,
        subject=row.subject,
        content=row.content,
        first=row.first,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        is_own=row.first == caller.person,
    )

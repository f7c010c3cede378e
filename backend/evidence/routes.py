"""Evidence over the API: movements of a site, one statement with its proof, and the media that it names."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from backend.evidence.mirror import tree_of
from backend.evidence.rules import MediaUnknown, StatementUnknown
from backend.evidence.tables import (
    HeadRow,
    SiteLogRow,
    StatementRow,
    head_over,
    movements_after,
    observed,
    statement_row,
)
from backend.identity.permissions import Caller, Permission
from backend.parties import actions as parties
from backend.parties.rules import SiteUnknown
from backend.parties.scope import sees_site
from backend.parties.words import name
from backend.web.caller import may
from backend.web.forms import WORD, NameInPath, WordInPath, word
from backend.web.pages import Limit, Page, page
from backend.web.ports import port
from backend.web.problems import refusals
from backend.web.work import LookDep
from iot_bridge.evidence.errors import EvidenceRefused
from iot_bridge.evidence.statement import name32
from iot_bridge.evidence.store import EvidenceStore

router = APIRouter(prefix="/v1", tags=["evidence"])
Reader = Annotated[Caller, Depends(may(Permission.EVIDENCE_READ))]
PLACE = r"^$|^[0-9]{1,18}\.[0-9]{1,18}$"
AfterPlace = Annotated[str, Query(pattern=PLACE, description="`next` of the page before.")]
AboutPiece = Annotated[str | None, Query(pattern=WORD, description="Movements of this piece alone.")]


class Way(StrEnum):
    """Which way something moved."""

    IN = "movement.in"
    OUT = "movement.out"


class Statement(BaseModel):
    """What a device said; `fields` are its kind's own, as the device signed them."""

    id: str
    site: str
    device: str
    seq: int
    kind: str
    subject: str
    quantity: int
    seen_at_ms: int = Field(description="By the device's own clock, which proves nothing.")
    beacon_block: int = Field(description="The newest block that the device knew of when it spoke.")
    received_at: datetime
    held: bool = Field(description="Whether a statement before it is missing; it supports nothing then.")
    fields: dict[str, Any]


class Head(BaseModel):
    """An anchored head of the site's log, and whether an opposed party has re-derived it."""

    epoch: int
    size: int
    root: str
    anchored_at_block: int
    witnessed: bool


class Proof(BaseModel):
    """The way from the entry's leaf to the head's root (RFC 9162)."""

    index: int
    leaf: str
    path: list[str]


class ProvedStatement(Statement):
    """A statement with its signed bytes; head and proof are there once a head over it was found equal."""

    entry: str = Field(description="The 449 bytes that the log holds: header and signature.")
    media: list[dict[str, Any]]
    head: Head | None
    proof: Proof | None


@router.get("/sites/{site}/movements", responses=refusals(SiteUnknown))
def list_movements(
    look: LookDep,
    caller: Reader,
    site: NameInPath,
    way: Annotated[Way | None, Query(alias="kind")] = None,
    piece: AboutPiece = None,
    after: AfterPlace = "",
    limit: Limit = 50,
) -> Page[Statement]:
    """What went in and out of a site, in the order of its log."""
    epoch, _, index = after.partition(".")
    place = (int(epoch), int(index)) if after else (0, 0)
    kinds = tuple(each.value for each in Way) if way is None else (way.value,)
    about = (name32(site), kinds, None if piece is None else word(piece))

    def question(session: Session) -> Page[Statement]:
        parties.site(session, name32(site))
        if not sees_site(session, caller, name32(site)):
            raise SiteUnknown(site="0x" + name32(site).hex())
        found = movements_after(session, about, place, limit + 1)
        return page(found, limit, shown=_shown, key=lambda row: f"{row.log_epoch}.{row.log_index}")

    return look(question)


@router.get("/statements/{statement}", responses=refusals(StatementUnknown))
def get_statement(look: LookDep, caller: Reader, statement: WordInPath) -> ProvedStatement:
    """One statement, and the proof that it stands in the site's log."""

    def question(session: Session) -> ProvedStatement:
        row = _seen(session, caller, statement)
        head = head_over(session, row)
        return ProvedStatement(
            **_shown(row).model_dump(),
            entry="0x" + row.entry.hex(),
            media=_media_of(row),
            head=None if head is None else _head(head),
            proof=None if head is None else _proof(session, row, head),
        )

    return look(question)


@router.get(
    "/media/{sha256}",
    response_class=Response,
    responses=refusals(StatementUnknown, MediaUnknown)
    | {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_media(
    look: LookDep,
    caller: Reader,
    store: Annotated[EvidenceStore, Depends(port(EvidenceStore))],
    sha256: Annotated[str, Path(pattern=r"^(0x)?[0-9a-f]{64}$")],
    statement: Annotated[str, Query(pattern=WORD, description="The statement that names it.")],
) -> Response:
    """A still, clip or document that a statement names, checked against its SHA-256 as it is read."""
    row = look(lambda session: _seen(session, caller, statement))
    wanted = "0x" + sha256.removeprefix("0x")
    named = next((each for each in _media_of(row) if each["sha256"] == wanted), None)
    if named is None:
        raise MediaUnknown(sha256=wanted, statement=statement)
    try:
        content = store.get(wanted)
    except EvidenceRefused as error:
        raise MediaUnknown(sha256=wanted, statement=statement) from error
    disposition = f'attachment; filename="{wanted}"'
    return Response(content, media_type=named["type"], headers={"Content-Disposition": disposition})


def _seen(session: Session, caller: Caller, statement: str) -> StatementRow:
    row = statement_row(session, word(statement))
    if not sees_site(session, caller, row.site):
        raise StatementUnknown(statement=statement)
    return row


def _media_of(row: StatementRow) -> list[dict[str, Any]]:
    return list(json.loads(row.body).get("media", []))


def _shown(row: StatementRow) -> Statement:
    said = observed(row)
    return Statement(
        id="0x" + said.id.hex(),
        site=name(said.site),
        device=name(said.device),
        seq=said.seq,
        kind=said.kind,
        subject="0x" + said.subject.hex(),
        quantity=said.quantity,
        seen_at_ms=said.seen_at_ms,
        beacon_block=said.beacon_block,
        received_at=said.received_at,
        held=not said.linked,
        fields=said.fields,
    )


def _head(head: HeadRow) -> Head:
    return Head(
        epoch=head.epoch,
        size=head.size,
        root="0x" + head.root.hex(),
        anchored_at_block=head.anchored_at_block,
        witnessed=head.witnessed_at_block is not None,
    )


def _proof(session: Session, row: StatementRow, head: HeadRow) -> Proof:
    log = session.get_one(SiteLogRow, (row.site, row.log_epoch))
    path = tree_of(session, log).inclusion_proof(row.log_index, head.size)
    return Proof(index=row.log_index, leaf="0x" + row.leaf.hex(), path=["0x" + each.hex() for each in path])

"""Receipts by number, and one with its life, its claims, its proofs and a code for the paper copy."""

from dataclasses import dataclass
from typing import Annotated, Final

import segno
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from markupsafe import Markup
from sqlmodel import Session

from backend.console.pages.alerts import Still, stills_of
from backend.console.pages.notices import PLACES
from backend.console.receipts import story_of
from backend.console.visiting import Visit, seen_by
from backend.evidence.looking import PieceSeen, Sighting
from backend.evidence.routes import ProvedStatement, get_statement
from backend.identity.permissions import Permission
from backend.parties import actions as parties
from backend.parties.words import name
from backend.pledges import actions as pledges
from backend.receipts import actions as receipts
from backend.receipts import routes
from backend.receipts.shapes import ReceiptShort
from backend.web.forms import WORD, NumberInPath
from backend.web.pages import AfterNumber

router = APIRouter(include_in_schema=False)
A_PAGE: Final = 50
SHOWN_PROOFS: Final = 10
SHOWN_STILLS: Final = 12
Reader = Annotated[Visit, Depends(seen_by(Permission.RECEIPTS_READ))]
PLACES["receipt"] = "/receipts"


@dataclass(frozen=True, slots=True)
class Row:
    """A receipt of the list, its holder's legal name, and who controls it where a pledge moved control."""

    receipt: ReceiptShort
    holder: str | None
    controller: str | None


@router.get("/receipts")
def list_of_receipts(visit: Reader, after: AfterNumber = 0) -> Response:
    """Receipts that the reader may see, by number."""
    found = routes.list_receipts(visit.look, visit.caller, after, A_PAGE)
    rows = visit.look(lambda session: [_row(session, each) for each in found.items])
    return visit.page("receipts.html", rows=rows, next=found.next)


@router.get("/receipts/{receipt}")
def receipt(
    visit: Reader,
    receipt: NumberInPath,
    content: Annotated[str | None, Query(pattern=WORD)] = None,
) -> Response:
    """One receipt; with `content`, as a paper copy's code has it, whether that copy still says what is so."""
    found = routes.get_receipt(visit.look, visit.times, visit.caller, receipt)
    with_evidence = visit.may(Permission.EVIDENCE_READ)
    today = visit.times.moment().today
    story = visit.look(lambda session: story_of(session, found, today, with_evidence=with_evidence))
    now = "0x" + story.content.hex()
    behind = _behind(story.pieces)
    return visit.page(
        "receipt.html",
        receipt=found,
        story=story,
        with_evidence=with_evidence,
        name_of=name,
        paper=None if content is None else content == now,
        code_of_paper=paper_code(f"{visit.request.base_url}receipts/{found.id}?content={now}", visit),
        proofs=[_proved(visit, each) for each in story.pieces[:SHOWN_PROOFS] if each.arrival],
        stills=[still for each in behind for still in _stills(each)][:SHOWN_STILLS],
        tickets=[each.said for each in behind if each.said.kind == "weigh.ticket"],
    )


def paper_code(text: str, visit: Visit) -> Markup:
    """A QR code as SVG; it prints, and needs no script."""
    drawn = segno.make(text, error="m").svg_inline(
        scale=4, border=4, omitsize=True, lineclass="modules", svgclass="qr"
    )
    label = visit.words("Code that leads to this page")
    return Markup('<figure class="paper"><div role="img" aria-label="{}">{}</div></figure>').format(
        label,
        Markup(drawn),  # noqa: S704 - segno's drawing of modules: numbers and these class names, no text of others
    )


def _row(session: Session, shown: ReceiptShort) -> Row:
    holder = receipts.receipt(session, shown.id).holder
    under = pledges.pledge_of_receipt(session, shown.id)
    pledgee = None if under is None else pledges.pledge(session, under).pledgee
    names = parties.names_of(session, {holder} if pledgee is None else {holder, pledgee})
    controller = None if pledgee is None else names.get(pledgee, name(pledgee))
    return Row(shown, names.get(holder), controller)


def _behind(pieces: tuple[PieceSeen, ...]) -> list[Sighting]:
    """What the pieces' movements rest on, each once."""
    return list({each.said.id: each for piece in pieces for each in piece.behind}.values())


def _stills(seen: Sighting) -> list[Still]:
    return stills_of("0x" + seen.said.id.hex(), seen.media)


def _proved(visit: Visit, piece: PieceSeen) -> ProvedStatement:
    assert piece.arrival is not None  # noqa: S101 - type narrowing
    return get_statement(visit.look, visit.caller, "0x" + piece.arrival.said.id.hex())

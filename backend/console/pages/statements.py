"""One statement, and its verification in the reader's own browser against a ledger node that they name.

The page of a named node, and no other, may ask that one origin; see `static/verify.mjs` for the steps.
"""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from backend.audit.actions import Sources
from backend.console.pages.media import media_url
from backend.console.visiting import Visit, seen_by
from backend.errors import Invalid
from backend.evidence.proofs import placed, statement_at
from backend.evidence.routes import get_statement
from backend.identity.permissions import Permission
from backend.parties.words import name
from backend.web.forms import NameInPath, NumberInPath, WordInPath, word
from contracts.artifacts import load
from iot_bridge.evidence.statement import name32

router = APIRouter(include_in_schema=False)
MOST: Final = 200
HOST: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*", re.ASCII)
LEDGER_STEPS: Final = ("chain", "devices", "anchors", "witness", "beacons")
STEPS: Final = ("statements", "identity", "bodies", "media", "signatures", "inclusion", *LEDGER_STEPS)
"""What the browser checks, in order; steps of `tallystick verify` go by its names."""


Reader = Annotated[Visit, Depends(seen_by(Permission.EVIDENCE_READ))]
Node = Annotated[str, Query(max_length=MOST)]


class NodeAddressInvalid(Invalid):
    """A node's address is http or https, a host name or IPv4 address, and a port, and nothing more."""

    code = "console.node_address_invalid"


def node_origin(given: str) -> str:
    """The one origin that a reader names, as the page's policy may hold it.

    Raises:
        NodeAddressInvalid: it is no plain origin.
    """
    try:
        parts = urlsplit(given.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise NodeAddressInvalid(node=given[:MOST]) from error
    plain = f"{host}:{port}" if port is not None else host
    more = parts.path.strip("/") or parts.query or parts.fragment
    told = parts.netloc.lower().removesuffix(":") != plain or port == 0
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host) or more or told:
        raise NodeAddressInvalid(node=given[:MOST])
    return f"{parts.scheme}://{plain}"


@router.get("/audit/statements/{statement}")
def statement(visit: Reader, statement: WordInPath, node: Node = "") -> Response:
    """A statement with all that its verification takes; the verifying is done where it is read."""
    return _shown(visit, statement, node)


@router.get("/audit/logs/{site}/{epoch}/{index}")
def entry(
    visit: Reader, site: NameInPath, epoch: NumberInPath, index: NumberInPath, node: Node = ""
) -> Response:
    """The same by its place in a site's log, so that a log is read entry by entry."""
    found = visit.look(lambda session: statement_at(session, name32(site), epoch, index))
    return _shown(visit, "0x" + found.hex(), node)


def _shown(visit: Visit, statement: str, node: str) -> Response:
    shown = get_statement(visit.look, visit.caller, statement)
    found = visit.look(lambda session: placed(session, word(statement)))
    origin, problem, status = None, None, 200
    if node.strip():
        try:
            origin = node_origin(node)
        except NodeAddressInvalid as refusal:
            problem, status = refusal.code, refusal.status
    deployment, log = visit.ports.of(Sources).deployment, load("EvidenceLog")
    return visit.page(
        "statement.html",
        status=status,
        connect=origin,
        shown=shown,
        placed=found,
        site=name(found.site),
        device=name(found.device),
        node=node,
        origin=origin,
        problem=problem,
        steps=STEPS,
        ledger_steps=LEDGER_STEPS,
        deployment=deployment,
        topics={entry.name: "0x" + topic.hex() for topic, entry in log.events.items()},
        key_of="0x" + load("PartyRegistry").functions["keyOf"].selector.hex(),
        stills=[(each, media_url(each["sha256"], statement)) for each in shown.media],
    )

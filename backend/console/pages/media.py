"""Stills and other media that statements name, by the hash of their content, for the pages that show them.

Who may see one is what the API's route for media says; here it is shown instead of saved, and kept for good.
"""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from backend.console.visiting import Visit, seen_by
from backend.evidence.routes import get_media
from backend.identity.permissions import Permission
from backend.web.forms import WORD
from iot_bridge.evidence.store import EvidenceStore

router = APIRouter(include_in_schema=False)
KEPT: Final = "private, max-age=31536000, immutable"
"""The address names the content, so it never changes; only the reader's own browser keeps it."""
SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
"""Types that a browser may draw; whatever else a device names is saved, never opened here."""
NOTHING_RUNS: Final = "default-src 'none'; sandbox"


@router.get("/media/{sha256}")
def media(
    visit: Annotated[Visit, Depends(seen_by(Permission.EVIDENCE_READ))],
    sha256: Annotated[str, Path(pattern=r"^(0x)?[0-9a-f]{64}$")],
    statement: Annotated[str, Query(pattern=WORD)],
) -> Response:
    """What a statement names by this hash, checked against it as it is read."""
    found = get_media(visit.look, visit.caller, visit.ports.of(EvidenceStore), sha256, statement)
    found.headers["Cache-Control"] = KEPT
    found.headers["X-Content-Type-Options"] = "nosniff"
    found.headers["Content-Security-Policy"] = NOTHING_RUNS
    if found.media_type in SHOWN:
        del found.headers["Content-Disposition"]
    return found


def media_url(sha256: str, statement: str) -> str:
    """Where a page finds what a statement names."""
    return f"/media/{sha256.removeprefix('0x')}?{urlencode({'statement': statement})}"

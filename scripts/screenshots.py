"""Make a picture of each page of the console, and the document that shows them.

Use it through `scripts/screenshots`. The pages are those of the test bank: nothing real is in a picture.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402 - the project is found through the line above
import numpy as np  # noqa: E402

from tests.backend.app.populated import LOAN  # noqa: E402
from tests.backend.console.browser import DESKTOP, PHONE, Screen, screen_before  # noqa: E402
from tests.backend.console.house import CALLED, HEALTHY, house_in  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

PICTURES: Final = ROOT / "docs" / "pictures"
PAGE: Final = ROOT / "docs" / "console.md"
QUALITY: Final = 72
TALLEST_PX: Final = 1_400
HEAD: Final = """# The console

<!-- Made by `scripts/screenshots`; edit that script, not this page. -->

What people see of the bank: pages made on the server, in Chinese and English, light and dark, readable
without scripting. `scripts/demo` opens it and tells a loan's story there. The pictures show the tests' bank.
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as it is taken, and what the document says of it."""

    name: str
    path: str
    reader: str
    says: str
    language: str = "en"
    theme: str = "light"
    viewport: Mapping[str, int] | None = None

    @property
    def file(self) -> Path:
        """Where it lies."""
        return PICTURES / f"{self.name}.webp"


TAKEN: Final = (
    Picture("sign-in", "/sign-in", "", "Signing in; on a demonstration as anybody by one click"),
    Picture("dashboard", "/", "officer", "What is lent, what covers it, what waits"),
    Picture("dashboard-zh", "/", "officer", "The same in Chinese, dark", "zh-CN", "dark"),
    Picture("loans", "/loans", "officer", "The loans, with their cover"),
    Picture("loan", f"/loans/{CALLED}", "officer", "A loan with a margin call"),
    Picture("loan-zh", f"/loans/{CALLED}", "officer", "The same in Chinese", "zh-CN"),
    Picture("loan-borrower", f"/loans/{HEALTHY}", "borrower", "A loan as its borrower sees it"),
    Picture("loan-evidence", f"/loans/{LOAN}/evidence", "officer", "Its evidence, with stills"),
    Picture("loan-ledger", f"/loans/{LOAN}/ledger", "officer", "Its events on the ledger, as sentences"),
    Picture("loan-repay", f"/loans/{CALLED}/repay", "borrower", "Repaying"),
    Picture("apply", "/loans/new?receipts=204", "borrower", "Applying, with what is missing"),
    Picture("approvals", "/approvals", "officer", "What waits for a second person"),
    Picture("approval", "/approvals/1", "collateral_officer", "Before and after, and the rule behind it"),
    Picture("alerts", "/alerts", "officer", "Open alerts"),
    Picture("alert", "/alerts/1", "officer", "The review of an exit without an order"),
    Picture("alert-dark", "/alerts/1", "officer", "The same in Chinese, dark", "zh-CN", "dark"),
    Picture("receipt", "/receipts/1", "officer", "A receipt, its life and its eight claims"),
    Picture("statement", "/audit/logs/wuxi-yard-1/1/1", "auditor", "A statement, verified in the browser"),
    Picture("notices", "/notices", "officer", "What happened"),
    Picture("phone", f"/loans/{CALLED}", "officer", "A loan on a telephone", "zh-CN", "light", PHONE),
)


def take(screen: Screen, picture: Picture) -> int:
    """Take one; its bytes."""
    viewport = dict(picture.viewport or DESKTOP)
    looks = {"language": picture.language, "theme": picture.theme, "viewport": viewport}
    with screen.opened(picture.reader, **looks) as window:
        if window.go(picture.path) != 200:  # noqa: PLR2004 - a page that is there
            raise SystemExit(f"✗ {picture.path} cannot be shown to {picture.reader}")
        shown = window.page.screenshot(full_page=True)
    pixels = cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"✗ {picture.path} gave no picture")
    good, packed = cv2.imencode(".webp", pixels[:TALLEST_PX], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    if not good:
        raise SystemExit(f"✗ {picture.path} could not be packed")
    picture.file.write_bytes(packed.tobytes())
    return len(packed)


def main() -> int:
    """0 when every picture was taken."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob("*.webp"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory() as folder,
        house_in(Path(folder) / "bank") as house,
        screen_before(house) as screen,
    ):
        total = sum(take(screen, picture) for picture in TAKEN)
    shown = [f"\n## {each.says}\n\n![{each.says}](pictures/{each.file.name})\n" for each in TAKEN]
    PAGE.write_text(HEAD + "".join(shown), encoding="utf-8")
    print(f"» {len(TAKEN)} pictures, {total // 1024} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

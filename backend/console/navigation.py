"""The pages that are reached from everywhere, each with the permission that it needs."""

from dataclasses import dataclass
from typing import Final

from backend.identity.permissions import Caller, Permission


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation: `name` is a code of the context `page`, `icon` one of the sprite's."""

    name: str
    path: str
    icon: str
    permission: Permission | None = None


ENTRIES: Final = (
    Entry("dashboard", "/", "dashboard"),
    Entry("loans", "/loans", "loan", Permission.LOANS_READ),
    Entry("receipts", "/receipts", "receipt", Permission.RECEIPTS_READ),
    Entry("alerts", "/alerts", "alert", Permission.ALERTS_READ),
    Entry("approvals", "/approvals", "approve", Permission.APPROVALS_READ),
    Entry("audit", "/audit", "audit", Permission.AUDIT_READ),
    Entry("notices", "/notices", "bell", Permission.EVENTS_READ),
)
"""In the order they are shown; a page that is not there for the caller is not shown to them."""


def entries_for(caller: Caller) -> list[Entry]:
    """The pages that the caller may open."""
    return [each for each in ENTRIES if each.permission is None or each.permission in caller.permissions]


def current_of(path: str) -> str:
    """The name of the entry that a path belongs to; empty where it belongs to none."""
    below = [each for each in ENTRIES if path == each.path or path.startswith(each.path.rstrip("/") + "/")]
    exact = [each for each in below if each.path != "/" or path == "/"]
    return max(exact, key=lambda each: len(each.path)).name if exact else ""

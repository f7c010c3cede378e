"""What a notice says, where it may be delivered to, and when an attempt is made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from backend.errors import Invalid, NotFound, WrongState

RETRY_AFTER: Final = tuple(
    timedelta(seconds=each) for each in (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600)
)
"""How long after each failed attempt the next is made; after the last of them it is given up."""
MAIL: Final = "mailto:"
LONGEST_URL: Final = 500


class EndpointUnknown(NotFound):
    """The organisation has no endpoint of this name."""

    code = "notices.endpoint_unknown"


class NoticeDeliveryUnknown(NotFound):
    """The endpoint has no delivery of this number."""

    code = "notices.delivery_unknown"


class EndpointDisabled(WrongState):
    """The endpoint takes no notices any more; enrol another."""

    code = "notices.endpoint_disabled"


class StillPending(WrongState):
    """The delivery has not ended yet, so there is nothing to repeat."""

    code = "notices.still_pending"


class UrlRefused(Invalid):
    """Notices are sent to public https addresses only, unless the installation's settings say otherwise."""

    code = "notices.url_refused"


class NoticeKind(StrEnum):
    """What happened, as a past participle."""

    ALERT_OPENED = "alert_opened"
    ALERT_DECIDED = "alert_decided"
    ALERT_CLOSED = "alert_closed"
    MARGIN_CALL_OPENED = "margin_call_opened"
    MARGIN_CALL_ENDED = "margin_call_ended"
    LOAN_STATE_CHANGED = "loan_state_changed"
    RECEIPT_ISSUED = "receipt_issued"
    RELEASE_ORDERED = "release_ordered"
    PAYMENT_SETTLED = "payment_settled"
    PAYMENT_REJECTED = "payment_rejected"
    ACT_REFUSED = "act_refused"
    BANK_RESTORED = "bank_restored"


RESTORED_APART: Final = 1_000_000
"""How far behind a backup's last notice a restored bank goes on, so that no id is given a second time."""
MAILED: Final = frozenset({NoticeKind.ALERT_OPENED, NoticeKind.MARGIN_CALL_OPENED})
"""What people are written to about."""


class DeliveryState(StrEnum):
    """All but `PENDING` are terminal until somebody asks for a repetition."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened. The bank sees all; `organisation` is the other party that does, if any."""

    id: int
    kind: NoticeKind
    organisation: str | None
    subject: str
    facts: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """Which addresses notices may be sent to beyond public ones over https."""

    allow_loopback: bool = False
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt: the delivery's state, and when it is tried again."""

    state: DeliveryState
    next_at: datetime | None


def message_id(notice_id: int) -> str:
    """The id of a notice as machines see it, the same at every attempt: what they tell repetitions by."""
    return f"notice_{notice_id}"


def envelope(notice: Notice, source: str) -> dict[str, Any]:
    """The notice as a CloudEvent 1.0 in its JSON form."""
    return {
        "specversion": "1.0",
        "id": message_id(notice.id),
        "source": source,
        "type": f"tallystick.{notice.kind.value}",
        "subject": notice.subject,
        "time": notice.at.isoformat(),
        "datacontenttype": "application/json",
        "data": notice.facts,
    }


def after_attempt(*, succeeded: bool, attempts: int, now: datetime) -> Verdict:
    """What follows from the attempt that made it `attempts` in all."""
    if succeeded:
        return Verdict(DeliveryState.DELIVERED, None)
    if attempts > len(RETRY_AFTER):
        return Verdict(DeliveryState.GIVEN_UP, None)
    return Verdict(DeliveryState.PENDING, now + RETRY_AFTER[attempts - 1])


def require_url(url: str, policy: UrlPolicy) -> None:
    """Refuse a URL that can never be sent to; a name's addresses are judged each time it is sent to.

    Raises:
        UrlRefused: no https, or no host, or a user in it, or a refused address written out.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UrlRefused(url=url[:LONGEST_URL], why="not a URL") from error
    if not host or parts.username is not None or parts.fragment or len(url) > LONGEST_URL:
        raise UrlRefused(url=url[:LONGEST_URL], why="needs a host; no user, no fragment")
    is_local = policy.allow_loopback and (host == "localhost" or _is_loopback(host))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise UrlRefused(url=url, why="https only")
    if _is_address(host):
        require_address(host, policy)


def require_address(address: str, policy: UrlPolicy) -> None:
    """Refuse an IP address behind which the bank's own network may be.

    Raises:
        UrlRefused: it is not public, and not allowed by the policy.
    """
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    if found.is_loopback:
        allowed = policy.allow_loopback
    elif found.is_private and not found.is_link_local and not found.is_unspecified:
        allowed = policy.allow_private
    else:
        allowed = found.is_global and not found.is_multicast
    if not allowed:
        raise UrlRefused(address=address, why="not a public address")


def subject_and_body(notice: Notice) -> tuple[str, str]:
    """A mail's subject and text, in Chinese and English."""
    chinese, english = _TITLES[notice.kind]
    facts = "\n".join(f"  {name}: {_said(value)}" for name, value in notice.facts.items())
    body = (
        f"{chinese}\n对象: {notice.subject}\n时间: {notice.at.isoformat()}\n\n"
        f"{english}\nSubject: {notice.subject}\nAt: {notice.at.isoformat()}\n\n"
        f"事实 / Facts:\n{facts}\n\n编号 / Notice: {message_id(notice.id)}\n"
    )
    return f"[Tallystick] {chinese} / {english}: {notice.subject}", body


_TITLES: Final[Mapping[NoticeKind, tuple[str, str]]] = {
    NoticeKind.ALERT_OPENED: ("警报已发出", "Alert opened"),
    NoticeKind.MARGIN_CALL_OPENED: ("追加保证金通知", "Margin call opened"),
}


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback

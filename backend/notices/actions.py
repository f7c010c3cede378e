"""Announce what happened in its own transaction; enrol where notices go; repeat a delivery."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from backend.db import take_turns
from backend.notices.rules import (
    MAIL,
    MAILED,
    RESTORED_APART,
    DeliveryState,
    EndpointDisabled,
    Notice,
    NoticeKind,
    StillPending,
    UrlPolicy,
    after_attempt,
    require_url,
)
from backend.notices.tables import (
    EndpointRow,
    NoticeDeliveryRow,
    NoticeRow,
    count_after,
    delivery_row,
    endpoint_row,
    endpoints_for,
    mail_endpoints,
    newest_id,
    notice_of,
    pending_of,
)

SECRET_BYTES: Final = 32
TURN: Final = 0x6E6F_7469_6365
"""The turn that announcers take, so that ids become visible in their order."""
Seal = Callable[[bytes, str], bytes]
"""Encrypts a secret for the endpoint of that name."""


def announce(
    session: Session,
    kind: NoticeKind,
    *,
    organisation: str | None,
    subject: str,
    facts: dict[str, Any],
    at: datetime,
) -> Notice:
    """Keep a notice, and what is to be delivered of it, in the caller's unit of work.

    Args:
        session: where it happened; nothing is announced if that is undone.
        kind: what happened.
        organisation: the party beside the bank that may see it; None for the bank alone.
        subject: what it is about, such as `loan/L-1`.
        facts: JSON; what `organisation` may not know is left out.
        at: when it happened, by the clock that the act lives in.
    """
    take_turns(session, TURN)
    return _keep(
        session, NoticeRow(kind=kind.value, organisation=organisation, subject=subject, facts=facts, at=at)
    )


def announce_restored(session: Session, *, facts: dict[str, Any], at: datetime) -> Notice:
    """Announce to the bank that it was put back from a backup, under an id far behind the backup's last.

    The bank that is lost has given ids since then. Who was told them takes no new notice for an old one, and
    whoever reads on behind one of them misses nothing. The counter of PostgreSQL is to be set afterwards.
    """
    row = NoticeRow(
        id=newest_id(session) + RESTORED_APART,
        kind=NoticeKind.BANK_RESTORED.value,
        subject="bank",
        facts=facts,
        at=at,
    )
    return _keep(session, row)


def _keep(session: Session, row: NoticeRow) -> Notice:
    """Keep a notice, and a delivery to everybody who may see it and wants its kind."""
    session.add(row)
    session.flush()
    notice = notice_of(row)
    session.add_all(
        NoticeDeliveryRow(notice=notice.id, endpoint=each.id, state=DeliveryState.PENDING.value)
        for each in endpoints_for(session, row.organisation)
        if not each.kinds or row.kind in each.kinds
    )
    session.flush()
    return notice


def enrol_endpoint(
    session: Session,
    organisation: str,
    url: str,
    kinds: Iterable[NoticeKind],
    *,
    sees_all: bool,
    seal: Seal,
    policy: UrlPolicy,
    now: datetime,
) -> EndpointRow:
    """Have notices of these kinds, all for none, called to a URL from now on.

    Raises:
        UrlRefused: nothing may be sent there.
    """
    require_url(url, policy)
    name, key = f"wh_{secrets.token_hex(12)}", secrets.token_bytes(SECRET_BYTES)
    row = EndpointRow(
        id=name,
        organisation=organisation,
        sees_all=sees_all,
        url=url,
        sealed_secret=seal(key, name),
        kinds=sorted({each.value for each in kinds}),
        enrolled_at=now,
    )
    session.add(row)
    session.flush()
    return row


def enrol_recipients(session: Session, organisation: str, addresses: Sequence[str], now: datetime) -> None:
    """Have exactly these people of the bank written to about alerts and margin calls."""
    wanted = {"mail-" + hashlib.sha256(each.encode()).hexdigest()[:24]: each for each in addresses}
    known = {row.id: row for row in mail_endpoints(session, organisation)}
    for name, row in known.items():
        if name not in wanted:
            _disable(session, row)
        else:
            row.active = True
    session.add_all(
        EndpointRow(
            id=name,
            organisation=organisation,
            sees_all=True,
            url=MAIL + address,
            kinds=sorted(each.value for each in MAILED),
            enrolled_at=now,
        )
        for name, address in wanted.items()
        if name not in known
    )
    session.flush()


def disable_endpoint(session: Session, endpoint_id: str, organisation: str) -> EndpointRow:
    """Deliver nothing more there; what was still to be delivered is cancelled.

    Raises:
        EndpointUnknown: the organisation has no such endpoint.
    """
    row = endpoint_row(session, endpoint_id, organisation)
    _disable(session, row)
    return row


def replay(session: Session, endpoint_id: str, delivery_id: int, organisation: str) -> NoticeDeliveryRow:
    """Have an ended delivery made once more, under the same id; its attempts begin anew.

    Raises:
        EndpointUnknown: the organisation has no such endpoint.
        NoticeDeliveryUnknown: the endpoint has no such delivery.
        EndpointDisabled: it takes no notices any more.
        StillPending: it has not ended yet.
    """
    if not endpoint_row(session, endpoint_id, organisation).active:
        raise EndpointDisabled(endpoint=endpoint_id)
    row = delivery_row(session, endpoint_id, delivery_id)
    if row.state == DeliveryState.PENDING.value:
        raise StillPending(delivery=delivery_id, attempts=row.attempts)
    row.state, row.attempts, row.next_at = DeliveryState.PENDING.value, 0, None
    session.flush()
    return row


def record_attempt(session: Session, delivery_id: int, *, status: str, succeeded: bool, now: datetime) -> str:
    """Keep what came of an attempt and what follows; the state that the delivery is in now."""
    row = session.get_one(NoticeDeliveryRow, delivery_id)
    row.attempts, row.last_status, row.last_at = row.attempts + 1, status[:64], now
    verdict = after_attempt(succeeded=succeeded, attempts=row.attempts, now=now)
    if succeeded or row.state == DeliveryState.PENDING.value:
        row.state, row.next_at = verdict.state.value, verdict.next_at
    session.flush()
    return row.state


def _disable(session: Session, row: EndpointRow) -> None:
    row.active = False
    for each in pending_of(session, row.id):
        each.state = DeliveryState.CANCELLED.value
    session.flush()


def newest(session: Session) -> int:
    """The number of the newest notice of all; 0 before the first."""
    return newest_id(session)


def unread(session: Session, after: int, most: int, organisation: str | None) -> int:
    """How many notices of an organisation, or of all for None, lie behind a number; at most `most`."""
    return count_after(session, after, most, organisation=organisation)

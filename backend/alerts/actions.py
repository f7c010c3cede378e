"""Open alerts, once each, and freeze what rests on the goods in the same unit of work.

An exit is judged in the second it is taken: no order open for its gate and hour means an alert at once,
whatever is anchored. With one it is provisional until a departure says which piece left and what it weighed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from backend.alerts.rules import (
    ENDING,
    FREEZING,
    OF_FINDING,
    Alert,
    AlertClosed,
    AlertKind,
    Candidate,
    Decision,
    ExitState,
    Mismatch,
    is_departure,
    is_exit,
    matching_order,
    require_may_decide,
)
from backend.alerts.tables import (
    AlertDecisionRow,
    AlertRow,
    ExitRow,
    alert_about,
    alert_of,
    alert_row,
    decisions_on,
    exits_due,
    matched_kg,
    open_alerts,
)
from backend.db import from_hex, to_hex
from backend.evidence.rules import Finding, Observed
from backend.evidence.support import departure_resting_on
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.parties import actions as parties
from backend.parties.words import name
from backend.receipts import actions as receipts
from iot_bridge.evidence.statement import name_of

log = structlog.get_logger(__name__)

Freeze = Callable[[Session, int, Alert], None]
"""Freezes every loan that rests on a receipt, because of an alert."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How exits are watched: what freezes loans, and how long an ordered exit may wait for its match.

    `gates` names the gate that a camera watches; a camera not in it stands at a gate of its own name.
    """

    freeze: Freeze
    match_within: timedelta = timedelta(minutes=10)
    gates: Mapping[str, str] = field(default_factory=dict)

    def examine(self, session: Session, said: Observed, now: datetime) -> Alert | None:
        """Judge a statement as it is taken, held ones too; the alert that it opened. `now` is wall-clock."""
        if is_exit(said):
            return self.examine_exit(session, said, now)
        if is_departure(said):
            return self.examine_departure(session, said, now)
        return None

    def examine_exit(self, session: Session, crossing: Observed, now: datetime) -> Alert | None:
        """An alert unless an order is open for this gate now; else the exit is provisional."""
        if session.get(ExitRow, crossing.id) is not None:
            return None
        device = name_of(crossing.device)
        gate = self.gates.get(device, device)
        orders = receipts.orders_open_at(session, crossing.site, gate, now)
        row = self._exit(session, crossing, gate, now)
        if not orders:
            return self._unauthorised(session, row, Mismatch.NO_ORDER, now, facts=_crossing_facts(crossing))
        log.info("exit_provisional", gate=gate, orders=[each.id for each in orders])
        early = departure_resting_on(session, crossing.site, crossing.id, since=now - self.match_within)
        return self._match(session, [row], early, now) if early is not None else None

    def examine_departure(self, session: Session, departure: Observed, now: datetime) -> Alert | None:
        """Match a departure with the exits it rests on; an alert where it is not what was ordered.

        A crossing that it rests on may be on its way still: it is matched when it comes.
        """
        rests_on = [from_hex(each) for each in departure.fields["rests_on"]]
        known = (session.get(ExitRow, each) for each in rests_on)
        exits = [row for row in known if row is not None and row.departure is None]
        return self._match(session, exits, departure, now) if exits else None

    def expire(self, session: Session, now: datetime) -> list[Alert]:
        """Open an alert for every provisional exit that nothing has matched in time."""
        due = exits_due(session, now)
        opened = [self._unauthorised(session, row, Mismatch.NO_MATCH, now, facts={}) for row in due]
        return [alert for alert in opened if alert is not None]

    def report(self, session: Session, finding: Finding, now: datetime) -> Alert | None:
        """Open the alert that a finding about a device or a log calls for; None where it stands already."""
        device = to_hex(finding.device) if finding.device else None
        return self._open(
            session,
            AlertRow(
                kind=OF_FINDING[finding.kind].value,
                subject=finding.key,
                site=finding.site,
                facts=finding.facts | {"found": finding.kind.value, "device": device},
                opened_at=now,
            ),
        )

    def _exit(self, session: Session, crossing: Observed, gate: str, now: datetime) -> ExitRow:
        row = ExitRow(
            crossing=crossing.id,
            site=crossing.site,
            gate=gate,
            state=ExitState.PROVISIONAL,
            taken_at=now,
            due_at=now + self.match_within,
        )
        session.add(row)
        session.flush()
        return row

    def _match(
        self, session: Session, exits: list[ExitRow], departure: Observed, now: datetime
    ) -> Alert | None:
        """Settle the exits that one departure explains; the first of them carries its piece and mass."""
        first = exits[0]
        self._say_what_left(session, first, departure)
        if first.state == ExitState.UNAUTHORISED:
            return None
        found = matching_order(departure, self._candidates(session, first))
        if isinstance(found, Mismatch):
            return self._unauthorised(session, first, found, now, facts=_departure_facts(departure))
        for row in exits:
            row.state, row.order_id = ExitState.MATCHED, found.id
        session.flush()
        log.info("exit_matched", gate=first.gate, order=found.id, mass_kg=departure.quantity)
        return None

    def _candidates(self, session: Session, row: ExitRow) -> list[Candidate]:
        """Orders that were open when it crossed, with what matched exits have taken beyond the deliveries."""
        orders = receipts.orders_open_at(session, row.site, row.gate, row.taken_at)
        found = []
        for order in orders:
            used_kg = max(0, matched_kg(session, order.id) - order.delivered_kg)
            found.append(Candidate(order, receipts.receipt(session, order.receipt_id), used_kg))
        return found

    def _say_what_left(self, session: Session, row: ExitRow, departure: Observed) -> None:
        """Keep piece and mass beside the exit, and in the alert where one stands."""
        row.departure, row.piece, row.mass_kg = departure.id, departure.subject, departure.quantity
        alert = alert_about(session, _subject(row))
        if alert is not None:
            receipt = receipts.receipt_covering(session, departure.subject)
            alert.facts = alert.facts | _departure_facts(departure) | {"receipt": receipt}
        session.flush()

    def _unauthorised(
        self, session: Session, row: ExitRow, why: Mismatch, now: datetime, *, facts: dict[str, Any]
    ) -> Alert | None:
        row.state = ExitState.UNAUTHORISED
        stated = {"why": why.value, "gate": row.gate, "taken_at": row.taken_at.isoformat()}
        return self._open(
            session,
            AlertRow(
                kind=AlertKind.UNAUTHORISED_EXIT.value,
                subject=_subject(row),
                site=row.site,
                statement=row.crossing,
                facts=stated | facts,
                opened_at=now,
            ),
        )

    def _open(self, session: Session, row: AlertRow) -> Alert | None:
        """Open it unless it is open already, and freeze what rests on goods of the site."""
        if alert_about(session, row.subject) is not None:
            return None
        session.add(row)
        session.flush()
        alert = alert_of(row)
        frozen = receipts.live_receipts_at(session, row.site) if alert.kind in FREEZING else []
        for receipt_id in frozen:
            self.freeze(session, receipt_id, alert)
        _announce(session, NoticeKind.ALERT_OPENED, row, {**row.facts, "receipts": frozen}, row.opened_at)
        log.warning("alert_opened", id=alert.id, kind=alert.kind.value, receipts=frozen, **_plain(row.facts))
        return alert


def standing_alerts(session: Session) -> list[Alert]:
    """Alerts that nobody has closed, oldest first."""
    return [alert_of(row) for row in open_alerts(session)]


def close_alert(session: Session, alert_id: int, *, by: str, closing: str, now: datetime) -> Alert:
    """A person has looked and says what it was; what was frozen is lifted by an act of its own.

    Raises:
        AlertUnknown: there is no such alert.
        AlertClosed: it was closed before.
    """
    row = alert_row(session, alert_id)
    if row.closed_at is not None:
        raise AlertClosed(alert=alert_id, closed_by=row.closed_by)
    row.closed_at, row.closed_by, row.closing = now, by, closing
    session.flush()
    _announce(session, NoticeKind.ALERT_CLOSED, row, {"closed_by": by, "closing": closing}, now)
    return alert_of(row)


def decide(
    session: Session, alert_id: int, decision: Decision, *, by: str, reason: str, now: datetime
) -> None:
    """A person who has looked decides what it is or what follows; what was frozen stays so.

    Where a recount is asked for, the operator of the site is told.

    Raises:
        AlertUnknown: there is no such alert.
        AlertClosed: it was closed before.
        AnotherPersonNeeded: they have escalated it, and now want to end it.
        SiteUnknown: a recount is asked for at a site that nobody enrolled.
    """
    row = alert_row(session, alert_id)
    if row.closed_at is not None:
        raise AlertClosed(alert=alert_id, closed_by=row.closed_by)
    require_may_decide(decisions_on(session, [alert_id])[alert_id], decision, by)
    session.add(AlertDecisionRow(alert_id=alert_id, decision=decision.value, reason=reason, by=by, at=now))
    session.flush()
    if decision in ENDING:
        close_alert(session, alert_id, by=by, closing=reason, now=now)
        return
    recount = decision is Decision.RECOUNT_ASKED
    announce(
        session,
        NoticeKind.ALERT_DECIDED,
        organisation=name(parties.site(session, row.site).operator) if recount else None,
        subject=f"alert/{row.id}",
        facts={"alert": row.id, "site": name(row.site), "decision": decision.value, "reason": reason},
        at=now,
    )


def _announce(session: Session, kind: NoticeKind, row: AlertRow, facts: dict[str, Any], at: datetime) -> None:
    stated = {"alert": row.id, "alert_kind": row.kind, "site": name(row.site)}
    announce(session, kind, organisation=None, subject=f"alert/{row.id}", facts=facts | stated, at=at)


def _subject(row: ExitRow) -> str:
    return f"exit:{to_hex(row.crossing)}"


def _crossing_facts(crossing: Observed) -> dict[str, Any]:
    return {
        "device_seen_at_ms": crossing.seen_at_ms,
        "tags": crossing.fields["tags"],
        "confidence_bps": crossing.fields["confidence_bps"],
    }


def _departure_facts(departure: Observed) -> dict[str, Any]:
    return {
        "piece": to_hex(departure.subject),
        "mass_kg": departure.quantity,
        "departure": to_hex(departure.id),
    }


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {f"fact_{name}": value for name, value in facts.items()}

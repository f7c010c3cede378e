"""What people decide about alerts: kept with its reason, told to whom it concerns, and never by one alone."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from backend.alerts.actions import decide
from backend.alerts.rules import (
    Alert,
    AlertClosed,
    AlertKind,
    AlertState,
    AnotherPersonNeeded,
    Decided,
    Decision,
    owner_of,
    state_of,
)
from backend.alerts.tables import alerts_in_state, decisions_on, exits_waiting
from backend.notices.tables import NoticeRow
from tests.backend.alerts.conftest import LOT_KG, Yard
from tests.backend.edge import NOON, OPERATOR

WHY = "the camera was dazzled"


def opened(yard: Yard) -> Alert:
    alert = yard.take(yard.leaves(7))
    assert alert is not None
    return alert


def decided(yard: Yard, alert: Alert, decision: Decision, by: str = "lin") -> None:
    yard.within(lambda s: decide(s, alert.id, decision, by=by, reason=WHY, now=NOON))


def ids(yard: Yard, state: AlertState) -> list[int | None]:
    return [row.id for row in yard.within(lambda s: alerts_in_state(s, state, 0, 9, sites=None))]


def test_an_alert_fires_until_somebody_has_it_and_is_closed_by_what_ends_it(yard: Yard) -> None:
    alert = opened(yard)
    assert (ids(yard, AlertState.FIRING), ids(yard, AlertState.ACKNOWLEDGED)) == ([alert.id], [])
    decided(yard, alert, Decision.ACKNOWLEDGED)
    assert (ids(yard, AlertState.FIRING), ids(yard, AlertState.ACKNOWLEDGED)) == ([], [alert.id])
    decided(yard, alert, Decision.FALSE_ALARM)
    assert (ids(yard, AlertState.ACKNOWLEDGED), ids(yard, AlertState.CLOSED)) == ([], [alert.id])
    said = yard.within(lambda s: decisions_on(s, [alert.id]))[alert.id]
    assert [(each.decision, each.reason, each.by) for each in said] == [
        (Decision.ACKNOWLEDGED, WHY, "lin"),
        (Decision.FALSE_ALARM, WHY, "lin"),
    ]
    with pytest.raises(AlertClosed):
        decided(yard, alert, Decision.CONFIRMED)


def test_who_escalates_does_not_end_it_and_another_does(yard: Yard) -> None:
    alert = opened(yard)
    decided(yard, alert, Decision.ESCALATED)
    for ending in (Decision.CONFIRMED, Decision.FALSE_ALARM):
        with pytest.raises(AnotherPersonNeeded):
            decided(yard, alert, ending)
    decided(yard, alert, Decision.CONFIRMED, by="he")
    assert yard.alerts() == []


@pytest.mark.parametrize(
    "change", ["UPDATE alert_decision SET reason = 'another'", "DELETE FROM alert_decision"]
)
def test_a_decision_stands_as_it_was_made(yard: Yard, change: str) -> None:
    decided(yard, opened(yard), Decision.ACKNOWLEDGED)
    with pytest.raises(IntegrityError, match="append-only"):
        yard.within(lambda s: s.connection().exec_driver_sql(change))


@pytest.mark.parametrize("decision", Decision)
def test_a_recount_alone_is_told_to_the_operator_and_each_to_the_bank(yard: Yard, decision: Decision) -> None:
    alert = opened(yard)
    decided(yard, alert, decision)
    newest = yard.within(lambda s: s.exec(select(NoticeRow).order_by(NoticeRow.id.desc())).first())
    operator = OPERATOR.rstrip(b"\0").decode() if decision is Decision.RECOUNT_ASKED else None
    assert (newest.subject, newest.organisation) == (f"alert/{alert.id}", operator)


def test_an_exit_under_an_order_waits_until_it_falls_due(yard: Yard) -> None:
    yard.order(LOT_KG)
    yard.take(yard.leaves(7))
    waiting = yard.within(lambda s: exits_waiting(s, 9, sites=None))
    assert [(each.gate, each.due_at - each.taken_at) for each in waiting] == [
        ("gate-cam.1", timedelta(minutes=10))
    ]
    assert yard.within(lambda s: exits_waiting(s, 9, sites=frozenset())) == []


def said(*decisions: Decision) -> Sequence[Decided]:
    return [Decided(1, each, WHY, f"p{place}", NOON) for place, each in enumerate(decisions)]


@pytest.mark.parametrize(
    ("kind", "decisions", "state"),
    [
        (AlertKind.GAP, (), AlertState.NO_DATA),
        (AlertKind.LEAVES_WITHHELD, (), AlertState.NO_DATA),
        (AlertKind.SPLIT_VIEW, (), AlertState.FIRING),
        (AlertKind.GAP, (Decision.ESCALATED,), AlertState.ACKNOWLEDGED),
    ],
)
def test_what_is_missing_has_a_state_of_its_own(
    kind: AlertKind, decisions: tuple[Decision, ...], state: AlertState
) -> None:
    assert state_of(kind, said(*decisions), is_closed=False) is state
    assert state_of(kind, said(*decisions), is_closed=True) is AlertState.CLOSED


def test_it_belongs_to_who_decided_last_and_to_nobody_once_escalated() -> None:
    assert owner_of(said()) is None
    assert owner_of(said(Decision.ACKNOWLEDGED, Decision.RECOUNT_ASKED)) == "p1"
    assert owner_of(said(Decision.ACKNOWLEDGED, Decision.ESCALATED)) is None

"""Nothing leaves without an order and stays unnoticed; an honest exit is accused of nothing."""

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from backend.alerts.actions import close_alert
from backend.alerts.rules import Alert, AlertClosed, AlertKind, AlertUnknown
from backend.alerts.tables import ExitRow
from backend.db import reading
from backend.evidence.actions import statement
from tests.backend.alerts.conftest import COIL, LOT_KG, OTHER_COIL, STRANGE_COIL, Yard
from tests.backend.edge import NOON, crossing, id_of

COIL_KG = LOT_KG // 2


def states(yard: Yard) -> list[str]:
    with reading(yard.engine) as session:
        return list(session.exec(select(ExitRow.state)).all())


def exit_of(yard: Yard, piece: bytes, mass_kg: int) -> Alert | None:
    """Something leaves, and is then found to be this piece of this mass; the alert that opened."""
    seen = yard.leaves()
    first = yard.take(seen)
    return first or yard.take(yard.moved(piece, mass_kg, seen))


def test_an_exit_without_an_order_is_an_alert_at_once_and_freezes(yard: Yard) -> None:
    seen = yard.leaves(7)
    alert = yard.take(seen)
    assert alert is not None
    assert (alert.kind, alert.statement) == (AlertKind.UNAUTHORISED_EXIT, id_of(seen))
    assert (alert.facts["why"], alert.facts["gate"], alert.facts["tags"]) == ("no_order", "gate-cam.1", [7])
    assert yard.frozen == [(1, alert.id)]


def test_an_arrival_is_no_exit(yard: Yard) -> None:
    arrival = yard.site.record(yard.camera.says("gate.crossing", crossing("in", 7)))
    assert yard.take(arrival) is None
    assert yard.alerts() == []


def test_a_replayed_crossing_opens_one_alert(yard: Yard) -> None:
    seen = yard.leaves()
    first = yard.take(seen)
    assert [yard.take(seen) for _ in range(3)] == [None, None, None]
    assert yard.alerts() == [first]


def test_a_crossing_that_is_judged_twice_opens_one_alert(yard: Yard) -> None:
    seen = yard.leaves()
    yard.take(seen)
    again = yard.within(lambda s: yard.watch().examine(s, statement(s, id_of(seen)), NOON))
    assert again is None
    assert len(yard.alerts()) == 1


def test_a_held_crossing_is_judged_too(yard: Yard) -> None:
    yard.camera.says("gate.crossing", crossing("in"))
    assert yard.take(yard.leaves()) is not None


def test_an_ordered_exit_of_the_right_coil_is_matched_and_nobody_is_alarmed(yard: Yard) -> None:
    yard.order(COIL_KG)
    seen = yard.leaves(7)
    assert yard.take(seen) is None
    assert states(yard) == ["provisional"]
    assert yard.take(yard.moved(COIL, COIL_KG, seen)) is None
    assert states(yard) == ["matched"]
    assert yard.expire(NOON + timedelta(hours=1)) == []
    assert yard.alerts() == []


@pytest.mark.parametrize(
    ("gate", "opens_in"), [("gate-cam.2", 0), ("gate-cam.1", 1), ("gate-cam.1", -3)], ids=str
)
def test_an_order_for_another_gate_or_hour_opens_nothing(yard: Yard, gate: str, opens_in: int) -> None:
    yard.order(COIL_KG, gate=gate, opens_in=opens_in)
    alert = yard.take(yard.leaves())
    assert alert is not None
    assert alert.facts["why"] == "no_order"


def test_another_coil_than_the_receipts_is_an_alert(yard: Yard) -> None:
    yard.order(COIL_KG)
    alert = exit_of(yard, STRANGE_COIL, COIL_KG)
    assert alert is not None
    assert (alert.facts["why"], alert.facts["piece"]) == ("another_lot", "0x" + STRANGE_COIL.hex())
    assert yard.frozen == [(1, alert.id)]


@pytest.mark.parametrize(
    ("excess_kg", "alarmed"), [(-COIL_KG // 2, False), (0, False), (71, False), (72, True)]
)
def test_a_heavier_exit_than_ordered_is_an_alert_beyond_what_scales_may_differ(
    yard: Yard, excess_kg: int, *, alarmed: bool
) -> None:
    yard.order(COIL_KG)
    alert = exit_of(yard, COIL, COIL_KG + excess_kg)
    assert (alert is not None) is alarmed
    if alert is not None:
        assert (alert.facts["why"], alert.facts["mass_kg"]) == ("heavier", COIL_KG + excess_kg)


def test_two_exits_under_an_order_for_one_coil_alarm_at_the_second(yard: Yard) -> None:
    yard.order(COIL_KG)
    assert exit_of(yard, COIL, COIL_KG) is None
    alert = exit_of(yard, OTHER_COIL, COIL_KG)
    assert alert is not None
    assert alert.facts["why"] == "heavier"


def test_a_delivery_confirmed_between_two_ordered_exits_is_not_counted_twice(yard: Yard) -> None:
    order = yard.order(LOT_KG)
    assert exit_of(yard, COIL, COIL_KG) is None
    yard.delivered(order, COIL_KG, COIL_KG, COIL)
    assert exit_of(yard, OTHER_COIL, COIL_KG) is None
    assert yard.alerts() == []


def test_an_order_that_is_used_up_lets_nothing_more_out(yard: Yard) -> None:
    order = yard.order(COIL_KG)
    assert exit_of(yard, COIL, COIL_KG) is None
    yard.delivered(order, COIL_KG, COIL_KG, COIL)
    alert = yard.take(yard.leaves())
    assert alert is not None
    assert alert.facts["why"] == "no_order"


@pytest.mark.parametrize(("minutes", "alarmed"), [(9, False), (10, True)])
def test_an_ordered_exit_that_nothing_matches_in_time_is_an_alert(
    yard: Yard, minutes: int, *, alarmed: bool
) -> None:
    yard.order(COIL_KG)
    yard.take(yard.leaves(7))
    opened = yard.expire(NOON + timedelta(minutes=minutes))
    assert [each.facts["why"] for each in opened] == (["no_match"] if alarmed else [])
    assert yard.expire(NOON + timedelta(minutes=minutes)) == []


def test_a_departure_that_comes_before_its_crossing_is_matched_when_that_comes(yard: Yard) -> None:
    yard.order(COIL_KG)
    seen = yard.leaves(7)
    assert yard.take(yard.moved(COIL, COIL_KG, seen)) is None
    assert yard.take(seen) is None
    assert states(yard) == ["matched"]
    assert yard.expire(NOON + timedelta(hours=1)) == []


def test_what_left_without_an_order_is_told_in_the_same_alert_once_it_is_known(yard: Yard) -> None:
    seen = yard.leaves()
    yard.take(seen)
    assert yard.take(yard.moved(COIL, COIL_KG, seen)) is None
    (alert,) = yard.alerts()
    assert (alert.facts["piece"], alert.facts["receipt"]) == ("0x" + COIL.hex(), 1)
    assert alert.facts["mass_kg"] == COIL_KG


def test_a_person_closes_an_alert_once_and_says_what_it_was(yard: Yard) -> None:
    alert = yard.take(yard.leaves())
    assert alert is not None

    def close(session: Session) -> Alert:
        return close_alert(session, alert.id, by="officer.one", closing="a test", now=NOON)

    assert yard.within(close).closed_at == NOON
    assert yard.alerts() == []
    with pytest.raises(AlertClosed):
        yard.within(close)


def test_an_alert_that_nobody_opened_is_unknown(yard: Yard) -> None:
    with pytest.raises(AlertUnknown):
        yard.within(lambda s: close_alert(s, 99, by="officer.one", closing="a test", now=NOON))

"""An alert, what it freezes, its notice and the notice's deliveries stand together or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, func, select

from backend.alerts.actions import close_alert
from backend.alerts.tables import AlertRow, ExitRow
from backend.db import reading
from backend.evidence.tables import StatementRow
from backend.notices.actions import enrol_recipients
from backend.notices.tables import NoticeDeliveryRow, NoticeRow
from tests.backend.alerts.conftest import Yard
from tests.backend.edge import NOON

STEPS = ("INSERT INTO statement", "INSERT INTO alert", "INSERT INTO notice ", "INSERT INTO notice_delivery")


class Planted(Exception):
    """The fault of a test."""


@pytest.fixture
def yard(yard: Yard) -> Yard:
    yard.within(lambda session: enrol_recipients(session, "bank", ["desk@bank.invalid"], NOON))
    return yard


@contextmanager
def fault_before(engine: Engine, step: str) -> Iterator[None]:
    """The database fails before a statement that begins so, or before it commits."""

    def on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(step):
            raise Planted(step)

    def on_commit(_connection: Any) -> None:
        if step == "COMMIT":
            raise Planted(step)

    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)


def counted(yard: Yard) -> dict[str, int]:
    """How many rows of each kind there are."""

    def question(session: Session, table: Any) -> int:
        return session.exec(select(func.count()).select_from(table)).one()

    with reading(yard.engine) as session:
        return {
            table.__tablename__: question(session, table)
            for table in (StatementRow, ExitRow, AlertRow, NoticeRow, NoticeDeliveryRow)
        }


@pytest.mark.parametrize("step", [*STEPS, "COMMIT"])
def test_an_alert_and_its_notice_are_both_there_or_neither(yard: Yard, step: str) -> None:
    before, seen = counted(yard), yard.leaves(7)
    with fault_before(yard.engine, step), pytest.raises(Planted):
        yard.take(seen)
    assert counted(yard) == before
    alert = yard.take(seen)
    assert alert is not None
    assert counted(yard) == {table: number + 1 for table, number in before.items()}


def test_what_cannot_be_frozen_is_neither_alarmed_nor_announced(yard: Yard) -> None:
    before, seen = counted(yard), yard.leaves(7)

    class Unfreezable(list[tuple[int, int]]):
        def append(self, _: tuple[int, int]) -> None:
            raise Planted

    yard.frozen = Unfreezable()
    with pytest.raises(Planted):
        yard.take(seen)
    assert counted(yard) == before


@pytest.mark.parametrize("step", ["UPDATE alert", "INSERT INTO notice ", "COMMIT"])
def test_an_alert_is_closed_with_its_notice_or_stays_open(yard: Yard, step: str) -> None:
    alert = yard.take(yard.leaves(7))
    assert alert is not None
    before = counted(yard)

    def close(session: Session) -> None:
        close_alert(session, alert.id, by="officer", closing="a test of the crane", now=NOON)

    with fault_before(yard.engine, step), pytest.raises(Planted):
        yard.within(close)
    assert (counted(yard), yard.alerts()) == (before, [alert])
    yard.within(close)
    assert (counted(yard)["notice"], yard.alerts()) == (before["notice"] + 1, [])

"""Long lists are cut by the database: a page costs a few statements, however long it or the loan is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select

from backend.db import reading, transaction
from backend.loans.actions import booking
from backend.loans.actions import reading as loans
from backend.loans.rules.journal import JournalBroken
from backend.loans.rules.life import LoanState
from backend.loans.tables.book import EntryRow, LoanFactRow
from backend.loans.tables.loan import LoanRow
from backend.units import Money
from tests.backend.loans.bank import LOAN, Bank
from tests.backend.loans.callers import Callers, both_pages

COPIES = 11
PATHS = (
    "/v1/loans",
    f"/v1/loans/{LOAN}/facts",
    f"/v1/loans/{LOAN}/postings",
    f"/v1/loans/{LOAN}/acts",
    "/v1/products",
    "/v1/statement-lines",
)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", on_statement)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)


def copy(session: Session) -> None:
    """More loans like the one that was paid out, with all their facts."""
    loan, facts = session.get_one(LoanRow, LOAN), session.exec(select(LoanFactRow)).all()
    for number in range(COPIES):
        name = f"M-{number:02}"
        session.add(LoanRow(**loan.model_dump() | {"id": name, "terms": None, "pledge_id": None}))
        session.flush()
        session.add_all(LoanFactRow(**fact.model_dump() | {"loan_id": name}) for fact in facts)


@pytest.fixture
def old(drawn: Bank) -> Bank:
    """A bank with a dozen loans, one of them with a book of nine days, the day after they were due."""
    with transaction(drawn.engine) as session:
        for _ in range(9):
            drawn.wait(1)
            booking.accrue_day(session, at=drawn.at)
        copy(session)
        due_on = session.get_one(LoanRow, LOAN).due_on
    assert due_on is not None
    drawn.move_to(due_on + timedelta(days=1))
    drawn.rail.receive(payer="Wuxi Trading", amount=Money(1, "CNY"), reference="no loan of ours")
    drawn.step()
    return drawn


@pytest.mark.parametrize("path", PATHS)
def test_a_long_page_takes_no_more_statements_than_a_short_one(old: Bank, path: str) -> None:
    callers = Callers(old)
    counts = []
    for limit in (1, 200):
        with statements(old.engine) as asked:
            answer = callers.get("lin", path, limit=limit)
        assert answer.status_code == 200, answer.text
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("path", PATHS)
def test_the_pages_of_a_list_are_the_list(old: Bank, path: str) -> None:
    callers = Callers(old)
    whole = callers.get("lin", path, limit=200).json()
    assert whole["next"] is None
    assert both_pages(callers, "lin", path) == whole["items"]
    assert len(whole["items"]) > 0


@pytest.mark.parametrize(
    ("history", "table"), [("facts", "loan_fact"), ("postings", "journal_entry"), ("acts", "loan_act")]
)
def test_a_loans_history_is_cut_in_the_database(old: Bank, history: str, table: str) -> None:
    with statements(old.engine) as asked:
        Callers(old).get("lin", f"/v1/loans/{LOAN}/{history}", limit=1)
    found = [each for each in asked if f"FROM {table}" in each]
    assert found
    assert all("LIMIT" in each for each in found)


def test_the_state_in_the_list_is_the_loans_own(old: Bank) -> None:
    with reading(old.engine) as session:
        listed = loans.listed(session, None, "", 200, at=old.at)
        each = {row.id: loans.standing(session, row.id, at=old.at).state for row, _ in listed}
    assert {row.id: state for row, state in listed} == each
    assert set(each.values()) == {LoanState.OVERDUE}
    assert len(each) == COPIES + 1


def test_a_page_of_the_journal_whose_chain_is_broken_is_not_shown(old: Bank) -> None:
    with reading(old.engine) as session:
        whole = loans.journal(session, LOAN)
        pages = [list(loans.journal_after(session, LOAN, after, 2)) for after in range(len(whole) + 2)]
    assert pages == [list(whole[after : after + 2]) for after in range(len(whole) + 2)]
    with transaction(old.engine) as session:
        last = session.get_one(EntryRow, (LOAN, len(whole)))
        forged = last.model_dump() | {"number": len(whole) + 1, "previous": bytes(31) + b"1"}
        session.add(EntryRow(**forged | {"reverses": None}))
    with reading(old.engine) as session:
        assert list(loans.journal_after(session, LOAN, 0, 2)) == list(whole[:2])
        for after in (len(whole) - 1, len(whole), len(whole) + 1):
            with pytest.raises(JournalBroken):
                loans.journal_after(session, LOAN, after, 5)

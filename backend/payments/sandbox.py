"""A rail of its own for demonstrations and tests: one SQLite file that settles at once and survives a kill.

It knows nothing of loans. What it has committed stays; what it has not, never happened.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

from backend.payments.rules import (
    Direction,
    EndToEndIdReused,
    Instruction,
    Outcome,
    OutcomeState,
    OutcomeUnknown,
    StatementLine,
)
from backend.units import Money, require_positive

TIMEOUT_S: Final = 30
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS payment (
    end_to_end_id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, bank TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), currency TEXT NOT NULL,
    state TEXT NOT NULL, paid_on TEXT, reason TEXT) STRICT;
CREATE TABLE IF NOT EXISTS line (
    number INTEGER PRIMARY KEY AUTOINCREMENT, direction TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), currency TEXT NOT NULL,
    paid_on TEXT NOT NULL, reference TEXT NOT NULL, counterparty TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS received (
    key TEXT PRIMARY KEY, number INTEGER NOT NULL, payer TEXT NOT NULL,
    amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, reference TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS closed_account (account TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT;
"""


class SandboxRail:
    """Pays at once, on the business date it is given, and writes each movement on the statement."""

    name = "sandbox"

    def __init__(self, file: Path, today: Callable[[], date]) -> None:
        self._file = file
        self._today = today
        with self._unit() as connection:
            for statement in SCHEMA.split(";")[:-1]:
                connection.execute(statement)

    def pay(self, instruction: Instruction) -> None:
        """Pay once per end-to-end id; a second time with the same content changes nothing.

        Raises:
            EndToEndIdReused: the id stands for another payment.
            OutcomeUnknown: the file could not be reached.
        """
        with self._unit() as connection:
            earlier = connection.execute(
                "SELECT account, name, bank, amount_minor, currency FROM payment WHERE end_to_end_id = ?",
                (instruction.end_to_end_id,),
            ).fetchone()
            payee, amount = instruction.payee, instruction.amount
            content = (payee.account, payee.name, payee.bank, amount.amount_minor, amount.currency)
            if earlier is None:
                self._settle(connection, instruction, content)
            elif tuple(earlier) != content:
                raise EndToEndIdReused(end_to_end_id=instruction.end_to_end_id)

    def outcome(self, end_to_end_id: str) -> Outcome | None:
        """What became of a payment; None where this file has never seen it."""
        with self._unit() as connection:
            row = connection.execute(
                "SELECT state, paid_on, reason FROM payment WHERE end_to_end_id = ?", (end_to_end_id,)
            ).fetchone()
        if row is None:
            return None
        state, paid_on, reason = row
        return Outcome(OutcomeState(state), None if paid_on is None else date.fromisoformat(paid_on), reason)

    def lines(self, after: int) -> list[StatementLine]:
        """Statement lines with numbers above `after`, in order."""
        with self._unit() as connection:
            rows = connection.execute(
                "SELECT number, direction, amount_minor, currency, paid_on, reference, counterparty"
                " FROM line WHERE number > ? ORDER BY number",
                (after,),
            ).fetchall()
        return [
            StatementLine(
                number, Direction(way), Money(minor, currency), date.fromisoformat(on), reference, who
            )
            for number, way, minor, currency, on, reference, who in rows
        ]

    def receive(self, *, payer: str, amount: Money, reference: str, key: str | None = None) -> int:
        """Somebody pays the bank today; the number of the statement line, the same one for the same key.

        Raises:
            EndToEndIdReused: the key stands for another payment.
            OutcomeUnknown: the file could not be reached.
        """
        require_positive(amount)
        content = (payer, amount.amount_minor, amount.currency, reference)
        with self._unit() as connection:
            earlier = connection.execute(
                "SELECT number, payer, amount_minor, currency, reference FROM received WHERE key = ?", (key,)
            ).fetchone()
            if earlier is not None:
                if tuple(earlier[1:]) != content:
                    raise EndToEndIdReused(end_to_end_id=key)
                return int(earlier[0])
            number = self._write_line(connection, Direction.IN, amount, reference, payer)
            if key is not None:
                connection.execute("INSERT INTO received VALUES (?, ?, ?, ?, ?, ?)", (key, number, *content))
            return number

    def close_account(self, account: str, reason: str) -> None:
        """From now on payments to this account are rejected."""
        with self._unit() as connection:
            connection.execute("INSERT OR REPLACE INTO closed_account VALUES (?, ?)", (account, reason))

    def _settle(
        self,
        connection: sqlite3.Connection,
        instruction: Instruction,
        content: tuple[str, str, str, int, str],
    ) -> None:
        closed = connection.execute(
            "SELECT reason FROM closed_account WHERE account = ?", (instruction.payee.account,)
        ).fetchone()
        state = OutcomeState.SETTLED if closed is None else OutcomeState.REJECTED
        paid_on = self._today().isoformat() if closed is None else None
        connection.execute(
            "INSERT INTO payment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                instruction.end_to_end_id,
                *content,
                state.value,
                paid_on,
                None if closed is None else closed[0],
            ),
        )
        if closed is None:
            self._write_line(
                connection,
                Direction.OUT,
                instruction.amount,
                instruction.end_to_end_id,
                instruction.payee.name,
            )

    def _write_line(
        self, connection: sqlite3.Connection, way: Direction, amount: Money, reference: str, who: str
    ) -> int:
        written = connection.execute(
            "INSERT INTO line (direction, amount_minor, currency, paid_on, reference, counterparty)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING number",
            (way.value, amount.amount_minor, amount.currency, self._today().isoformat(), reference, who),
        ).fetchone()
        return int(written[0])

    @contextmanager
    def _unit(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction on the file: all of it or none."""
        try:
            connection = sqlite3.connect(self._file, timeout=TIMEOUT_S, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise OutcomeUnknown(rail=self.name, reason=str(error)) from error
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise OutcomeUnknown(rail=self.name, reason=str(error)) from error
        finally:
            connection.close()

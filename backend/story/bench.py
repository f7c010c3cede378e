"""How long after the picture of an exit the bank's alert stands in its database, and where the time goes."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

from rich.console import Console
from sqlmodel import Session

from backend.alerts import actions as alerts
from backend.db import reading
from backend.evidence import actions as evidence
from backend.story.gate import COILS
from backend.story.narrator import Narrator
from backend.story.office import NotInTime
from backend.story.play import Story
from backend.story.stage import GateView, stage

Figures = dict[str, dict[str, Any]]
T = TypeVar("T")
GOAL_MS: Final = 1_000
POLL_S: Final = 0.003


def exit_to_alert(*, runs: int, folder: Path) -> Figures:
    """Exits without an order on a running system; p50 and p99 of picture → alert row, with its parts.

    Baseline: one bare durable commit on the same disk in the same run.
    """
    quiet = Narrator(console=Console(stderr=True, highlight=False))
    with stage(folder, GateView(), quiet) as story:
        samples = [_one_exit(story, number) for number in range(runs)]
        commit_ms = _bare_commit_ms(story)
    whole = [each["alert"] for each in samples]
    heard = [each["heard"] for each in samples]
    return {
        "exit_to_alert_p50": _figure(_quantile(whole, 0.5), commit_ms, None),
        "exit_to_alert_p99": _figure(_quantile(whole, 0.99), commit_ms, GOAL_MS),
        "picture_to_statement_heard_p50": _figure(_quantile(heard, 0.5), commit_ms, None),
        "picture_to_statement_heard_p99": _figure(_quantile(heard, 0.99), commit_ms, None),
        "statement_heard_to_alert_p50": _figure(
            _quantile([a - h for a, h in zip(whole, heard, strict=True)], 0.5), commit_ms, None
        ),
    }


def _one_exit(story: Story, number: int) -> dict[str, float]:
    """Milliseconds from the picture of one more exit until the bank heard, and until the alert stood."""
    known = _alerts(story)
    leave: dict[str, object] = {"leave": {"tag": COILS[number % len(COILS)].tag}}
    story.gate.begin(leave)
    deadline = time.monotonic() + 30
    while _alerts(story) == known and time.monotonic() < deadline:
        time.sleep(POLL_S)
    stood_ms = time.time() * 1000
    newest = _look(story, _newest_alert)
    crossing = _look(story, lambda session: evidence.statement(session, newest))
    story.gate.wait_until_over(leave)
    heard_ms = crossing.received_at.timestamp() * 1000
    return {"alert": stood_ms - crossing.seen_at_ms, "heard": heard_ms - crossing.seen_at_ms}


def _alerts(story: Story) -> int:
    return len(_look(story, alerts.standing_alerts))


def _look(story: Story, question: Callable[[Session], T]) -> T:
    """An answer out of the bank's database itself, as quick as it can be had."""
    with reading(story.office.bank.engine) as session:
        return question(session)


def _newest_alert(session: Session) -> bytes:
    newest = max(alerts.standing_alerts(session), key=lambda alert: alert.id, default=None)
    if newest is None or newest.statement is None:
        raise NotInTime(what="an alert about the exit")
    return newest.statement


def _bare_commit_ms(story: Story) -> float:
    """The median of a hundred bare durable commits on the same disk."""
    connection = sqlite3.connect(story.world.folder / "bare.sqlite", isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE row (value TEXT)"):
        connection.execute(statement)
    took = []
    for number in range(100):
        started = time.perf_counter()
        connection.execute("INSERT INTO row VALUES (?)", (str(number),))
        took.append((time.perf_counter() - started) * 1000)
    connection.close()
    return median(took)


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _figure(value: float, baseline: float, goal: int | None) -> dict[str, Any]:
    return {
        "value": round(value, 1),
        "unit": "ms",
        "baseline": round(baseline, 2),
        "ratio": round(value / baseline, 1),
        "goal": None if goal is None else f"< {goal} ms",
        "holds": None if goal is None else value < goal,
    }

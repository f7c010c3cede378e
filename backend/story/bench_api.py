"""How quick the API is beside an empty route and beside a bare commit, on the story's own system and data."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from backend.story.lending import LOAN, MAKER
from backend.story.narrator import Narrator
from backend.story.play import Story
from backend.story.stage import GateView, stage
from backend.story.world import BORROWER

Figures = dict[str, dict[str, Any]]
SAMPLES_OF_ONE: Final = 15
"""How often each request is sent for each run that is asked for."""
GOAL_READ: Final = 25
GOAL_WRITE: Final = 25


def api(*, runs: int, folder: Path) -> Figures:
    """Milliseconds of requests on a system with a loan, as ratios to an empty route in the same run.

    A write is compared with the empty route as well, and a bare durable commit on the same disk is shown.
    """
    quiet = Narrator(console=Console(stderr=True, highlight=False))
    with stage(folder, GateView(), quiet) as story:
        for step in story.steps()[:3]:
            step()
        times = runs * SAMPLES_OF_ONE
        officer, borrower = story.office.at(MAKER), story.office.at(BORROWER)
        asked: dict[str, Callable[[], object]] = {
            "empty_route": lambda: officer.get("/healthz"),
            "read_a_loan": lambda: officer.get(f"/v1/loans/{LOAN}"),
            "read_own_loan": lambda: borrower.get(f"/v1/loans/{LOAN}"),
            "list_loans": lambda: officer.get("/v1/loans"),
            "list_alerts": lambda: officer.get("/v1/alerts"),
            "read_a_receipt": lambda: borrower.get(f"/v1/receipts/{story.receipt}"),
            "keep_a_document": lambda: borrower.send("/v1/documents", b"%PDF-1.7 bench", "application/pdf"),
        }
        taken: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(times):
            for name, request in asked.items():
                taken[name].append(_ms(request))
        commit = _middle([_ms(each) for each in [_commit(story)] * times], 0.5)
    return _figures(taken, commit)


def _figures(taken: dict[str, list[float]], commit: float) -> Figures:
    empty = _middle(taken["empty_route"], 0.5)
    figures = {"bare_commit_p50": _figure(commit, None, None)}
    for name, samples in taken.items():
        goal = None if name == "empty_route" else GOAL_WRITE if name == "keep_a_document" else GOAL_READ
        figures[f"{name}_p50"] = _figure(_middle(samples, 0.5), empty, goal)
        figures[f"{name}_p99"] = _figure(_middle(samples, 0.99), empty, None)
    return figures


def _ms(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def _commit(story: Story) -> Callable[[], object]:
    """A bare durable commit on the disk of the bank's database."""
    connection = sqlite3.connect(story.world.folder / "bare.sqlite", isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE row (value TEXT)"):
        connection.execute(statement)
    return lambda: connection.execute("INSERT INTO row VALUES ('x')")


def _middle(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _figure(value: float, baseline: float | None, goal: int | None) -> dict[str, Any]:
    ratio = None if baseline is None else round(value / baseline, 1)
    return {
        "value": round(value, 2),
        "unit": "ms",
        "baseline": None if baseline is None else round(baseline, 2),
        "ratio": ratio,
        "goal": None if goal is None else f"<= {goal} x empty route",
        "holds": None if goal is None or ratio is None else ratio <= goal,
    }

"""Measure the product beside its goals. Use it through `scripts/bench NAME [--json]`.

Each figure is `{value, unit, baseline, ratio, goal, holds}`, its baseline measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.chain.bench import Figures, ledger  # noqa: E402 - the project is found through the line above
from backend.chain.follower_bench import follower  # noqa: E402
from backend.story.bench import exit_to_alert  # noqa: E402
from backend.story.bench_api import api  # noqa: E402
from scripts.bench_console import console  # noqa: E402
from tests.support.postgres import pip_bin, postgres_server  # noqa: E402


def follower_on_both(*, runs: int, folder: Path) -> Figures:
    """The follower on SQLite, durable, and on the tests' PostgreSQL 18, which does without fsync."""
    with postgres_server(pip_bin()) as server:
        return follower(runs=runs, folder=folder, databases={"postgresql": server.url(server.empty())})


BENCHES = {
    "api": api,
    "console": console,
    "exit-to-alert": exit_to_alert,
    "follower": follower_on_both,
    "ledger": ledger,
}


def main() -> int:
    """0 when every goal holds, else 1."""
    parser = argparse.ArgumentParser(description="Measure the product beside its goals.")
    parser.add_argument("name", choices=sorted(BENCHES))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=20, help="how many times the thing is done")
    asked = parser.parse_args()
    figures = BENCHES[asked.name](runs=asked.runs, folder=ROOT / "var" / "bench")
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, each in figures.items():
            goal = "" if each["goal"] is None else f"  goal {each['goal']} {'✓' if each['holds'] else '✗'}"
            ratio = "" if each["ratio"] is None else f"  ({each['ratio']} x baseline {each['baseline']})"
            print(f"{name:<32} {each['value']:>9} {each['unit']}{ratio}{goal}")
    return 0 if all(each["holds"] is not False for each in figures.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())

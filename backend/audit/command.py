"""What `tallystick verify` prints: each step as it ends, then the verdict; or the whole report as JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from backend.audit.report import Finding, Outcome
from backend.audit.verify import verify

if TYPE_CHECKING:
    from contracts.rpc import Rpc

COLOURS = {Outcome.HOLDS: "green", Outcome.TRUSTED: "yellow", Outcome.FAILS: "red", Outcome.UNREACHED: "red"}


def check(bundle: Path, *, url: str | None, as_json: bool) -> bool:
    """Verify a file and print what was found; whether all of it verifies.

    Args:
        bundle: the file.
        url: of a node of the ledger, None to ask nobody.
        as_json: print one JSON object at the end in place of a line for each step.
    """
    rpc = None if url is None else _node(url)
    report = verify(bundle.read_bytes(), rpc, (lambda _: None) if as_json else _tell)
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        typer.secho(report.verdict(), fg="green" if report.verified else "red", bold=True)
    return report.verified


def _node(url: str) -> "Rpc":
    from contracts.rpc import Rpc  # noqa: PLC0415 - without a node to ask, its client is not loaded

    return Rpc(url)


def _tell(finding: Finding) -> None:
    typer.secho(finding.line(), fg=COLOURS[finding.outcome])

"""What `tallystick backup` and `tallystick restore` show: how far they are, then what was done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from backend.backup import copying
from backend.backup.archive import Manifest, Tell
from backend.clock import SystemClock
from backend.settings import Settings


def back_up(settings: Settings, out: Path, *, with_keys: bool) -> None:
    """Write a backup and say what is in it."""
    with _progress("Backing up") as tell:
        manifest = copying.back_up(
            settings, out.absolute(), with_keys=with_keys, now=SystemClock().now(), tell=tell
        )
    typer.echo(f"{out}: {_summary(manifest)}")
    for name in manifest.damaged:
        typer.secho(f"✗ left out, not what its name says: {name}", err=True, fg="red")
    if manifest.damaged:
        raise typer.Exit(1)


def restore(settings: Settings, file: Path, *, rail: Path | None) -> None:
    """Restore a backup and say what comes next."""
    with _progress("Restoring") as tell:
        manifest = copying.restore(settings, file.absolute(), rail=rail, now=SystemClock().now(), tell=tell)
    typer.echo(f"{settings.data}: {_summary(manifest)}; read-only until reconciled.")


def _summary(manifest: Manifest) -> str:
    size = sum(each.bytes for each in manifest.members.values())
    rows = sum(manifest.rows.values())
    return f"{len(manifest.members)} members, {size} bytes, {rows} rows, ledger height {manifest.height}"


@contextmanager
def _progress(what: str) -> Iterator[Tell]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)

        def tell(name: str, size: int) -> None:
            progress.update(task, advance=size, description=f"{what} {name[:40]}")

        yield tell

"""Tells the story to a terminal: a heading for each step, and below it only what was proved."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console


@dataclass(slots=True)
class Narrator:
    """Numbers the steps and keeps the sentences; `waiting` shows a spinner while something takes its time."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    steps: int = 0
    ended: bool = False
    started: float = field(default_factory=time.monotonic)
    heard: Callable[[str, str], None] = lambda _tone, _sentence: None
    """Told every sentence too, with what it is: step, proved, refused, alarm or note."""

    def elapsed_s(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self.started

    def begin(self) -> None:
        """A story begins, the first or another one."""
        self.steps, self.ended, self.started = 0, False, time.monotonic()

    def step(self, title: str) -> None:
        """Open the next numbered step."""
        self.steps += 1
        self.console.print(f"\n[bold]{self.steps:>2}  {title}[/bold]  [dim]{self.elapsed_s():.0f} s[/dim]")
        self.heard("step", title)

    def proved(self, sentence: str) -> None:
        """A fact that the system has just shown to hold."""
        self.console.print(f"    [green]✓[/green] {sentence}")
        self.heard("proved", sentence)

    def refused(self, sentence: str) -> None:
        """An act that the system refused by name, as it must."""
        self.console.print(f"    [yellow]⊘[/yellow] {sentence}")
        self.heard("refused", sentence)

    def alarm(self, sentence: str) -> None:
        """Something a person at the bank must see."""
        self.console.print(f"    [bold red]![/bold red] {sentence}")
        self.heard("alarm", sentence)

    def note(self, sentence: str) -> None:
        """A sentence that explains."""
        self.console.print(f"    [dim]{sentence}[/dim]")
        self.heard("note", sentence)

    def end(self) -> None:
        """The story is told."""
        self.ended = True
        self.console.print(
            f"\n[bold green]The story is told, and all of it holds.[/bold green] {self.elapsed_s():.0f} s"
        )

    def waiting(self, sentence: str) -> "Waiting":
        """Show `sentence` while the block runs."""
        return Waiting(self.console, sentence)


class Waiting:
    """A spinner on a terminal, one quiet line elsewhere."""

    def __init__(self, console: Console, sentence: str) -> None:
        self._status = console.status(f"[dim]{sentence} …[/dim]") if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

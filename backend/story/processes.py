"""Child processes that speak JSON lines: started in order, waited for, and ended in the opposite order.

It refuses to know what the processes do; each is a program of this project, run with this very Python.
"""

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Self

from backend.errors import Unavailable

Line = dict[str, Any]
POLL_S: Final = 0.1
BACK_WITHIN_S: Final = 60


class ProcessEnded(Unavailable):
    """A part of the system stopped by itself; its log says why."""

    code = "story.process_ended"


class ProcessSilent(Unavailable):
    """A part of the system did not say in time what was waited for."""

    code = "story.process_silent"


@dataclass(slots=True)
class Process:
    """One running part; what it prints as JSON lines is kept in order, the rest goes to its log.

    Attributes:
        away: set while the part is down on purpose and will be started again.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    popen: subprocess.Popen[str] = field(init=False)
    lines: "queue.Queue[Line]" = field(default_factory=queue.Queue)
    away: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.log.write_text("", encoding="utf-8")
        self._begin()

    def kill(self) -> None:
        """End the part as a power cut would; it stays away until it is started again."""
        self.away.set()
        self.popen.kill()
        self.popen.wait()
        if self.popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.popen.stdin.close()

    def start_again(self) -> None:
        """Start the part as it was started first, on whatever it left behind."""
        self.popen.wait()
        self.lines = queue.Queue()
        self._begin()
        self.away.clear()

    def send(self, command: Line) -> None:
        """Write one JSON line to the part's standard input; one that is away is waited for.

        Raises:
            ProcessEnded: the part is gone.
        """
        deadline = time.monotonic() + BACK_WITHIN_S
        while self.away.is_set() and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if self.popen.stdin is None or self.popen.poll() is not None:
            raise self.ended()
        self.popen.stdin.write(json.dumps(command) + "\n")
        self.popen.stdin.flush()

    def tell(self, line: str) -> None:
        """Write a line to a part that reads its standard input to the end."""
        assert self.popen.stdin is not None  # noqa: S101 - opened as a pipe above
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.close()

    def wait_for(self, wanted: Callable[[Line], bool], *, within_s: float) -> Line:
        """The next line that is `wanted`; lines before it are passed over.

        Raises:
            ProcessEnded: the part ended before it said so.
            ProcessSilent: `within_s` seconds passed.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                line = self.lines.get(timeout=POLL_S)
            except queue.Empty:
                if self.has_ended() and self.lines.empty():
                    raise self.ended() from None
                continue
            if wanted(line):
                return line
        raise ProcessSilent(name=self.name, waited_s=within_s, log=self.log)

    def has_ended(self) -> bool:
        """Whether the part is gone without anybody having meant it to be."""
        return self.popen.poll() is not None and not self.away.is_set()

    def ended(self) -> ProcessEnded:
        """What there is to say of a part that is gone: how it ended, and the last line of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = lines[-1] if lines else "nothing"
        return ProcessEnded(name=self.name, code_=self.popen.poll(), said=said, log=self.log)

    def end(self) -> None:
        """Ask the part to stop; end it for good after ten seconds."""
        if self.popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.popen.stdin.close()
        self.popen.terminate()
        try:
            self.popen.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def _begin(self) -> None:
        with self.log.open("a", encoding="utf-8") as errors:
            self.popen = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=self.environment,
            )
        said = self.popen.stdout
        hearing = (said, self.lines)
        threading.Thread(target=self._listen, args=hearing, name=f"listen-{self.name}", daemon=True).start()

    def _listen(self, said: IO[str], lines: "queue.Queue[Line]") -> None:
        """Keep reading standard output until it closes; runs in a thread of its own."""
        with self.log.open("a", encoding="utf-8") as log, said:
            for text in said:
                try:
                    line = json.loads(text)
                except ValueError:
                    line = None
                if isinstance(line, dict):
                    lines.put(line)
                log.write(text)
                log.flush()


@dataclass(slots=True)
class Processes:
    """All parts of one running system; a context manager that leaves none behind."""

    logs: Path
    environment: dict[str, str]
    running: list[Process] = field(default_factory=list)

    def start(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Process:
        """Run `python -m module arguments` with its standard error in `logs/NAME.log`."""
        return self.run(name, [sys.executable, "-m", module, *arguments], environment=environment)

    def run(self, name: str, command: list[str], *, environment: Mapping[str, str] | None = None) -> Process:
        """Run any program so."""
        self.logs.mkdir(parents=True, exist_ok=True)
        told = {**self.environment, **(environment or {})}
        process = Process(name, command, told, self.logs / f"{name}.log")
        self.running.append(process)
        return process

    def named(self, name: str) -> Process:
        """The running part of that name."""
        return next(each for each in self.running if each.name == name)

    def finish(self, process: Process, *, within_s: float) -> None:
        """Wait until a part that is to end by itself has ended well.

        Raises:
            ProcessSilent: it goes on.
            ProcessEnded: it ended badly.
        """
        try:
            ended_with = process.popen.wait(timeout=within_s)
        except subprocess.TimeoutExpired as error:
            raise ProcessSilent(name=process.name, waited_s=within_s, log=process.log) from error
        self.running.remove(process)
        process.end()
        if ended_with != 0:
            raise process.ended()

    def require_alive(self) -> None:
        """Stop the story when a part has stopped.

        Raises:
            ProcessEnded: names the part and its log.
        """
        for process in self.running:
            if process.has_ended():
                raise process.ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.running):
            process.end()

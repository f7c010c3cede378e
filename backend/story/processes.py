"""Child processes that speak JSON lines: started in order, waited for, and ended in the opposite order.

It refuses to know what the processes do; each is a program of this project, run with this very Python.
"""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from backend.errors import Unavailable

Line = dict[str, Any]


class ProcessEnded(Unavailable):
    """A part of the system stopped by itself; its log says why."""

    code = "story.process_ended"


class ProcessSilent(Unavailable):
    """A part of the system did not say in time what was waited for."""

    code = "story.process_silent"


@dataclass(slots=True)
class Process:
    """One running part; what it prints as JSON lines is kept in order, the rest goes to its log."""

    name: str
    popen: subprocess.Popen[str]
    log: Path
    lines: "queue.Queue[Line]" = field(default_factory=queue.Queue)

    def send(self, command: Line) -> None:
        """Write one JSON line to the part's standard input.

        Raises:
            ProcessEnded: the part is gone.
        """
        if self.popen.stdin is None or self.popen.poll() is not None:
            raise ProcessEnded(name=self.name, log=self.log)
        self.popen.stdin.write(json.dumps(command) + "\n")
        self.popen.stdin.flush()

    def wait_for(self, wanted: Callable[[Line], bool], *, within_s: float) -> Line:
        """The next line that is `wanted`; lines before it are passed over.

        Raises:
            ProcessEnded: the part ended before it said so.
            ProcessSilent: `within_s` seconds passed.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                line = self.lines.get(timeout=0.1)
            except queue.Empty:
                if self.popen.poll() is not None and self.lines.empty():
                    raise ProcessEnded(name=self.name, code_=self.popen.returncode, log=self.log) from None
                continue
            if wanted(line):
                return line
        raise ProcessSilent(name=self.name, waited_s=within_s, log=self.log)

    def listen(self) -> None:
        """Keep reading standard output until it closes; runs in a thread of its own."""
        if self.popen.stdout is None:
            return
        with self.log.open("a", encoding="utf-8") as log, self.popen.stdout as said:
            for text in said:
                try:
                    line = json.loads(text)
                except ValueError:
                    line = None
                if isinstance(line, dict):
                    self.lines.put(line)
                log.write(text)
                log.flush()

    def end(self) -> None:
        """Ask the part to stop; end it for good after ten seconds."""
        if self.popen.stdin is not None:
            self.popen.stdin.close()
        self.popen.terminate()
        try:
            self.popen.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


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
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        with log.open("w", encoding="utf-8") as errors:
            popen = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**self.environment, **(environment or {})},
            )
        process = Process(name=name, popen=popen, log=log)
        threading.Thread(target=process.listen, name=f"listen-{name}", daemon=True).start()
        self.running.append(process)
        return process

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
            raise ProcessEnded(name=process.name, code_=ended_with, log=process.log)

    def require_alive(self) -> None:
        """Stop the story when a part has stopped.

        Raises:
            ProcessEnded: names the part and its log.
        """
        for process in self.running:
            if process.popen.poll() is not None:
                raise ProcessEnded(name=process.name, code_=process.popen.returncode, log=process.log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.running):
            process.end()

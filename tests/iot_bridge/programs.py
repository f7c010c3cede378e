"""The programs of the edge as child processes, spoken to as an operator would: files, input and output."""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Final, Self

from tests.iot_bridge.waiting import until

ROOT: Final = Path(__file__).parents[2]


class Program:
    """A running `tallystick-bridge` subcommand; its output lines are JSON objects."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "iot_bridge", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.logged: list[dict[str, Any]] = []
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self._said.put), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.logged.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def says(self, timeout_s: float = 60) -> dict[str, Any]:
        """The next line of its output."""
        try:
            return self._said.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(self.logged[-5:]) from None

    def tell(self, line: dict[str, Any]) -> None:
        """Write a line to its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def has_logged(self, event: str, **facts: Any) -> bool:
        """Whether an event with these facts is among what it logged."""
        return any({**each, "event": event, **facts} == each for each in list(self.logged))

    def wait_for(self, event: str, timeout_s: float = 60, **facts: Any) -> None:
        """Wait until it has logged an event."""
        until(lambda: self.has_logged(event, **facts) or self.process.poll() is not None, timeout_s)
        assert self.has_logged(event, **facts), self.logged[-5:]

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self._collect()

    def stop(self) -> int:
        """Ask it to end, as a service manager does; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._collect()

    def _collect(self) -> int:
        code = self.process.wait(timeout=60)
        for reader in self._readers:
            reader.join(timeout=5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        return code

    @staticmethod
    def _read(lines: IO[str], take: Any) -> None:
        for line in lines:
            try:
                take(json.loads(line))
            except json.JSONDecodeError:
                take({"event": line.rstrip()})

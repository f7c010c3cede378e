"""Run every static check, all of them even when one fails, and say at the end which ones did.

Use it through `scripts/check`, which makes the environment that this needs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECKS = {
    "lint": [str(BIN / "ruff"), "check", "--quiet", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "types": [str(BIN / "mypy"), "--no-error-summary"],
    "imports": [str(BIN / "lint-imports")],
    "docs": [sys.executable, "scripts/build_docs.py", "--check"],
    "locale": [sys.executable, "scripts/build_locale.py", "--check"],
    "artifacts": [sys.executable, "scripts/build_contracts.py", "--check"],
}


def main() -> int:
    """0 when every check holds, else 1."""
    failed = []
    for name, command in CHECKS.items():
        started = time.monotonic()
        holds = subprocess.run(command, cwd=ROOT, check=False).returncode == 0
        print(f"{'✓' if holds else '✗'} {name} ({time.monotonic() - started:.1f} s)", flush=True)
        if not holds:
            failed.append(name)
    if failed:
        print(f"✗ failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Where the project's own files are."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PRODUCT: Final = ("contracts", "iot_bridge", "backend")


def own(pattern: str, *folders: str) -> list[Path]:
    """The project's files of that pattern in these folders, relative to its root."""
    return sorted(
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).rglob(pattern)
        if "__pycache__" not in path.parts and "node_modules" not in path.parts
    )

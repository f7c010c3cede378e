"""Where media are kept: a folder in which a file's name is the SHA-256 of what it holds."""

import os
import re
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final

from iot_bridge.evidence.errors import EvidenceCorrupt, EvidenceMissing

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class EvidenceStore:
    """Media by their SHA-256. What was put is on disk before `put` returns, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        """Keep `content`; its SHA-256 as 64 lower-case hex digits. Putting it again changes nothing."""
        name = sha256(content).hexdigest()
        place = self._place(name)
        if place.exists():
            return name
        place.parent.mkdir(exist_ok=True)
        fresh = place.with_name(f".{name}.{secrets.token_hex(8)}")
        try:
            with fresh.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
        finally:
            fresh.unlink(missing_ok=True)
        _sync_folder(place.parent)
        return name

    def get(self, name: str) -> bytes:
        """The content of that SHA-256, given as hex with or without `0x`, checked again as it is read.

        Raises:
            EvidenceMissing: nothing of that SHA-256 is kept here.
            EvidenceCorrupt: what is kept has another one.
        """
        digits = name.removeprefix("0x")
        try:
            content = self._place(digits).read_bytes()
        except FileNotFoundError as error:
            raise EvidenceMissing(sha256=digits) from error
        found = sha256(content).hexdigest()
        if found != digits:
            raise EvidenceCorrupt(sha256=digits, found=found)
        return content

    def __contains__(self, name: str) -> bool:
        return self._place(name.removeprefix("0x")).exists()

    def _place(self, digits: str) -> Path:
        if not _SHA256.fullmatch(digits):
            raise EvidenceMissing(sha256=digits[:80])
        return self.folder / digits[:2] / digits


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

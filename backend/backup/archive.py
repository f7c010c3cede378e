"""The file of a backup: a tar of members, and at its end a manifest that names each with its SHA-256.

Knows neither the bank nor its databases. A file that `verify` has passed is whole.
"""

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.backup.rules import BackupDamaged, BackupExists, FormatUnknown

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
LARGEST_MANIFEST: Final = 256 * 1024 * 1024
CHUNK: Final = 1024 * 1024
_MEMBER: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}")
Tell = Callable[[str, int], None]
"""Hears the name of each member and its length, as soon as it is dealt with."""


class Member(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: int
    sha256: str


class Block(BaseModel):
    """A block of the ledger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    hash: str


class Manifest(BaseModel):
    """What a backup is of, and what is in it.

    `height` and `block` are what the copied database itself says: up to where the ledger's events were
    projected, and the newest block it keeps at or below that. `damaged` names media that were left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    made_at: datetime
    bank: str
    database: Literal["sqlite", "postgresql"]
    revision: str
    chain_id: int
    contracts: dict[str, str]
    height: int | None
    block: Block | None
    rows: dict[str, int]
    damaged: list[str] = []
    members: dict[str, Member]


class Writer:
    """Puts members into a new archive, one after the other, and remembers each one's hash."""

    def __init__(self, archive: tarfile.TarFile, tell: Tell) -> None:
        self._archive = archive
        self._tell = tell
        self.members: dict[str, Member] = {}

    def add(self, name: str, source: Path) -> None:
        """Put a file in under a name."""
        size = source.stat().st_size
        with source.open("rb") as opened:
            hashed = _Hashed(opened)
            self._archive.addfile(_entry(name, size), hashed)
        self.members[name] = Member(bytes=size, sha256=hashed.digest.hexdigest())
        self._tell(name, size)

    def close(self, manifest: Manifest) -> None:
        """Put the manifest at the end."""
        text = manifest.model_dump_json(indent=1).encode()
        self._archive.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))


class _Hashed(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        chunk = self._source.read(size)
        self.digest.update(chunk)
        return chunk


@contextmanager
def writing(out: Path, tell: Tell) -> Iterator[tuple[Writer, Path]]:
    """A writer, and a folder for what is copied meanwhile; `out` appears whole at the end, or not at all.

    Raises:
        BackupExists: the file is there already.
    """
    if out.exists():
        raise BackupExists(file=str(out))
    room = out.with_name(f".{out.name}.making")
    shutil.rmtree(room, ignore_errors=True)  # one that was killed left it
    room.mkdir(parents=True, mode=0o700)
    try:
        fresh = room / "archive"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                yield Writer(archive, tell), room
            file.flush()
            os.fsync(file.fileno())
        if out.exists():
            raise BackupExists(file=str(out))
        fresh.rename(out)
        sync(out.parent)
    finally:
        shutil.rmtree(room, ignore_errors=True)


class Archive:
    """A backup that has been read through once and is what its manifest says."""

    def __init__(self, file: Path, manifest: Manifest) -> None:
        self.file = file
        self.manifest = manifest

    @classmethod
    def verify(cls, file: Path, tell: Tell) -> Self:
        """Read the whole file and compare every member with the manifest.

        Raises:
            BackupDamaged: it is no backup, or a member is missing, too many, or not what it was.
            FormatUnknown: another version made it.
        """
        found: dict[str, Member] = {}
        manifest: Manifest | None = None
        for name, stream, size in _members(file):
            if name == MANIFEST:
                manifest = _manifest(stream.read(LARGEST_MANIFEST))
                continue
            found[name] = Member(bytes=size, sha256=copy(stream, None))
            tell(name, size)
        if manifest is None:
            raise BackupDamaged(file=str(file), why="it ends before its manifest")
        wrong = sorted(
            name for name in found.keys() | manifest.members if found.get(name) != manifest.members.get(name)
        )
        if wrong:
            raise BackupDamaged(file=str(file), members=", ".join(wrong[:10]))
        return cls(file, manifest)

    def unpack(self, place: Callable[[str], Path | None], tell: Tell) -> None:
        """Write each member where `place` says, durably; one for which it says None is passed over.

        Raises:
            BackupDamaged: a member has changed since the file was verified.
        """
        for name, stream, size in _members(self.file):
            target = None if name == MANIFEST else place(name)
            if target is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.restoring")
            with os.fdopen(_made_private(fresh), "wb") as file:
                digest = copy(stream, file)
                file.flush()
                os.fsync(file.fileno())
            if digest != self.manifest.members[name].sha256:
                raise BackupDamaged(file=str(self.file), members=name)
            fresh.rename(target)
            sync(target.parent)
            tell(name, size)

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """One member's bytes."""
        with tarfile.open(self.file, "r:") as archive:
            stream = archive.extractfile(name)
            if stream is None:
                raise BackupDamaged(file=str(self.file), members=name)
            yield stream


def copy(source: IO[bytes], target: IO[bytes] | None) -> str:
    """Copy all that is left of `source`; its SHA-256 in hex."""
    digest = sha256()
    while chunk := _next(source):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest()


def _next(source: IO[bytes]) -> bytes:
    try:
        return source.read(CHUNK)
    except tarfile.TarError as error:  # the file ends within a member
        raise BackupDamaged(why=str(error)) from error


def sync(folder: Path) -> None:
    """Have the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _members(file: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    """Each member once, in order; only plain files with the names that a backup gives."""
    seen: set[str] = set()
    try:
        with tarfile.open(file, "r:") as archive:
            for entry in archive:
                stream = archive.extractfile(entry) if entry.isreg() else None
                if stream is None or entry.name in seen or not _MEMBER.fullmatch(entry.name):
                    raise BackupDamaged(file=str(file), members=entry.name[:200])
                seen.add(entry.name)
                yield entry.name, stream, entry.size
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupDamaged(file=str(file), why=str(error)) from error


def _manifest(text: bytes) -> Manifest:
    try:
        raw = json.loads(text)
        found = raw["format"]
        if found != FORMAT:
            raise FormatUnknown(found=str(found)[:40], known=FORMAT)
        return Manifest.model_validate(raw)
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise BackupDamaged(members=MANIFEST, why=type(error).__name__) from error


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _made_private(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

"""Make a backup while the bank runs, and restore one where there is no bank. Neither asks the ledger.

What a later member refers to is in an earlier one or newer than it: database, outgoing book, rail, media.
"""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, make_url
from sqlmodel import Session

from backend.backup import snapshots
from backend.backup.archive import Archive, Block, Manifest, Tell, Writer, sync, writing
from backend.backup.rules import (
    DatabaseOutside,
    NothingToBackUp,
    OtherBank,
    OtherDatabaseKind,
    OtherSchema,
    TargetNotEmpty,
)
from backend.backup.tables import ReconciliationRow
from backend.db import from_hex, naming_troubles, open_database, transaction
from backend.migrations import config_for, upgrade
from backend.notices.actions import announce_restored
from backend.settings import Settings
from contracts.deploy import Deployment

DATABASE: Final = "database.sqlite"
TABLES: Final = "database"
BOOK: Final = "outgoing.sqlite"
RAIL: Final = "rail.sqlite"
DEPLOYMENT: Final = "deployment.json"
MEDIA: Final = "media"
DOCUMENTS: Final = "documents"
KEYS: Final = "keys"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def back_up(settings: Settings, out: Path, *, with_keys: bool, now: datetime, tell: Tell) -> Manifest:
    """Write a backup of the bank, which may be at work; the manifest that is in it.

    Args:
        settings: the bank.
        out: the file, which must not be there.
        with_keys: whether the encrypted keyfiles go with it.
        now: when it is made.
        tell: hears of each member.

    Raises:
        BackupExists: the file is there already.
        NothingToBackUp: the bank has no database.
        DatabaseUnavailable: the database does not answer.
    """
    deployment = Deployment.load(settings.deployment)
    kind = kind_of(settings)
    with writing(out, tell) as (writer, room):
        facts = _add_database(settings, writer, room)
        for name, file in ((BOOK, settings.data / BOOK), (RAIL, settings.rail_file())):
            if file.exists():
                snapshots.copy_sqlite(file, room / name)
                writer.add(name, room / name)
                (room / name).unlink()
        damaged = [
            name
            for folder, under in ((MEDIA, settings.media()), (DOCUMENTS, settings.data / DOCUMENTS))
            for name in _add_media(writer, folder, under)
        ]
        writer.add(DEPLOYMENT, settings.deployment)
        if with_keys:
            for file in sorted(settings.keystore.glob("*.json")):
                writer.add(f"{KEYS}/{file.name}", file)
        manifest = Manifest(
            made_at=now,
            bank=settings.bank,
            database=kind,
            revision=facts.revision,
            chain_id=deployment.chain_id,
            contracts=deployment.addresses,
            height=facts.height,
            block=None if facts.block is None else Block(number=facts.block[0], hash=facts.block[1]),
            rows=facts.rows,
            damaged=damaged,
            members=writer.members,
        )
        writer.close(manifest)
    return manifest


def restore(settings: Settings, file: Path, *, rail: Path | None, now: datetime, tell: Tell) -> Manifest:
    """Put a bank back from a backup, read-only until it is reconciled; the backup's manifest.

    The bank appears with one rename; a kill before it leaves a staging folder, which the next call removes.

    Args:
        settings: where the bank is to be.
        file: the backup.
        rail: the sandbox rail's own file where that outlived the bank, in place of the backup's.
        now: when it is restored.
        tell: hears of each member as it is read and as it is written.

    Raises:
        BackupDamaged: or `FormatUnknown`, `OtherSchema`, `OtherDatabaseKind`, `OtherBank`: the file is not
            one that can be restored here.
        TargetNotEmpty: or `DatabaseOutside`: the place is not one that can be restored to.
    """
    target = settings.data.absolute()
    _require_room(settings, target)
    archive = Archive.verify(file, tell)
    manifest = archive.manifest
    _require_fitting(settings, archive)
    staging = target.with_name(f".{target.name}.restoring")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True, mode=0o700)
    archive.unpack(lambda name: _place(settings, target, staging, name), tell)
    if rail is not None:
        (staging / RAIL).unlink(missing_ok=True)
        snapshots.copy_sqlite(rail, staging / RAIL)
    mark = ReconciliationRow(
        restored_at=now,
        height=manifest.height,
        block_number=None if manifest.block is None else manifest.block.number,
        block_hash=None if manifest.block is None else from_hex(manifest.block.hash),
    )
    if manifest.database == "sqlite":
        _mark_sqlite(staging / _database_file(settings).relative_to(target), mark)
    _sync_tree(staging)
    if manifest.database == "postgresql":
        _fill_postgresql(settings, archive, mark, tell)
    staging.rename(target)
    sync(target.parent)
    return manifest


def kind_of(settings: Settings) -> Literal["sqlite", "postgresql"]:
    """Which kind of database the bank has."""
    return "sqlite" if make_url(settings.database()).get_backend_name() == "sqlite" else "postgresql"


def _add_database(settings: Settings, writer: Writer, room: Path) -> snapshots.Facts:
    if kind_of(settings) == "sqlite":
        live = _database_file(settings)
        if not live.exists():
            raise NothingToBackUp(file=str(live))
        copy = room / DATABASE
        snapshots.copy_sqlite(live, copy)
        facts = snapshots.facts_of_sqlite(copy)
        writer.add(DATABASE, copy)
        copy.unlink()
        return facts
    engine = open_database(settings.database())
    try:
        return snapshots.copy_postgresql(
            engine, room, lambda table, rows: writer.add(f"{TABLES}/{table}.copy", rows)
        )
    finally:
        engine.dispose()


def _add_media(writer: Writer, folder: str, under: Path) -> Iterator[str]:
    """Put every file of a store in; gives the names of those that are not what their name says."""
    for file in sorted(under.glob("*/*")):
        if not _DIGEST.fullmatch(file.name) or file.parent.name != file.name[:2]:
            continue
        with file.open("rb") as opened:
            digest = sha256()
            while chunk := opened.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != file.name:
            yield f"{folder}/{file.parent.name}/{file.name}"
            continue
        writer.add(f"{folder}/{file.parent.name}/{file.name}", file)


def _require_room(settings: Settings, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TargetNotEmpty(folder=str(target))
    if kind_of(settings) == "sqlite":
        if not _database_file(settings).is_relative_to(target):
            raise DatabaseOutside(file=str(_database_file(settings)), folder=str(target))
        return
    engine = open_database(settings.database())
    try:
        with naming_troubles(), engine.connect() as connection:
            if not snapshots.is_empty(connection):
                raise TargetNotEmpty(database=engine.url.database)
    finally:
        engine.dispose()


def _require_fitting(settings: Settings, archive: Archive) -> None:
    """Refuse a backup that is whole and yet not one for this place."""
    manifest = archive.manifest
    if manifest.database != kind_of(settings):
        raise OtherDatabaseKind(backup=manifest.database, here=kind_of(settings))
    needed = ScriptDirectory.from_config(config_for()).get_current_head()
    if manifest.revision != needed:
        raise OtherSchema(backup=manifest.revision, here=needed)
    if manifest.bank != settings.bank:
        raise OtherBank(backup=manifest.bank, here=settings.bank)
    if settings.deployment.exists():
        here = Deployment.load(settings.deployment)
        if (here.chain_id, here.addresses) != (manifest.chain_id, manifest.contracts):
            raise OtherBank(backup_chain=manifest.chain_id, deployment=str(settings.deployment))
    for name in manifest.members:
        folder, _, file = name.partition("/")
        kept = settings.keystore / file
        if folder == KEYS and kept.exists():
            with archive.reading(name) as stream:
                if stream.read() != kept.read_bytes():
                    raise TargetNotEmpty(key=file)


def _place(settings: Settings, target: Path, staging: Path, name: str) -> Path | None:
    """Where a member goes: into the staging folder, unless the settings keep its kind elsewhere."""
    folder, _, rest = name.partition("/")
    final = {
        DATABASE: _database_file(settings) if kind_of(settings) == "sqlite" else target,
        BOOK: target / BOOK,
        RAIL: settings.rail_file().absolute(),
        DEPLOYMENT: settings.deployment.absolute(),
        MEDIA: settings.media().absolute() / rest,
        DOCUMENTS: target / DOCUMENTS / rest,
        KEYS: settings.keystore.absolute() / rest,
    }
    if folder not in final:
        return None  # a table of PostgreSQL
    place = final[folder]
    if place.is_relative_to(target):
        return staging / place.relative_to(target)
    return None if place.exists() else place


def _mark_sqlite(file: Path, mark: ReconciliationRow) -> None:
    engine = open_database(f"sqlite:///{file}")
    with transaction(engine) as session:
        _say_restored(session, mark)
        session.add(mark)
    engine.dispose()


def _say_restored(session: Session, mark: ReconciliationRow) -> None:
    announce_restored(session, facts={"height": mark.height}, at=mark.restored_at)


def _fill_postgresql(settings: Settings, archive: Archive, mark: ReconciliationRow, tell: Tell) -> None:
    """Make the tables, then fill them and set the mark in one transaction."""
    engine: Engine = open_database(settings.database())
    try:
        upgrade(engine)
        with naming_troubles(), Session(engine) as session, session.begin():
            connection = session.connection()
            columns = snapshots.columns_of(connection)
            for table in snapshots.tables_in_order(connection):
                name = f"{TABLES}/{table}.copy"
                with archive.reading(name) as rows:
                    snapshots.fill_postgresql(connection, table, columns[table], rows)
                tell(name, archive.manifest.members[name].bytes)
            _say_restored(session, mark)
            snapshots.set_counters(connection)
            session.add(mark)
    finally:
        engine.dispose()


def _database_file(settings: Settings) -> Path:
    return Path(str(make_url(settings.database()).database)).absolute()


def _sync_tree(folder: Path) -> None:
    for path, _, files in os.walk(folder):
        for name in files:
            with (Path(path) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync(Path(path))

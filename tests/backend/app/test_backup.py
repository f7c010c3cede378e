"""A bank that was backed up while it lived is put back elsewhere, and only reads until it is reconciled."""

import io
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.app import Bank
from backend.app.api import create_api
from backend.app.serving import Service
from backend.backup.archive import Archive, Manifest
from backend.backup.copying import back_up, restore
from backend.backup.rules import (
    BackupDamaged,
    BackupExists,
    DatabaseOutside,
    FormatUnknown,
    NothingToBackUp,
    NotReconciled,
    OtherBank,
    OtherDatabaseKind,
    OtherSchema,
    TargetNotEmpty,
)
from backend.backup.tables import standing_marks
from backend.db import from_hex, reading
from backend.settings import Settings
from contracts.deploy import Deployment
from iot_bridge.evidence.store import EvidenceStore
from tests.backend.app.conftest import World
from tests.backend.app.test_a_receipt_lives import arrive, ask
from tests.backend.app.test_serving import ROOT, environment
from tests.support.projections import PROJECTED, contents


def quietly(_name: str, _size: int) -> None:
    """Nobody watches."""


def made(world: World, out: Path) -> Manifest:
    return back_up(world.bank.settings, out, with_keys=False, now=world.bank.wall.now(), tell=quietly)


def put_back(settings: Settings, file: Path, world: World) -> Manifest:
    return restore(settings, file, rail=None, now=world.bank.wall.now(), tell=quietly)


@pytest.fixture
def lived(world: World) -> World:
    """A bank with goods, a request on the ledger, media, and an outgoing book."""
    arrive(world)
    ask(world)
    EvidenceStore(world.bank.settings.media()).put(b"a still of the gate")
    return world


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """The same bank's settings, on a folder that is not there yet."""
    return settings.model_copy(update={"data": tmp_path / "elsewhere" / "bank"})


def test_a_restored_bank_is_the_one_that_was_backed_up(
    lived: World, elsewhere: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "bank.tar"
    manifest = made(lived, file)
    assert file.stat().st_mode & 0o777 == 0o600
    cursor = lived.look(
        lambda session: (
            session.connection().exec_driver_sql("SELECT projected FROM ledger_cursor").scalar_one()
        )
    )
    assert manifest.height == cursor
    assert manifest.block is not None
    assert manifest.block.number <= cursor
    assert not any(name.startswith("keys/") for name in manifest.members)
    assert put_back(elsewhere, file, lived) == manifest
    there = Bank.without_ledger(elsewhere)
    for table in PROJECTED:
        assert contents(there.engine, table) == contents(lived.bank.engine, table)
    with reading(there.engine) as session:
        (mark,) = standing_marks(session)
    assert (mark.height, mark.block_hash) == (manifest.height, from_hex(manifest.block.hash))
    digest = sha256(b"a still of the gate").hexdigest()
    assert EvidenceStore(elsewhere.media()).get(digest) == b"a still of the gate"
    acts = [
        sqlite3.connect(each.data / "outgoing.sqlite").execute("SELECT * FROM act").fetchall()
        for each in (elsewhere, lived.bank.settings)
    ]
    assert acts[0] == acts[1] != []
    assert not list(elsewhere.data.parent.glob(".*"))
    there.engine.dispose()


def test_a_restored_bank_only_reads_and_says_so(lived: World, elsewhere: Settings, tmp_path: Path) -> None:
    made(lived, tmp_path / "bank.tar")
    put_back(elsewhere, tmp_path / "bank.tar", lived)
    there = Bank.without_ledger(elsewhere)
    with TestClient(create_api(there)) as api:
        refused = api.post("/v1/products", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, NotReconciled.code)
        assert api.post("/v1/sessions", json={}).json()["code"] != NotReconciled.code
        assert api.get("/v1/receipts").status_code == 401
        checks = {each["name"]: each["why"] for each in api.get("/readyz").json()["checks"]}
        assert checks["reconciled"] == NotReconciled.code
    with pytest.raises(NotReconciled):
        Service(there).start()
    there.engine.dispose()


def test_a_backup_is_consistent_while_the_bank_goes_on_writing(lived: World, tmp_path: Path) -> None:
    during: list[str] = []

    def goes_on(name: str, _size: int) -> None:
        during.append(name)
        lived.settle(1)

    now = lived.bank.wall.now()
    manifest = back_up(lived.bank.settings, tmp_path / "b.tar", with_keys=True, now=now, tell=goes_on)
    assert during[:2] == ["database.sqlite", "outgoing.sqlite"]
    assert Archive.verify(tmp_path / "b.tar", quietly).manifest == manifest
    assert any(name.startswith("keys/") for name in manifest.members)
    with pytest.raises(BackupExists):
        made(lived, tmp_path / "b.tar")


def test_media_that_are_not_what_their_name_says_are_named_and_left_out(lived: World, tmp_path: Path) -> None:
    store = EvidenceStore(lived.bank.settings.media())
    digest = store.put(b"whole")
    (store.folder / digest[:2] / digest).write_bytes(b"rotten")
    assert made(lived, tmp_path / "b.tar").damaged == [f"media/{digest[:2]}/{digest}"]


def altered(file: Path, out: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of the archive in which each member is what `change` makes of it; None leaves it out."""
    with tarfile.open(file) as old, tarfile.open(out, "w") as new:
        for entry in old:
            stream = old.extractfile(entry)
            assert stream is not None
            content = change(entry.name, stream.read())
            if content is not None:
                entry.size = len(content)
                new.addfile(entry, io.BytesIO(content))
    return out


def test_what_is_not_whole_is_not_restored(lived: World, elsewhere: Settings, tmp_path: Path) -> None:
    file, bad = tmp_path / "bank.tar", tmp_path / "bad.tar"
    manifest = made(lived, file)
    flips: list[Callable[[str, bytes], bytes | None]] = [
        lambda name, text, each=each: bytes([text[0] ^ 1]) + text[1:] if name == each else text  # type: ignore[misc]
        for each in manifest.members
    ]
    flips.append(lambda name, text: None if name == "outgoing.sqlite" else text)
    flips.append(lambda name, text: None if name == "manifest.json" else text)
    for flip in flips:
        with pytest.raises(BackupDamaged):
            put_back(elsewhere, altered(file, bad, flip), lived)
    bad.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BackupDamaged):
        put_back(elsewhere, bad, lived)
    assert not elsewhere.data.parent.exists()


def test_what_belongs_elsewhere_is_refused_by_name(lived: World, elsewhere: Settings, tmp_path: Path) -> None:
    file, bad = tmp_path / "bank.tar", tmp_path / "bad.tar"
    made(lived, file)

    def says(old: bytes, new: bytes) -> Path:
        return altered(
            file, bad, lambda name, text: text.replace(old, new, 1) if name == "manifest.json" else text
        )

    with pytest.raises(FormatUnknown):
        put_back(elsewhere, says(b'"format": 1', b'"format": 9'), lived)
    with pytest.raises(OtherSchema):
        put_back(elsewhere, says(b'"revision": "', b'"revision": "0'), lived)
    with pytest.raises(OtherDatabaseKind):
        put_back(elsewhere, says(b'"sqlite"', b'"postgresql"'), lived)
    with pytest.raises(OtherBank):
        put_back(elsewhere.model_copy(update={"bank": "another.bank"}), file, lived)
    outside = f"sqlite:///{tmp_path / 'outside.sqlite'}"
    with pytest.raises(DatabaseOutside):
        put_back(elsewhere.model_copy(update={"database_url": outside}), file, lived)
    here = Deployment.load(elsewhere.deployment)
    Deployment(here.chain_id + 1, here.block, here.addresses).save(elsewhere.deployment)
    with pytest.raises(OtherBank):
        put_back(elsewhere, file, lived)
    with pytest.raises(NothingToBackUp):
        back_up(elsewhere, bad.with_name("n.tar"), with_keys=False, now=lived.bank.wall.now(), tell=quietly)


def test_a_bank_is_restored_only_where_there_is_none(
    lived: World, elsewhere: Settings, tmp_path: Path
) -> None:
    made(lived, tmp_path / "bank.tar")
    with pytest.raises(TargetNotEmpty):
        put_back(lived.bank.settings, tmp_path / "bank.tar", lived)
    elsewhere.data.mkdir(parents=True)
    put_back(elsewhere, tmp_path / "bank.tar", lived)
    with pytest.raises(TargetNotEmpty):
        put_back(elsewhere, tmp_path / "bank.tar", lived)


def test_a_restore_that_is_killed_leaves_nothing_that_looks_like_a_bank(
    lived: World, elsewhere: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "bank.tar"
    store = EvidenceStore(lived.bank.settings.media())
    for number in range(300):
        store.put(number.to_bytes(4, "big") * 1000)
    made(lived, file)
    staging = elsewhere.data.with_name(f".{elsewhere.data.name}.restoring")
    command = [sys.executable, "-m", "backend.cli", "restore", str(file)]
    restoring = subprocess.Popen(
        command, cwd=ROOT, env=environment(elsewhere), stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    give_up = time.monotonic() + 60
    while not (staging / "evidence").exists() and time.monotonic() < give_up:
        time.sleep(0.002)
    os.kill(restoring.pid, signal.SIGKILL)
    restoring.communicate(timeout=30)
    assert staging.exists()
    assert not elsewhere.data.exists()
    put_back(elsewhere, file, lived)
    assert not staging.exists()
    assert (elsewhere.data / "bank.sqlite").exists()

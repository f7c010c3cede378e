"""An installation starts only on settings that somebody chose."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.settings import Settings

CHOSEN = {
    "LEDGER_URL": "http://127.0.0.1:8545",
    "DEPLOYMENT": "deployment.json",
    "KEYSTORE": "keys",
    "KEYSTORE_PASSWORD": "a long phrase of one's own",
    "BANK": "bank.first",
    "WITNESS_SIGNER": "bank.witness",
    "DATA": "var/bank",
    "RAIL": "sandbox",
}


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CHOSEN.items():
        monkeypatch.setenv(f"TALLYSTICK_{name}", value)


def test_settings_come_from_the_environment(chosen: None) -> None:
    assert Settings().bank == "bank.first"
    assert Settings().database() == f"sqlite:///{Path('var/bank/bank.sqlite')}"


def test_a_secret_never_shows_when_settings_are_printed(chosen: None) -> None:
    assert "phrase" not in repr(Settings())


@pytest.mark.parametrize("missing", ["KEYSTORE_PASSWORD", "BANK", "LEDGER_URL", "RAIL"])
def test_nothing_secret_or_deciding_has_a_default(
    chosen: None, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(f"TALLYSTICK_{missing}")
    with pytest.raises(ValidationError, match=missing.lower()):
        Settings()


@pytest.mark.parametrize("example", ["", "changeme", "Secret"])
def test_an_example_secret_is_refused(chosen: None, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    monkeypatch.setenv("TALLYSTICK_KEYSTORE_PASSWORD", example)
    with pytest.raises(ValidationError, match="example value"):
        Settings()

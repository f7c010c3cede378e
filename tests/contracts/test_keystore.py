"""Keys are kept encrypted, never overwritten, and opened by their one password only."""

from pathlib import Path

import pytest
from eth_account import Account

from contracts.keystore import KeyExists, KeyNotOpened, Keystore, KeyUnknown


def test_a_key_is_the_one_behind_its_address_and_its_file_does_not_hold_it_in_clear(tmp_path: Path) -> None:
    keys = Keystore(tmp_path / "keys", "a long password")
    address = keys.create("lake-bank")
    secret = keys.key("lake-bank")
    assert Account.from_key(secret).address == address == keys.address("lake-bank")
    file = tmp_path / "keys" / "lake-bank.json"
    assert secret.hex() not in file.read_text("ascii").lower()
    assert file.stat().st_mode & 0o077 == 0
    assert Keystore(tmp_path / "keys", "a long password").key("lake-bank") == secret


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    keys = Keystore(tmp_path, "a long password")
    keys.create("lake-bank")
    secret = keys.key("lake-bank")
    with pytest.raises(KeyExists):
        keys.create("lake-bank")
    assert Keystore(tmp_path, "a long password").key("lake-bank") == secret
    assert keys.ensure(["lake-bank"]) == {"lake-bank": keys.address("lake-bank")}


def test_another_password_or_another_file_opens_nothing(tmp_path: Path) -> None:
    Keystore(tmp_path, "a long password").create("lake-bank")
    with pytest.raises(KeyNotOpened):
        Keystore(tmp_path, "another password").key("lake-bank")
    (tmp_path / "no-key.json").write_text("{}", encoding="ascii")
    with pytest.raises(KeyNotOpened):
        Keystore(tmp_path, "a long password").key("no-key")


def test_a_name_without_a_key_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(KeyUnknown):
        Keystore(tmp_path, "a long password").key("nobody")

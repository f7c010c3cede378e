"""What a configuration may say, and that nothing secret shows when it says something else."""

import json
from pathlib import Path
from typing import Any

import pytest

from iot_bridge.settings import BridgeSettings, ConfigRefused, WeighbridgeSettings

GIVEN: dict[str, Any] = {
    "site": "wuxi-yard-1",
    "data": "data",
    "ledger_url": "http://127.0.0.1:8545",
    "deployment": "deployment.json",
    "keystore": "keys",
    "keystore_password": "quite a sentence",
    "bridge_key": "bridge",
    "acknowledger": "0x" + "a" * 40,
}
CAMERA: dict[str, Any] = {
    "device": "gate-cam-1",
    "source": "rtsp://camera/1",
    "line": "480,60,480,540",
    "directions": {"right": "in", "left": "out"},
}


def saved(folder: Path, *without: str, **changed: Any) -> Path:
    file = folder / "bridge.json"
    said = {name: value for name, value in {**GIVEN, **changed}.items() if name not in without}
    file.write_text(json.dumps(said), encoding="utf-8")
    return file


def test_json_and_toml_say_the_same(tmp_path: Path) -> None:
    toml = tmp_path / "bridge.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in GIVEN.items()]
    toml.write_text(
        "\n".join(
            [
                *lines,
                "[[cameras]]",
                'device = "gate-cam-1"',
                'source = "yard"',
                'line = "480,60,480,540"',
                "[cameras.directions]",
                'right = "in"',
            ]
        ),
        "utf-8",
    )
    found = BridgeSettings.load(toml)
    assert found.cameras[0].directions == {"right": "in"}
    camera = {**CAMERA, "source": "yard", "directions": {"right": "in"}}
    assert found == BridgeSettings.load(saved(tmp_path, cameras=[camera]))
    assert found.media() == Path("data/evidence")
    assert found.advice_folder() == Path("data/advices")


def test_the_environment_stands_above_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_BRIDGE_BROKER_PORT", "18831")
    assert BridgeSettings.load(saved(tmp_path, broker_port=1)).broker_port == 18_831


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_what_has_no_default_must_be_given(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        BridgeSettings.load(saved(tmp_path, name))
    assert refused.value.facts["field"] == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"site": "Wuxi"},
        {"keystore_password": "changeme"},
        {"keystore_password": ""},
        {"acknowledger": "0x12"},
        {"broker_ca": "ca.pem"},
        {"broker_ca": "ca.pem", "broker_certificate": "bridge.pem"},
        {"colour": "red"},
        {"cameras": [{**CAMERA, "line": "480,60"}]},
        {"cameras": [{**CAMERA, "directions": {"sideways": "in"}}]},
        {"cameras": [{**CAMERA, "zoom": 2}]},
        {"devices": [{"device": "scale-1", "address": "0x" + "1" * 40, "kinds": ["weigh.rumour"]}]},
        {"fusion": {"device": "fusion-1"}},
        {"fusion": {"device": "fusion-1", "window_s": 601}, "fingerprint_key": "00" * 32},
        {"fingerprint_key": "00" * 31},
        {"fingerprint_key": "no hex"},
        {"broker_port": 0},
        {"anchor_every_s": 0},
    ],
)
def test_a_value_that_may_not_be_is_refused_without_showing_secrets(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigRefused) as refused:
        BridgeSettings.load(saved(tmp_path, **wrong))
    assert "quite a sentence" not in str(refused.value)
    assert "no hex" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "site = ", "{"])
def test_a_file_that_cannot_be_read_as_settings_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bridge.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigRefused):
        BridgeSettings.load(file)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused) as refused:
        WeighbridgeSettings.load(tmp_path / "nowhere.toml")
    assert "nowhere.toml" in str(refused.value)

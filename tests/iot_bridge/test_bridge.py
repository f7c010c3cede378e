"""The whole edge as its own programs: pictures and readings in; statements, heads and movements out."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from eth_account import Account

from contracts.keystore import SCRYPT_N
from iot_bridge.evidence.body import require_body
from iot_bridge.evidence.fingerprint import fingerprint
from iot_bridge.evidence.message import StatementMessage
from iot_bridge.evidence.signature import LocalKey
from iot_bridge.evidence.statement import Statement
from iot_bridge.evidence.store import EvidenceStore
from iot_bridge.link import BrokerAddress
from tests.iot_bridge.bank import ListeningBank
from tests.iot_bridge.edge import BANK, CAMERA, FUSION, SCALE, SITE
from tests.iot_bridge.gate_pictures import DIRECTIONS, LINE, GateInFront
from tests.iot_bridge.programs import Program
from tests.iot_bridge.site_on_ledger import SiteOnLedger
from tests.iot_bridge.waiting import until
from tests.support.ledger import LedgerInTests
from tests.support.ledger_life import BRIDGE

PASSWORD: Final = "a long enough sentence for tests"  # noqa: S105 - of keys made for this test
NETWORK_KEY: Final = bytes(range(32))
COIL: Final = fingerprint(mill="Baosteel", heat="H24-1187", coil="C0001", key=NETWORK_KEY)
ADVICE: Final = "tag,mill,heat,coil,mass_kg\n7,Baosteel,H24-1187,C0001,23940\n"
READING: Final = {"gross_kg": 39_120, "tare_kg": 15_180}


@dataclass
class Installation:
    """A site's folder with everything its programs are told, and what stands around them."""

    folder: Path
    site: SiteOnLedger
    broker: BrokerAddress
    gate: GateInFront
    bank: ListeningBank
    keys: dict[str, bytes] = field(default_factory=dict)

    @property
    def config(self) -> str:
        """The bridge's configuration file."""
        return str(self.folder / "bridge.json")

    def write(self) -> None:
        """Write the configurations, the deployment and the keyfiles."""
        key = self.site.ledger.chain.key(BRIDGE)
        self.site.ledger.deployment.save(self.folder / "deployment.json")
        for name, secret in {"bridge": key, **self.keys}.items():
            keyfile(self.folder / "keys", name, secret)
        shared: dict[str, Any] = {
            "site": SITE,
            "ledger_url": self.site.chain.url,
            "deployment": str(self.folder / "deployment.json"),
            "keystore": str(self.folder / "keys"),
            "keystore_password": PASSWORD,
            "broker_port": self.broker.port,
        }
        bridge = {
            **shared,
            "data": str(self.folder / "bridge"),
            "bridge_key": "bridge",
            "acknowledger": BANK.address,
            "cameras": [
                {
                    "device": CAMERA.name,
                    "source": str(self.folder / "pictures"),
                    "line": LINE,
                    "directions": DIRECTIONS,
                }
            ],
            "devices": [
                {
                    "device": SCALE.name,
                    "address": SCALE.signer.address,
                    "kinds": ["weigh.ticket", "device.health"],
                }
            ],
            "fusion": {"device": FUSION.name},
            "fingerprint_key": NETWORK_KEY.hex(),
            "health_every_s": 2,
        }
        scale = {
            **shared,
            "data": str(self.folder / "scale"),
            "device": SCALE.name,
            "bridge": LocalKey(key).address,
        }
        (self.folder / "bridge.json").write_text(json.dumps(bridge), encoding="utf-8")
        (self.folder / "scale.json").write_text(json.dumps(scale), encoding="utf-8")

    def advise(self, text: str = ADVICE) -> None:
        """Drop an advice as the warehouse's own system does."""
        advices = self.folder / "bridge" / "advices"
        advices.mkdir(parents=True, exist_ok=True)
        (advices / "today.part").write_text(text, encoding="utf-8")
        os.utime(advices / "today.part", (1, 1))
        (advices / "today.part").rename(advices / "today.csv")

    def heard(self, kind: str) -> list[Statement]:
        """What the bank heard of a kind, each once, in the order of the log."""
        said = sorted(self.bank.different(), key=lambda message: message.index or 0)
        return [message.signed().statement for message in said if message.signed().statement.kind == kind]

    def message(self, kind: str) -> StatementMessage:
        """The first message of a kind."""
        return next(each for each in self.bank.different() if each.signed().statement.kind == kind)


def keyfile(folder: Path, name: str, secret: bytes) -> None:
    folder.mkdir(exist_ok=True)
    made = Account.encrypt(secret, PASSWORD, kdf="scrypt", iterations=SCRYPT_N)
    (folder / f"{name}.json").write_text(json.dumps(made), encoding="ascii")


@pytest.fixture
def installation(chain: LedgerInTests, broker: BrokerAddress, tmp_path: Path) -> Iterator[Installation]:
    site = SiteOnLedger.on(chain)
    bank = ListeningBank(broker, domain=site.domain)
    gate = GateInFront(tmp_path / "pictures")
    keys = {CAMERA.name: b"\x01" * 32, SCALE.name: b"\x02" * 32, FUSION.name: b"\x03" * 32}
    found = Installation(tmp_path, site, broker, gate, bank, keys)
    found.write()
    yield found
    gate.stop()
    bank.close()


@pytest.mark.timeout(280)
def test_a_coil_that_enters_over_the_scale_becomes_a_movement_on_the_ledger(
    installation: Installation,
) -> None:
    with (
        Program("run", "--config", installation.config) as bridge,
        Program("weighbridge", "--config", str(installation.folder / "scale.json")) as scale,
    ):
        assert bridge.says() == {"bridge": SITE, "size": 1}
        bridge.wait_for("bridge_started")
        installation.advise()
        until(lambda: bridge.has_logged("advice_taken"))
        until(lambda: installation.heard("device.health") != [])
        installation.gate.cross("right", 7)
        until(lambda: installation.heard("gate.crossing") != [])
        scale.tell(READING)
        assert scale.says()["net_kg"] == 23_940
        assert scale.says() == {"acknowledged": 1}
        until(lambda: installation.heard("movement.in") != [])
        (moved,) = installation.heard("movement.in")
        assert (moved.subject, moved.quantity) == (COIL, 23_940)
        said = require_body(moved, installation.message("movement.in").body).fields
        assert (said["tag"], said["identified_by"]) == (7, "tag")
        size = max(each.index or 0 for each in installation.bank.different()) + 1
        until(lambda: installation.site.head()["size"] >= size)
        stills_are_kept(installation)
        scale.tell({"gross_kg": 1, "tare_kg": 2})
        assert scale.says()["refused"] == "weighbridge.reading_impossible"
        assert bridge.stop() == 0
    waited_ms = [each["after_ms"] for each in bridge.logged if each["event"] == "crossing"]
    assert waited_ms != []
    assert max(waited_ms) < 3000, "a second on a free machine; tests share theirs"


def stills_are_kept(installation: Installation) -> None:
    """Every still that the crossing names is in the evidence store, as it was."""
    message = installation.message("gate.crossing")
    body = require_body(message.signed().statement, message.body)
    store = EvidenceStore(installation.folder / "bridge" / "evidence")
    assert len(body.media) >= 2
    assert body.fields["frames"] == ["0x" + each.sha256.hex() for each in body.media]
    assert all(len(store.get(each.sha256.hex())) == each.bytes for each in body.media)


@pytest.mark.timeout(280)
def test_a_bridge_killed_between_crossing_and_weighing_still_states_the_movement_once(
    installation: Installation,
) -> None:
    installation.advise()
    with Program("run", "--config", installation.config) as bridge:
        bridge.wait_for("bridge_started")
        until(lambda: installation.heard("device.health") != [])
        installation.gate.cross("right", 7)
        until(lambda: installation.heard("gate.crossing") != [])
        bridge.kill()
    with (
        Program("run", "--config", installation.config) as again,
        Program("weighbridge", "--config", str(installation.folder / "scale.json")) as scale,
    ):
        assert again.says()["size"] > 1
        again.wait_for("bridge_started")
        scale.tell(READING)
        until(lambda: installation.heard("movement.in") != [])
        assert again.stop() == 0
    assert len(installation.heard("movement.in")) == len(installation.heard("gate.crossing")) == 1
    for device in (CAMERA.name, FUSION.name, SCALE.name):
        own = [
            each.signed().statement.seq
            for each in installation.bank.different()
            if each.signed().statement.device == device
        ]
        assert sorted(own) == list(range(1, len(own) + 1))


@pytest.mark.timeout(280)
def test_a_camera_that_goes_silent_is_a_finding_within_seconds_and_its_end_too(
    installation: Installation,
) -> None:
    with Program("run", "--config", installation.config) as bridge:
        bridge.wait_for("bridge_started")
        until(lambda: installation.heard("device.health") != [])
        installation.gate.is_silent = True
        until(lambda: len(installation.heard("unwatched.interval")) == 1)
        installation.gate.is_silent = False
        until(lambda: len(installation.heard("unwatched.interval")) == 2)
    first, second = (
        require_body(each.signed().statement, each.body).fields
        for each in sorted(installation.bank.different(), key=lambda each: each.index or 0)
        if each.signed().statement.kind == "unwatched.interval"
    )
    assert 2000 <= first["to"] - first["from"] < 4000
    assert second["from"] == first["to"] < second["to"]


@pytest.mark.timeout(280)
def test_a_bridge_that_lost_its_spool_captures_nothing_and_ends_by_name(installation: Installation) -> None:
    with Program("run", "--config", installation.config) as bridge:
        bridge.wait_for("bridge_started")
        until(lambda: installation.heard("device.health") != [])
        until(lambda: installation.site.head()["size"] > 1)
    shutil.rmtree(installation.folder / "bridge")
    with Program("run", "--config", installation.config) as amnesiac:
        assert amnesiac.process.wait(60) == 2
        amnesiac.wait_for("part_failed", part="anchor")
        assert not amnesiac.has_logged("bridge_started")
    assert any("bridge.part_failed" in each["event"] for each in amnesiac.logged)
    assert any("anchor.log_behind_ledger" in each["event"] for each in amnesiac.logged)


def test_a_configuration_with_an_unknown_setting_is_refused_by_name(installation: Installation) -> None:
    config = json.loads(Path(installation.config).read_text("utf-8"))
    Path(installation.config).write_text(json.dumps({**config, "colour": "red"}), "utf-8")
    with Program("run", "--config", installation.config) as bridge:
        assert bridge.process.wait(60) == 2
        until(lambda: bridge.logged != [])
    assert "settings.config_refused" in bridge.logged[0]["event"]
    assert PASSWORD not in str(bridge.logged)

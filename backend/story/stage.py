"""Sets the stage: a ledger, a broker, the bridge with its camera and scale, and the bank's own process.

Every part is a program that users would run as well; its settings alone tell it where the others are.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from backend.app.bank import Bank
from backend.clock import OffsetFileClock
from backend.errors import Invalid
from backend.settings import Settings
from backend.story.front import Front
from backend.story.gate import Gate
from backend.story.lending import Lending, product_for
from backend.story.narrator import Narrator
from backend.story.office import Office
from backend.story.parts import READY_WITHIN_S, Broker, Embedded, Parts
from backend.story.people import Admission
from backend.story.play import Story
from backend.story.processes import Process, Processes
from backend.story.world import (
    BRIDGE,
    CAMERA,
    FIRST,
    FUSION,
    SCALE,
    SITE,
    WITNESS,
    Registrar,
    World,
    make_world,
)
from contracts.loopback import free_port
from contracts.rpc import Rpc

SCENE_LINE: Final = "480,60,480,540"
"""The gate line of the rendered yard, as the scene draws it."""
BANK_AT_BROKER: Final = "bank"
"""As whom the bank comes to a broker that asks."""
STORAGE_TARIFF: Final = 50
"""What the operator charges: 0.50 CNY for a tonne and a day."""
OPPOSITE: Final = {"right": "left", "left": "right", "up": "down", "down": "up"}


class GateLineMissing(Invalid):
    """A clip or camera of your own needs its gate line and the direction that leads in."""

    code = "story.gate_line_missing"


@dataclass(frozen=True, slots=True)
class GateView:
    """What the gate camera sees: the rendered yard, a clip played on command, or a camera's own URL."""

    video: Path | None = None
    camera: str | None = None
    line: str | None = None
    inward: str | None = None

    @property
    def is_rendered(self) -> bool:
        """The rendered yard, whose coils carry tags that the camera can read."""
        return self.video is None and self.camera is None

    def __post_init__(self) -> None:
        if not self.is_rendered and (self.line is None or self.inward is None):
            raise GateLineMissing(line=self.line, inward=self.inward)


@contextmanager
def stage(
    folder: Path,
    view: GateView,
    narrator: Narrator,
    parts: Parts | None = None,
    *,
    front: Front | None = None,
) -> Iterator[Story]:
    """A running system in `folder`, which is emptied first; everything is ended with the block.

    Args:
        folder: where everything of it is kept.
        view: what the gate camera sees.
        narrator: is told what was proved.
        parts: what it stands on; embedded where none are given.
        front: holds the console's door until the API is there, which then listens at its port.
    """
    parts = parts or Embedded()
    if folder.exists():
        shutil.rmtree(folder)
    narrator.step("The stage is set")
    world = make_world(folder)
    with Processes(folder / "logs", {**os.environ, "PYTHONUNBUFFERED": "1"}) as processes:
        url = parts.ledger(processes, world)
        narrator.proved(f"a ledger of its own answers at {url}")
        with narrator.waiting("contracts are deployed, parties and devices enrolled"):
            Registrar(world, Rpc(url)).establish()
        narrator.proved("four contracts deployed; four parties, a site and three devices enrolled")
        broker = parts.broker(processes, world)
        settings = _settings(world, url, parts.database(world), broker, front)
        password = secrets.token_urlsafe(18)
        api = _start_bank(processes, settings, password, front)
        scene = _start_scene(processes, world, view)
        bridge = _start_bridge(processes, world, settings, broker, view)
        scale = _start_scale(processes, world, settings, broker)
        for process in (processes.named("bank"), bridge):
            process.wait_for(lambda _: True, within_s=READY_WITHIN_S)
        at = str(api.wait_for(lambda line: "api" in line, within_s=READY_WITHIN_S)["api"])
        narrator.proved(f"broker, bridge with camera and scale, the bank's worker and its API at {at} are up")
        with narrator.waiting("the bank's administrator lets everybody in"):
            people = Admission(at, world, password).admit_everybody()
        narrator.proved(f"{len(people)} people have signed in, each with a password of their own")
        office = Office(Bank.open(settings), processes, people)
        try:
            tagged = view.is_rendered
            lending = Lending(office, world, Ed25519PrivateKey.generate(), product_for(tagged=tagged))
            _introduce(office, world)
            lending.open_for_business()
            yield Story(
                narrator=narrator,
                world=world,
                office=office,
                gate=Gate(scene, scale, _advices(world)),
                lending=lending,
                business=OffsetFileClock(_clock_file(world)),
                network_key=bytes.fromhex(world.fingerprint_key),
            )
        finally:
            office.close()


def _settings(world: World, url: str, database: str, broker: Broker, front: Front | None) -> Settings:
    told = {
        "ledger_url": url,
        "deployment": world.deployment_file,
        "keystore": world.keys.folder,
        "keystore_password": SecretStr(world.password),
        "bank": world.parties["bank"],
        "witness_signer": WITNESS,
        "data": world.folder / "bank",
        "database_url": database,
        "evidence_store": _media(world),
        "clock_offset_file": _clock_file(world),
        "rail": "sandbox",
        "demo_sign_in": True,
        "storage_tariff": {world.parties["operator"]: STORAGE_TARIFF},
        **broker.settings_of(BANK_AT_BROKER),
        **({} if front is None else front.settings()),
    }
    return Settings.model_validate(told)


def _start_bank(processes: Processes, settings: Settings, password: str, front: Front | None) -> Process:
    """Bring the database to its form, set the bank up, and start its worker and an API; the API."""
    told = {
        f"TALLYSTICK_{name.upper()}": as_told(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
    }
    processes.finish(
        processes.start("migrate", "backend.cli", "migrate", environment=told), within_s=READY_WITHIN_S
    )
    setting_up = processes.start("setup", "backend.cli", "setup", "--person", FIRST, environment=told)
    setting_up.tell(password)
    processes.finish(setting_up, within_s=READY_WITHIN_S)
    processes.start("bank", "backend.cli", "serve", environment=told)
    if front is not None:
        front.give_way()
    port = free_port() if front is None else front.port
    return processes.start("api", "backend.cli", "api", "--port", str(port), environment=told)


def as_told(value: object) -> str:
    """A setting as an environment variable holds it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _start_scene(processes: Processes, world: World, view: GateView) -> Process | None:
    """The scene before the lens; a camera of one's own needs none."""
    if view.camera is not None:
        return None
    clip = (
        []
        if view.video is None
        else ["--video", str(view.video), "--line", str(view.line), "--inward", str(view.inward)]
    )
    return processes.start("scene", "iot_bridge", "yard", "--frames", str(_frames(world)), *clip)


def _start_bridge(
    processes: Processes, world: World, settings: Settings, broker: Broker, view: GateView
) -> Process:
    keys = world.keys
    inward = view.inward or "right"
    config = (
        _edge_config(world, settings)
        | broker.settings_of(BRIDGE)
        | {
            "data": str(world.folder / "bridge"),
            "bridge_key": BRIDGE,
            "acknowledger": keys.address(WITNESS),
            "evidence_store": str(_media(world)),
            "advices": str(_advices(world)),
            "fingerprint_key": world.fingerprint_key,
            "cameras": [
                {
                    "device": CAMERA,
                    "source": view.camera or str(_frames(world)),
                    "line": view.line or SCENE_LINE,
                    "directions": {inward: "in", OPPOSITE[inward]: "out"},
                }
            ],
            "devices": [{"device": SCALE, "address": keys.address(SCALE), "kinds": ["weigh.ticket"]}],
            "fusion": {"device": FUSION},
            "health_every_s": 15,
        }
    )
    _advices(world).mkdir(parents=True, exist_ok=True)
    _frames(world).mkdir(parents=True, exist_ok=True)
    return processes.start("bridge", "iot_bridge", "run", "--config", _written(world, "bridge", config))


def _start_scale(processes: Processes, world: World, settings: Settings, broker: Broker) -> Process:
    config = (
        _edge_config(world, settings)
        | broker.settings_of(SCALE)
        | {
            "data": str(world.folder / "scale"),
            "device": SCALE,
            "bridge": world.keys.address(BRIDGE),
        }
    )
    return processes.start("scale", "iot_bridge", "weighbridge", "--config", _written(world, "scale", config))


def _edge_config(world: World, settings: Settings) -> dict[str, object]:
    return {
        "site": SITE,
        "ledger_url": settings.ledger_url,
        "deployment": str(settings.deployment),
        "keystore": str(settings.keystore),
        "keystore_password": world.password,
    }


def _written(world: World, name: str, config: dict[str, object]) -> str:
    file = world.folder / f"{name}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return str(file)


def _introduce(office: Office, world: World) -> None:
    """Enter the parties in the bank's own register, as soon as the ledger's events are confirmed."""
    registrar = office.at(FIRST)
    for role, party in world.parties.items():
        known = world.particulars[role]
        named = {
            "name": role,
            "legal_name": known.legal_name,
            "address": known.address,
            "registration": known.registration,
            "salt": known.salt,
        }
        office.wait_for(f"the {role}'s enrolment", partial(registrar.get, f"/v1/parties/{party}"))
        registrar.post(f"/v1/parties/{party}/name", named)


def _frames(world: World) -> Path:
    return world.folder / "frames"


def _advices(world: World) -> Path:
    return world.folder / "advices"


def _media(world: World) -> Path:
    return world.folder / "evidence"


def _clock_file(world: World) -> Path:
    return world.folder / "business-clock"

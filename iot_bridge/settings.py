"""What the programs of the edge must be told: a TOML or JSON file, and environment variables above it.

Nothing secret has a default; example values are refused at the start.
"""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from iot_bridge.evidence.errors import EdgeError
from iot_bridge.evidence.fingerprint import KEY_BYTES
from iot_bridge.evidence.kinds import KINDS

EXAMPLES: Final = frozenset({"changeme", "change-me", "password", "secret", "example", "test", "tallystick"})
Name = Annotated[str, Field(pattern=r"^[a-z0-9.-]{3,32}$")]
"""A name as the registry keeps it."""
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""An account of the ledger."""
Seen = Literal["left", "right", "up", "down"]
"""A direction of motion as a person sees it in the picture."""


class ConfigRefused(EdgeError):
    """The configuration file is missing, cannot be read, or says something it may not."""

    code = "settings.config_refused"


class Part(BaseModel):
    """A part of the configuration; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraSettings(Part):
    """A camera whose key this bridge holds."""

    device: Name
    """The camera's name in the registry, and of its key in the keystore."""
    key_epoch: int = Field(default=1, ge=1)
    """Which key of the camera that is."""
    source: str
    """A video file, a folder of frames, a device number or an RTSP URL."""
    line: str = Field(pattern=r"^-?\d+,-?\d+,-?\d+,-?\d+$")
    """The gate line as `X1,Y1,X2,Y2` in source pixels."""
    directions: dict[Seen, Literal["in", "out"]]
    """What motion across the line means; a motion that is not named here is no crossing of this gate."""


class DeviceSettings(Part):
    """A device outside this program that signs for itself and sends to this bridge."""

    device: Name
    """Its name in the registry."""
    key_epoch: int = Field(default=1, ge=1)
    """Which key of it that is."""
    address: Address
    """The address of that key."""
    kinds: frozenset[str]
    """What it may state."""

    @field_validator("kinds")
    @classmethod
    def require_known_kinds(cls, kinds: frozenset[str]) -> frozenset[str]:
        """Refuse a kind that no statement has."""
        if unknown := sorted(kinds - KINDS):
            message = f"unknown kinds: {', '.join(unknown)}"
            raise ValueError(message)
        return kinds


class FusionSettings(Part):
    """The device that states movements, and the lines it decides by."""

    device: Name
    """Its name in the registry, and of its key in the keystore."""
    key_epoch: int = Field(default=1, ge=1)
    """Which key of it that is."""
    window_s: int = Field(default=120, ge=1, le=600)
    """How far apart a crossing and its weighing may be."""
    mass_tolerance_bps: int = Field(default=30, ge=1, le=1000)
    """How far a weighing may be from the advised mass of its piece."""


class EdgeSettings(BaseModel):
    """What every program of the edge is told."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    site: Name
    """The site, as the registry names it."""
    data: Path
    """Folder for everything this program writes."""
    ledger_url: str
    """JSON-RPC of a node of the ledger."""
    deployment: Path
    """The file that `deploy` wrote: chain id and the contracts' addresses."""
    keystore: Path
    """Folder of encrypted keyfiles, one per device."""
    keystore_password: SecretStr
    """Opens the keystore; no default, and an example value is refused."""
    broker_host: str = "127.0.0.1"
    """Where the MQTT 5 broker listens."""
    broker_port: int = Field(default=1883, ge=1, le=65535)
    """The broker's port."""
    broker_user: str = ""
    """This program's name at the broker; empty where the broker asks for none."""
    broker_password: SecretStr = SecretStr("")
    """Goes with the name at the broker."""
    broker_ca: Path | None = None
    """Certificate of the authority that vouches for the broker, a PEM file; the three go together."""
    broker_certificate: Path | None = None
    """This program's own certificate, a PEM file; its name is who we are to the broker."""
    broker_key: Path | None = None
    """The key of that certificate, a PEM file without a passphrase."""
    spool_most_mib: int = Field(default=0, ge=0)
    """How large the spool may grow, 0 for as large as the disk allows."""

    @field_validator("keystore_password")
    @classmethod
    def require_no_example(cls, secret: SecretStr) -> SecretStr:
        """Refuse a secret that somebody copied from a page."""
        if not secret.get_secret_value() or secret.get_secret_value().lower() in EXAMPLES:
            message = "keystore_password is an example value"
            raise ValueError(message)
        return secret

    @model_validator(mode="after")
    def require_whole_certificate(self) -> Self:
        """Refuse a certificate without its key or authority: it would connect in the clear."""
        given = [each is not None for each in (self.broker_ca, self.broker_certificate, self.broker_key)]
        if any(given) and not all(given):
            message = "broker_ca, broker_certificate and broker_key go together"
            raise ValueError(message)
        return self


class FileSettings(BaseSettings):
    """Settings from a file, with environment variables above it and no other source."""

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment variables, then what was read from the file."""
        return env_settings, init_settings

    @classmethod
    def load(cls, file: Path) -> Self:
        """The settings in a TOML or JSON file, with environment variables above them.

        Raises:
            ConfigRefused: the file cannot be read, or a value may not be.
        """
        try:
            return cls(**_read(file))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigRefused(file=str(file), field=where, why=first["msg"]) from None


class BridgeSettings(EdgeSettings, FileSettings):
    """The settings of one site's bridge; each may also be given as `TALLYSTICK_BRIDGE_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="TALLYSTICK_BRIDGE_", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    bridge_key: Name
    """The keystore's name of the key that anchors the site's log and acknowledges devices."""
    acknowledger: Address
    """Whose acknowledgements let a statement leave the spool: the bank's witness key."""
    evidence_store: Path | None = None
    """Content-addressed folder of media; `evidence` in the data folder when not given."""
    cameras: tuple[CameraSettings, ...] = ()
    """The cameras of this site."""
    devices: tuple[DeviceSettings, ...] = ()
    """Devices that sign for themselves."""
    fusion: FusionSettings | None = None
    """Who states movements; without it there are none."""
    fingerprint_key: SecretStr | None = None
    """The network's key for fingerprints of goods, 32 bytes in hex; needed with a fusion."""
    advices: Path | None = None
    """Folder for CSV files of expected pieces; `advices` in the data folder when not given."""
    anchor_every_s: int = Field(default=30, ge=1)
    """How often a head is anchored when nothing in it is urgent."""
    urgent_kinds: frozenset[str] = frozenset(
        {"movement.in", "movement.out", "gate.crossing", "device.tamper"}
    )
    """Kinds of statements that are anchored at once."""
    health_every_s: int = Field(default=60, ge=1)
    """How often each camera states its health."""
    unwatched_after_s: int = Field(default=2, ge=1)
    """How long a camera may be without a frame before that is a finding."""

    @field_validator("fingerprint_key")
    @classmethod
    def require_long_key(cls, key: SecretStr | None) -> SecretStr | None:
        """Refuse what is not 32 bytes in hex; a short key lets goods be guessed."""
        if key is not None:
            raw = bytes.fromhex(key.get_secret_value().removeprefix("0x"))
            if len(raw) < KEY_BYTES:
                message = "fingerprint_key is shorter than 32 bytes"
                raise ValueError(message)
        return key

    @model_validator(mode="after")
    def require_key_with_fusion(self) -> Self:
        """Refuse a fusion that could not name pieces."""
        if self.fusion is not None and self.fingerprint_key is None:
            message = "a fusion needs the fingerprint_key"
            raise ValueError(message)
        return self

    def media(self) -> Path:
        """The folder of the evidence store."""
        return self.evidence_store or self.data / "evidence"

    def advice_folder(self) -> Path:
        """The folder in which advices are dropped."""
        return self.advices or self.data / "advices"


class WeighbridgeSettings(EdgeSettings, FileSettings):
    """The settings of one weighbridge; each may also be given as `TALLYSTICK_WEIGHBRIDGE_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="TALLYSTICK_WEIGHBRIDGE_", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    device: Name
    """The weighbridge's name in the registry, and of its key in the keystore."""
    key_epoch: int = Field(default=1, ge=1)
    """Which key of it that is."""
    bridge: Address
    """Whose acknowledgements let a ticket leave this program: the site's bridge."""


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        found = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigRefused(file=str(file), why=str(error)) from error
    if not isinstance(found, dict):
        raise ConfigRefused(file=str(file), why="not a table")
    return found

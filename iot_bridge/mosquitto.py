"""The configuration of a Mosquitto broker for the sites: who may come, who may say what, what it keeps.

Mosquitto's own limits lose messages: with its defaults it acknowledged 3 000 and delivered 1 000. It asks
everybody for a certificate, takes the certificate's name as theirs, and lets each name to its own topics.
The name is the session too, whatever id a client asks for: nobody takes another's session, and a certificate
is for one connection at a time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iot_bridge.authority import Authority
from iot_bridge.evidence.errors import EdgeError

BANK: Final = "bank"
SERVER: Final = "broker"
BEGUN: Final = "# Made by `tallystick-bridge broker-config`."
LARGEST_MESSAGE: Final = 1_048_576
NAME: Final = re.compile(r"[a-z0-9.-]{3,32}")
WITH_DEVICES: Final = 3
SESSION_KEPT: Final = "8d"
"""Longer than the programs ask their own sessions to be kept."""


class SiteMalformed(EdgeError):
    """A site is given as SITE:BRIDGE or SITE:BRIDGE:DEVICE,DEVICE, in names of a-z, 0-9, dot and hyphen."""

    code = "mosquitto.site_malformed"


@dataclass(frozen=True, slots=True)
class Site:
    """Who speaks for a site: its bridge, and devices that sign for themselves."""

    name: str
    bridge: str
    devices: tuple[str, ...] = ()


def site_of(text: str) -> Site:
    """The site behind `SITE:BRIDGE` or `SITE:BRIDGE:DEVICE,DEVICE`.

    Raises:
        SiteMalformed: it is neither, or a name holds what no name may.
    """
    parts = text.split(":")
    names = [*parts[:2], *(parts[2].split(",") if len(parts) == WITH_DEVICES else ())]
    if len(parts) not in (2, WITH_DEVICES) or not all(NAME.fullmatch(each) for each in names):
        raise SiteMalformed(given=text)
    return Site(names[0], names[1], tuple(names[2:]))


@dataclass(frozen=True, slots=True)
class MosquittoConfig:
    """What the broker is told. `folder` holds configuration and certificates, `data` what it remembers."""

    folder: Path
    data: Path
    host: str = "127.0.0.1"
    port: int = 8883
    sites: tuple[Site, ...] = ()
    user: str | None = None

    def write(self) -> Path:
        """Write `mosquitto.conf` and `acl`; the configuration's file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        (self.folder / "acl").write_text("\n".join([BEGUN, *self._rules(), ""]), encoding="utf-8")
        file = self.folder / "mosquitto.conf"
        file.write_text("\n".join([BEGUN, *self._settings(), ""]), encoding="utf-8")
        return file

    def identities(self) -> tuple[str, ...]:
        """Everybody who needs a certificate, the broker apart."""
        everybody = [BANK]
        for site in self.sites:
            everybody += [site.bridge, *site.devices]
        return tuple(dict.fromkeys(everybody))

    def issue_certificates(self, hosts: tuple[str, ...]) -> list[Path]:
        """Have an authority in the same folder issue every certificate that is missing; those it issued."""
        authority = Authority(self.folder)
        authority.establish()
        wanted = {SERVER: hosts} | dict.fromkeys(self.identities(), ())
        return [
            authority.issue(name, at)
            for name, at in wanted.items()
            if not (self.folder / f"{name}.pem").exists()
        ]

    def _settings(self) -> Iterable[str]:
        yield "per_listener_settings false"
        if self.user is not None:
            yield f"user {self.user}"
        yield f"listener {self.port} {self.host}"
        yield f"cafile {self.folder / 'ca.pem'}"
        yield f"certfile {self.folder / f'{SERVER}.pem'}"
        yield f"keyfile {self.folder / f'{SERVER}.key'}"
        yield "tls_version tlsv1.2"
        yield "require_certificate true"
        yield "use_identity_as_username true"
        yield "use_username_as_clientid true"
        yield "allow_anonymous false"
        yield f"acl_file {self.folder / 'acl'}"
        yield "max_queued_messages 0"
        yield "max_queued_bytes 0"
        yield "max_inflight_messages 1000"
        yield f"max_packet_size {LARGEST_MESSAGE}"
        yield "max_keepalive 60"
        yield f"persistent_client_expiration {SESSION_KEPT}"
        yield "persistence true"
        yield f"persistence_location {self.data}/"
        yield "autosave_on_changes true"
        yield "autosave_interval 1"
        yield "log_dest stderr"
        yield "log_type error"
        yield "log_type warning"
        yield "log_type notice"

    def _rules(self) -> Iterable[str]:
        yield f"user {BANK}"
        yield "topic read tallystick/+/statements/+"
        yield "topic write tallystick/+/acknowledgements"
        for site in self.sites:
            yield f"user {site.bridge}"
            yield f"topic write tallystick/{site.name}/statements/+"
            yield f"topic read tallystick/{site.name}/acknowledgements"
            yield f"topic read tallystick/{site.name}/devices/+/statements"
            yield f"topic write tallystick/{site.name}/devices/+/acknowledgements"
        yield "pattern write tallystick/+/devices/%u/statements"
        yield "pattern read tallystick/+/devices/%u/acknowledgements"

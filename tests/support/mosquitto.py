"""Debian's Mosquitto on the configuration that the project writes, as tests start and kill it."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from backend.story.parts import Broker
from contracts.loopback import free_port
from iot_bridge.mosquitto import BANK, MosquittoConfig, Site
from tests.support.parts import debian_program

PROGRAM: Final = Path("/usr/sbin/mosquitto")
READY_S: Final = 15.0
HOST: Final = "127.0.0.1"
CLEAN_START: Final = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"
"""CONNECT of MQTT 5 without an id or properties: what was kept under the name is dropped, nothing is kept."""
ACCEPTED: Final = b"\x20"
GOODBYE: Final = b"\xe0\x00"


@dataclass
class Mosquitto:
    """One broker, its folder, and how each identity comes to it."""

    config: MosquittoConfig
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.config.port

    def identity(self, name: str) -> dict[str, Path]:
        """Authority, certificate and key of a name."""
        folder = self.config.folder
        return {"ca": folder / "ca.pem", "certificate": folder / f"{name}.pem", "key": folder / f"{name}.key"}

    def settings_of(self, name: str) -> dict[str, str]:
        """The settings with which a program comes as that name."""
        return {f"broker_{each}": str(file) for each, file in self.identity(name).items()}

    def broker(self) -> Broker:
        """This broker as a story is told of it."""
        return Broker(self.port, as_whom={name: self.settings_of(name) for name in self.config.identities()})

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        program = debian_program("mosquitto", PROGRAM)
        with (self.config.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(program), "-c", str(self.config.folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        give_up = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > give_up:
                pytest.fail(f"Mosquitto did not start: {self.said()[-2000:]}")
            time.sleep(0.02)

    def said(self) -> str:
        """What it wrote."""
        return (self.config.folder / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it in order, or with SIGKILL as a power cut would."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(READY_S)
        self.process = None

    def forget(self) -> None:
        """End every identity's session, with what waits in it: the next test finds it as new."""
        for name in self.config.identities():
            with self._connected(name) as line:
                line.sendall(CLEAN_START)
                assert line.recv(2)[:1] == ACCEPTED
                line.sendall(GOODBYE)

    def _answers(self) -> bool:
        try:
            with self._connected(BANK):
                return True
        except OSError:
            return False

    @contextlib.contextmanager
    def _connected(self, name: str) -> Iterator[ssl.SSLSocket]:
        files = self.identity(name)
        context = ssl.create_default_context(cafile=files["ca"])
        context.load_cert_chain(files["certificate"], files["key"])
        with (
            socket.create_connection((HOST, self.port), timeout=READY_S) as bare,
            context.wrap_socket(bare, server_hostname=HOST) as line,
        ):
            yield line


@contextlib.contextmanager
def mosquitto_broker(sites: Sequence[Site]) -> Iterator[Mosquitto]:
    """A running Mosquitto for those sites, gone at the end."""
    with mosquitto_set_up(sites) as broker:
        broker.start()
        yield broker


@contextlib.contextmanager
def mosquitto_set_up(sites: Sequence[Site]) -> Iterator[Mosquitto]:
    """A Mosquitto for those sites that is not started yet, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tally-mq-"))
    config = MosquittoConfig(
        folder=folder / "config",
        data=folder / "data",
        port=free_port(),
        sites=tuple(sites),
        user="root" if os.geteuid() == 0 else None,
    )
    config.write()
    config.issue_certificates((HOST,))
    broker = Mosquitto(config)
    try:
        yield broker
    finally:
        broker.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)

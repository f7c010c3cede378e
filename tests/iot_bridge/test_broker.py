"""The embedded broker as its own program: where it listens, what passes, and that it ends when told."""

import socket
import threading
from pathlib import Path

import pytest

from iot_bridge.link import BrokerAddress, Certificates, CertificateUnusable, Link
from tests.iot_bridge.programs import Program
from tests.iot_bridge.waiting import until


@pytest.mark.timeout(120)
def test_a_broker_on_a_free_port_carries_messages_and_ends_when_told() -> None:
    with Program("broker", "--port", "0") as program:
        said = program.says()
        assert said["host"] == "127.0.0.1"
        heard: list[tuple[str, bytes]] = []
        links = [Link(BrokerAddress(said["host"], said["port"]), name) for name in ("one", "two")]
        links[1].subscribe("tallystick/+/statements/+", lambda topic, payload: heard.append((topic, payload)))
        for link in links:
            link.start()
            assert link.wait_up(60)
        links[0].publish("tallystick/yard-1/statements/cam-1", b"seen")
        links[0].publish("tallystick/yard-1/other/cam-1", b"not for two")
        until(lambda: heard != [])
        assert heard == [("tallystick/yard-1/statements/cam-1", b"seen")]
        for link in links:
            link.stop()
        assert program.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((said["host"], said["port"]), timeout=5)


def test_nothing_is_published_and_nothing_kept_while_the_broker_is_away() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    link = Link(BrokerAddress("127.0.0.1", port), "alone")
    connected = threading.Event()
    link.when_connected(connected.set)
    link.start()
    assert not link.publish("tallystick/yard-1/statements/cam-1", b"seen")
    assert not link.is_up()
    assert not connected.is_set()
    link.stop()


def test_a_missing_or_false_certificate_file_is_named_before_anything_connects(tmp_path: Path) -> None:
    files = Certificates(tmp_path / "ca.pem", tmp_path / "own.pem", tmp_path / "own.key")
    with pytest.raises(CertificateUnusable, match=r"ca\.pem why=no such file"):
        Link(BrokerAddress("127.0.0.1", 1, certificates=files), "alone")
    for file in (files.ca, files.certificate, files.key):
        file.write_text("no certificate", encoding="ascii")
    with pytest.raises(CertificateUnusable):
        Link(BrokerAddress("127.0.0.1", 1, certificates=files), "alone")

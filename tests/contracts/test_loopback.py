"""A port found free is below the ports of callers; none free is said."""

import socket

import pytest

from contracts import loopback
from contracts.loopback import BELOW_CALLERS, HOST, NoPortFree, free_port


def test_a_free_port_can_be_listened_on_and_no_caller_is_given_it() -> None:
    port = free_port()
    with socket.create_server((HOST, port)):
        pass
    assert port in BELOW_CALLERS


def test_no_port_free_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(loopback, "BELOW_CALLERS", range(port, port + 1))
        monkeypatch.setattr(loopback, "TRIES", 1)
        with pytest.raises(NoPortFree):
            free_port()

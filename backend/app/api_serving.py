"""The API's process: one uvicorn, told where to listen; says so in one JSON line once it does."""

import json
import socket
from types import FrameType
from typing import Final

import uvicorn

from backend.app.api import create_api
from backend.app.bank import Bank
from backend.app.logs import log_as_json
from backend.errors import Forbidden, Unavailable
from backend.migrations import require_current
from backend.notices.streaming import Tide
from backend.settings import Settings

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class PortTaken(Unavailable):
    """The API cannot listen there; another program has the port, or the address is not this machine's."""

    code = "app.port_taken"


class DemoNotOnLoopback(Forbidden):
    """Signing in without a password is for this machine itself; listen on loopback, or turn it off."""

    code = "app.demo_not_on_loopback"


def serve_api(settings: Settings, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests that have begun are finished first.

    Args:
        settings: of the installation.
        host: address to listen on; put TLS in front of anything but loopback.
        port: 0 takes a free one.

    Raises:
        DemoNotOnLoopback: anybody could sign in from elsewhere.
        PortTaken: somebody else listens there.
        SchemaOutdated: the database has another form than this version needs.
    """
    log_as_json()
    if (settings.demo_sign_in or settings.demo_folder) and host not in LOOPBACK:
        raise DemoNotOnLoopback(host=host)
    bank = Bank.open(settings)
    require_current(bank.engine)
    listening = listen(host, port)
    bound_host, bound_port = listening.getsockname()[:2]
    app = create_api(bank)
    tide: Tide = app.state.ports.of(Tide)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=10, server_header=False
    )
    print(json.dumps({"api": f"http://{bound_host}:{bound_port}"}), flush=True)  # noqa: T201 - the line others wait for
    _Server(config, tide).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends the streams of events as soon as it is told to end; they would hold it up otherwise."""

    def __init__(self, config: uvicorn.Config, tide: Tide) -> None:
        super().__init__(config)
        self._tide = tide

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests, and let streams end."""
        self._tide.end()
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there already, so that nobody can come between choosing a port and using it.

    Raises:
        PortTaken: somebody else listens there.
    """
    try:
        listening = socket.create_server((host, port), backlog=512, reuse_port=False)
    except OSError as error:
        raise PortTaken(host=host, port=port, why=error.strerror) from error
    # An answer is two writes, head and body: without this the second waits 40 ms for the first's receipt.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening

"""The embedded MQTT 5 broker of a site without one: a child process bound to loopback, no other listener.

It keeps nothing over a restart and checks nobody's name; that is what spool and signatures are for.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import iotcore

from contracts.loopback import HOST, free_port
from iot_bridge.evidence.errors import EdgeError

_TOML: Final = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v5.1]
name = "loopback"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 1000
"""


class BrokerNotStarted(EdgeError):
    """The embedded broker did not come up; its port may be taken."""

    code = "broker.not_started"


@contextlib.contextmanager
def embedded_broker(port: int) -> Iterator[int]:
    """Run a broker on `port` of loopback (0: a free one) for as long as the context lasts; the port it has.

    Raises:
        BrokerNotStarted: it did not come up.
    """
    chosen = port or free_port()
    with tempfile.TemporaryDirectory(prefix="tallystick-broker-") as folder:
        config = Path(folder) / "broker.toml"
        config.write_text(_TOML.format(host=HOST, port=chosen), encoding="ascii")
        broker = iotcore.Broker(config_path=str(config))
        try:
            broker.start()
        except (OSError, RuntimeError) as error:
            raise BrokerNotStarted(host=HOST, port=chosen) from error
        try:
            yield chosen
        finally:
            broker.stop()

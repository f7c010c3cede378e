"""A bridge's writer for tests that kill it: records without end, and says what is durable."""

import sys
import time
from pathlib import Path

from tests.iot_bridge.edge import Edge, crossing, ticket


def main() -> None:
    """Record crossings and tickets in the folder given; one line `index seq device id` for each."""
    edge = Edge(Path(sys.argv[1]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        now_ms = time.time_ns() // 1_000_000
        for device, seen in (("gate-cam-1", crossing(now_ms)), ("weighbridge-1", ticket(now_ms, 23_940))):
            taken = edge.recorder.record(device, seen)
            said = f"{taken.index} {taken.signed.statement.seq} {device} {taken.id.hex()}\n"
            sys.stdout.write(said)
            sys.stdout.flush()


if __name__ == "__main__":
    main()

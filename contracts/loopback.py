"""A free port of loopback, for a part whose address is known before it starts and when it starts again."""

import random
import socket
from typing import Final

from contracts.errors import LedgerError

HOST: Final = "127.0.0.1"
BELOW_CALLERS: Final = range(20_000, 32_000)
"""Linux gives callers ports from 32768 on; one from there could be taken by any connection meanwhile."""
TRIES: Final = 50


class NoPortFree(LedgerError):
    """None of the ports tried on loopback is free; another program holds them, end it or name a port."""

    code = "loopback.no_port_free"


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that no outgoing connection is given.

    Raises:
        NoPortFree: fifty tries found none.
    """
    for port in random.sample(BELOW_CALLERS, TRIES):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise NoPortFree(first=BELOW_CALLERS.start, last=BELOW_CALLERS.stop - 1, tried=TRIES)

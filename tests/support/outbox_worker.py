"""An outbox worker as a process of its own, for tests that kill it: folder, node, contract, key, database."""

import sys
from pathlib import Path

from backend.chain.outbox import Outbox
from backend.db import open_database
from contracts.rpc import Rpc
from contracts.sender import Sender


class OneKey:
    """The key of one signer."""

    def __init__(self, key: bytes) -> None:
        self._keys = {"account-0": key}

    def key(self, name: str) -> bytes:
        """The key behind the name."""
        return self._keys[name]


def main() -> None:
    """Carry out acts until killed."""
    folder, url, address, key, database = sys.argv[1:]
    rpc = Rpc(url)
    engine = open_database(database)
    sender = Sender(rpc, Path(folder) / "out.sqlite")
    keys = OneKey(bytes.fromhex(key))
    outbox = Outbox(engine, rpc, sender, keys=keys, addresses={"AccessManager": address})
    while outbox.step():
        pass


main()

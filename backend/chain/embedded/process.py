"""The embedded ledger as a process of its own: a folder, a port, and a line that says where it listens."""

import json
import secrets
import signal
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backend.chain.embedded.engine import Engine, Genesis
from backend.chain.embedded.index import Index
from backend.chain.embedded.server import LedgerServer, Sealer
from backend.errors import Invalid

WEI_EACH: Final = 10**30
"""What each funded address begins with; gas on this ledger is a formality."""


class NobodyFunded(Invalid):
    """A chain cannot begin without an address that can pay for a transaction; name one with `--fund`."""

    code = "chain.nobody_funded"


def genesis_of(data: Path, fund: Sequence[str]) -> Genesis:
    """The parameters of the chain in the folder, or those of a new one with a chain id nobody else has.

    Raises:
        NobodyFunded: the chain is new and no address was named.
    """
    file = data / "ledger.sqlite"
    if file.exists():
        connection = sqlite3.connect(file)
        begun = Index(connection).genesis()
        connection.close()
        if begun is not None:
            balances = {address: int(balance) for address, balance in begun["balances"].items()}
            return Genesis(chain_id=begun["chain_id"], balances=balances)
    if not fund:
        raise NobodyFunded(data=str(data))
    return Genesis(chain_id=2**40 + secrets.randbelow(2**40), balances=dict.fromkeys(sorted(fund), WEI_EACH))


def serve(data: Path, *, port: int, fund: Sequence[str], heartbeat_s: float, finality_depth: int = 0) -> None:
    """Serve until SIGTERM or SIGINT; prints one JSON line with the URL once it answers.

    Raises:
        NobodyFunded: the chain is new and nobody could pay.
        ChainInUse: another process serves this folder.
    """
    data.mkdir(parents=True, exist_ok=True)
    engine = Engine(data / "ledger.sqlite", genesis_of(data, fund))
    sealer = Sealer(engine, heartbeat_s=heartbeat_s)
    server = LedgerServer(engine, port=port, finality_depth=finality_depth, sealer=sealer)
    ending = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ending.set())
    sealer.start()
    threading.Thread(target=server.serve_forever, name="ledger", daemon=True).start()
    print(json.dumps({"url": server.url(), "chain_id": engine.chain_id}), flush=True)  # noqa: T201 - the line others wait for
    while not ending.wait(0.5) and sealer.failure is None:
        pass
    server.shutdown()
    sealer.end()
    engine.close()
    if sealer.failure is not None:
        raise sealer.failure

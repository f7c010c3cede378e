"""An embedded ledger for tests: real blocks over JSON-RPC, sealed at once, on a clock tests may advance."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from backend.chain.embedded.engine import Engine, Genesis
from backend.chain.embedded.process import WEI_EACH
from backend.chain.embedded.server import LedgerServer
from contracts.rpc import Rpc

FUNDED = 24
CHAIN_ID = 31_337_000


@dataclass(slots=True)
class SteppingClock:
    """Whole seconds, always later than the newest block, so that a block can follow at once."""

    newest: Callable[[], int] = lambda: 0
    ahead_s: int = 0

    def __call__(self) -> int:
        return max(int(time.time()) + self.ahead_s, self.newest() + 1)

    def advance(self, seconds: int) -> None:
        """Let block time run ahead by that much more."""
        self.ahead_s += seconds


@dataclass(slots=True)
class LedgerInTests:
    """The running ledger: its URL, a client, and accounts that can pay."""

    engine: Engine
    server: LedgerServer
    clock: SteppingClock
    accounts: list[LocalAccount]
    rpc: Rpc = field(init=False)

    def __post_init__(self) -> None:
        self.rpc = Rpc(self.url)

    @property
    def url(self) -> str:
        """Where the ledger is reached."""
        return self.server.url()

    def seal(self, blocks: int = 1) -> None:
        """Seal that many blocks more, empty where nothing waits."""
        for _ in range(blocks):
            assert self.engine.seal() is not None


@contextmanager
def ledger_in_tests(folder: Path, *, chain_id: int = CHAIN_ID) -> Iterator[LedgerInTests]:
    """A ledger of its own in `folder`, served until the block ends."""
    accounts: list[LocalAccount] = [Account.create() for _ in range(FUNDED)]
    clock = SteppingClock()
    genesis = Genesis(chain_id=chain_id, balances={each.address: WEI_EACH for each in accounts})
    engine = Engine(folder / "ledger.sqlite", genesis, clock)
    clock.newest = lambda: engine.head().timestamp
    server = LedgerServer(engine, port=0)
    ledger = LedgerInTests(engine, server, clock, accounts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield ledger
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        engine.close()

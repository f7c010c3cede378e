"""An embedded ledger for tests: real blocks over JSON-RPC, sealed at once, on a clock tests may advance.

`AnyLedger` is what tests ask of a node, so that a test holds on this one and on `tests.support.anvil` alike.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount

from backend.chain.embedded.engine import Engine, Genesis
from backend.chain.embedded.methods import Methods
from backend.chain.embedded.process import WEI_EACH
from backend.chain.embedded.server import LedgerServer
from contracts.rpc import Rpc

FUNDED = 24
CHAIN_ID = 31_337_000


class AnyClock(Protocol):
    """The least time of the next block; a test may let it run ahead."""

    def __call__(self) -> int: ...
    def advance(self, seconds: int) -> None: ...


class AnyLedger(Protocol):
    """A running node for tests: its URL, a client, and accounts that can pay."""

    rpc: Rpc
    accounts: list[LocalAccount]

    @property
    def url(self) -> str: ...
    @property
    def clock(self) -> AnyClock: ...
    def seal(self, blocks: int = 1) -> None: ...
    def quiet(self) -> None: ...
    def hold_back(self) -> None: ...
    def let_go(self) -> None: ...
    def lose_waiting(self) -> None: ...
    def call_final_after(self, blocks: int) -> None: ...


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

    def quiet(self) -> None:
        """Nothing waits here that is not held back."""

    def hold_back(self) -> None:
        """From now on what is sent waits for `seal`."""
        self.server.holds_back = True

    def let_go(self) -> None:
        """From now on each transaction is sealed at once again."""
        self.server.holds_back = False

    def lose_waiting(self) -> None:
        """Forget what waits, as a node does that restarts without its pool."""
        for waiting, _ in self.engine.index.pool():
            self.engine.index.drop(waiting)

    def call_final_after(self, blocks: int) -> None:
        """Let `finalized` lie that far behind the newest block."""
        self.server.methods = Methods(self.engine, finality_depth=blocks)


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

"""A node that is not ours, in tests: Foundry's anvil as a process of its own, on loopback, killed by its id.

Its keys are random and funded through its test interface. `finalized` lies `FINAL_AFTER` blocks behind the
newest block, for each slot of an epoch twice one.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from contracts.rpc import Rpc
from tests.support.ledger import CHAIN_ID, FUNDED
from tests.support.parts import missing, npm_program

VERSION: Final = "1.7.1"
PATIENCE_S: Final = 30.0
POLL_S: Final = 0.002
WEI_EACH: Final = 10**24
FINAL_AFTER: Final = 2
"""How many blocks are above the final one where an epoch has one slot; four slots make it 8."""


def anvil_program() -> Path:
    """The native program, not the script of its package, which would survive as a child when killed."""
    link = npm_program("@foundry-rs/anvil", VERSION, "anvil")
    natives = sorted((link.parents[1] / "@foundry-rs").glob("anvil-*/bin/anvil"))
    if not natives:
        missing("@foundry-rs/anvil", "npm without --omit=optional, on a platform that anvil is built for")
    return natives[0]


@dataclass(slots=True)
class AnvilProcess:
    """One anvil that may be killed and started again on the same port.

    With `state` it writes its whole chain there every second. A kill loses what came after the last dump and
    may tear the dump itself; `start` then goes back to the newest copy that is whole, so after a kill the
    chain is some seconds younger: a reorganisation, to those who followed it.
    """

    slots: int = 1
    block_time_s: int | None = None
    state: Path | None = None
    chain_id: int = CHAIN_ID
    port: int = 0
    _process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [str(anvil_program()), "--host", "127.0.0.1", "--port", str(self.port), "--accounts", "0"]
        command += ["--chain-id", str(self.chain_id), "--slots-in-an-epoch", str(self.slots)]
        command += ["--order", "fifo", "--no-request-size-limit"]
        if self.block_time_s is not None:
            command += ["--block-time", str(self.block_time_s)]
        if self.state is not None:
            self._mend(self.state)
            command += ["--state", str(self.state), "--state-interval", "1", "--preserve-historical-states"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
        )
        assert self._process.stdout is not None
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if line.startswith("Listening on"):
                self.port = int(line.rsplit(":", 1)[1])
                break
        else:
            missing("anvil", f"it ended at once: {''.join(said)[-500:]}")
        self._process.stdout.close()  # nobody reads on; it is told so, instead of filling a pipe

    def keep_dump(self) -> bool:
        """Put the newest whole dump aside; whether there was one. A test that kills calls this meanwhile."""
        assert self.state is not None
        if not _is_whole(self.state):
            return False
        aside = self.state.with_suffix(".whole")
        aside.with_suffix(".new").write_bytes(self.state.read_bytes())
        if not _is_whole(aside.with_suffix(".new")):
            return False  # it was written again while it was copied
        aside.with_suffix(".new").replace(aside)
        return True

    def _mend(self, state: Path) -> None:
        aside = state.with_suffix(".whole")
        if state.exists() and not _is_whole(state):
            state.unlink()
        if not state.exists() and aside.exists():
            state.write_bytes(aside.read_bytes())

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; it writes its state."""
        self._end(signal.SIGTERM)

    def _end(self, by: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(by)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        self._process = None


def _is_whole(state: Path) -> bool:
    try:
        json.loads(state.read_bytes())
    except (OSError, ValueError):
        return False
    return True


@dataclass(slots=True)
class AnvilClock:
    """The least time of the next block; seconds by which it runs ahead are the node's too."""

    rpc: Rpc
    ahead_s: int = 0

    def __call__(self) -> int:
        return max(int(time.time()) + self.ahead_s, int(self.rpc.block("latest")["timestamp"], 16) + 1)

    def advance(self, seconds: int) -> None:
        """Let block time run ahead by that much more."""
        self.ahead_s += seconds
        self.rpc.call("evm_increaseTime", seconds)


@dataclass(slots=True)
class AnvilInTests:
    """A running anvil as `tests.support.ledger.AnyLedger`."""

    process: AnvilProcess
    accounts: list[LocalAccount]
    rpc: Rpc = field(init=False)
    clock: AnvilClock = field(init=False)

    def __post_init__(self) -> None:
        self.rpc = Rpc(self.process.url)
        self.clock = AnvilClock(self.rpc)

    @property
    def url(self) -> str:
        """Where the node is reached."""
        return self.process.url

    def seal(self, blocks: int = 1) -> None:
        """Seal that many blocks more, after what waits."""
        self.quiet()
        self.rpc.call("anvil_mine", hex(blocks))

    def quiet(self) -> None:
        """Wait until each transaction that was taken is in a block, unless they are held back."""
        until = time.monotonic() + PATIENCE_S
        while self.rpc.call("anvil_getAutomine") and int(self.rpc.call("txpool_status")["pending"], 16):
            assert time.monotonic() < until, "anvil does not seal what it took"
            time.sleep(POLL_S)

    def hold_back(self) -> None:
        """From now on what is sent waits for `seal`."""
        self.rpc.call("evm_setAutomine", False)  # noqa: FBT003 - as the protocol has it

    def let_go(self) -> None:
        """From now on each transaction is sealed at once again."""
        self.rpc.call("evm_setAutomine", True)  # noqa: FBT003 - as the protocol has it

    def lose_waiting(self) -> None:
        """Forget what waits, as a node does that restarts without its pool."""
        self.rpc.call("anvil_dropAllTransactions")

    def call_final_after(self, blocks: int) -> None:
        """Let `finalized` lie that far behind; here it can only be what it is."""
        assert blocks == FINAL_AFTER * self.process.slots

    def fund(self, addresses: Sequence[str]) -> None:
        """Give these accounts what fees cost."""
        self.rpc.batch([("anvil_setBalance", [each, hex(WEI_EACH)]) for each in addresses])


@contextmanager
def anvil_in_tests(process: AnvilProcess | None = None) -> Iterator[AnvilInTests]:
    """An anvil of its own with funded random accounts, until the block ends."""
    process = process or AnvilProcess()
    process.start()
    try:
        ledger = AnvilInTests(process, [Account.create() for _ in range(FUNDED)])
        ledger.fund([each.address for each in ledger.accounts])
        yield ledger
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

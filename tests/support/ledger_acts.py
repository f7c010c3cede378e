"""A deployed ledger in tests: acts and questions by name, on any chain that can carry them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from eth_account import Account

from contracts.artifacts import load
from contracts.deploy import Deployment, Governance, deploy

if TYPE_CHECKING:
    from tests.support.evm import Mined


class Chain(Protocol):
    """What carries the ledger: `tests.support.evm.Evm` or `tests.support.ledger_node.Node`."""

    @property
    def chain_id(self) -> int: ...
    @property
    def now(self) -> int: ...
    @property
    def block_number(self) -> int: ...
    def block_hash(self, number: int) -> bytes: ...
    def key(self, name: str) -> bytes: ...
    def nonce(self, address: str) -> int: ...
    def send(self, key: bytes, to: str | None, data: bytes) -> Mined: ...
    def call(self, to: str, data: bytes) -> bytes: ...
    def code(self, address: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the ledger as a receipt shows it."""

    contract: str
    name: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acted:
    """What an act left behind."""

    block: int
    gas: int
    events: list[Event]

    def one(self, name: str) -> dict[str, Any]:
        """The arguments of the only event of that name."""
        (found,) = [event.args for event in self.events if event.name == name]
        return found


@dataclass(frozen=True, slots=True)
class Steps:
    """`contracts.deploy.Deployer` over a test chain."""

    chain: Chain
    key: bytes

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self.chain.chain_id

    @property
    def address(self) -> str:
        """The deployer's account."""
        return str(Account.from_key(self.key).address)

    def nonce(self) -> int:
        """The account's next nonce."""
        return self.chain.nonce(self.address)

    def send(self, to: str | None, data: bytes) -> int:
        """Take a step; its block."""
        return self.chain.send(self.key, to, data).block

    def call(self, to: str, data: bytes) -> bytes:
        """What a call returns."""
        return self.chain.call(to, data)

    def code(self, address: str) -> bytes:
        """Code at an address."""
        return self.chain.code(address)


@dataclass(slots=True)
class Ledger:
    """The four contracts on a chain; everybody has a name and its key."""

    chain: Chain
    deployment: Deployment
    _names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = {address.lower(): name for name, address in self.deployment.addresses.items()}

    @classmethod
    def on(cls, chain: Chain, *, delay_s: int = 0) -> Ledger:
        """Deployed by `deployer` and governed by `admin`, `enroller` and `guardian`."""
        roles = {
            name: str(Account.from_key(chain.key(name)).address) for name in ("admin", "enroller", "guardian")
        }
        return cls(chain, deploy(Steps(chain, chain.key("deployer")), Governance(**roles, delay_s=delay_s)))

    def address(self, name: str) -> str:
        """The account of whoever has this name."""
        return str(Account.from_key(self.chain.key(name)).address)

    def at(self, contract: str) -> str:
        """Where a contract is."""
        return self.deployment.addresses[contract]

    def act(self, signer: str, contract: str, function: str, *args: Any, **named: Any) -> Acted:
        """Let `signer` act; arguments by place or by name.

        Raises:
            Reverted: the contract refuses.
        """
        data = load(contract).encode(function, named or args)
        mined = self.chain.send(self.chain.key(signer), self.at(contract), data)
        return Acted(mined.block, mined.gas, [self._event(*log) for log in mined.logs])

    def ask(self, contract: str, function: str, *args: Any, **named: Any) -> Any:
        """What a view answers."""
        artifact = load(contract)
        answer = self.chain.call(self.at(contract), artifact.encode(function, named or args))
        return artifact.decode_result(function, answer)

    def _event(self, address: str, topics: tuple[bytes, ...], data: bytes) -> Event:
        contract = self._names[address.lower()]
        name, args = load(contract).decode_log(topics, data)
        return Event(contract, name, args)

    def copy_on(self, chain: Chain) -> Ledger:
        """The same ledger on a copy of its chain."""
        return Ledger(chain, self.deployment)

"""Whatever anybody does in whatever order, the ledger's invariants hold and every refusal has a name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.artifacts import every_error
from contracts.rpc import Reverted
from iot_bridge.evidence.statement import name32
from tests.support.evm import Evm
from tests.support.ledger_life import DEPOSITOR, HOUR_S, LENDER, PARTIES, LedgerLife, hash_of

NAMES = {each.name for each in every_error().values()}
PIECES = {f"coil-{n}": 1_000 * n for n in range(1, 6)}
ISSUED, DELIVERED = 1, 2
EFFECTIVE = 4
BEGUN: list[LedgerLife] = []

callers = st.sampled_from(sorted(PARTIES))
pieces = st.lists(st.sampled_from(sorted(PIECES)), min_size=1, max_size=3, unique=True)
choices = st.integers(0, 5)
ids = st.integers(0, 4)
WRONG: dict[str, Callable[[LedgerLife, int, int], tuple[str, list[Any]]]] = {
    "cancelRequest": lambda _, one, __: ("ReceiptRegistry", [one]),
    "issue": lambda _, one, __: ("ReceiptRegistry", [one, hash_of("document"), []]),
    "orderReleaseByHolder": lambda life, one, _: ("ReceiptRegistry", [life.release_terms(one, 1)]),
    "deliver": lambda _, one, other: ("ReceiptRegistry", [one, other, []]),
    "encumber": lambda _, one, other: ("ReceiptRegistry", [one, other, name32(LENDER), hash_of("content")]),
    "disencumber": lambda _, one, __: ("ReceiptRegistry", [one]),
    "attorn": lambda _, one, __: ("PledgeRegistry", [one, hash_of("terms")]),
    "withdraw": lambda _, one, __: ("PledgeRegistry", [one]),
    "lapse": lambda _, one, __: ("PledgeRegistry", [one]),
    "recordLoanEvent": lambda _, one, __: ("PledgeRegistry", [one, hash_of("event")]),
    "close": lambda _, one, __: ("PledgeRegistry", [one]),
}
"""Act → how anybody may try it on two ids."""


def begun() -> LedgerLife:
    """A ledger with everybody enrolled, as a copy of one that is made once."""
    if not BEGUN:
        BEGUN.append(LedgerLife.begin(Evm()))
    return BEGUN[0].copy()


class Anybody(RuleBasedStateMachine):
    """Acts of anybody on anything, right or wrong, one after the other."""

    @initialize()
    def begin(self) -> None:
        self.life = begun()
        self.receipts = 0
        self.pledges: list[tuple[int, int]] = []
        self.orders: list[tuple[int, int]] = []
        self.ended: set[int] = set()
        self.mass: dict[int, int] = {}
        self.ordered: dict[int, int] = {}
        self.delivered: dict[int, int] = {}

    def attempt(self, act: Callable[[], Any]) -> Any:
        """What the act left behind; None if it was refused, which it must be by name."""
        try:
            return act()
        except Reverted as refusal:
            if refusal.revert.name not in NAMES:
                raise
            return None

    @rule(names=pieces)
    def issue(self, names: list[str]) -> None:
        free = [name for name in names if not self.of("liveReceiptOf", hash_of(name))]
        masses = {name: PIECES[name] for name in free or names}
        receipt = self.attempt(lambda: self.life.issue(masses))
        if receipt is None:  # the request is still open; taken back, it leaves room for others
            newest = self.life.request(masses)
            for request in (newest - 1, newest):
                self.life.ledger.act(DEPOSITOR, "ReceiptRegistry", "cancelRequest", request)
        else:
            self.receipts = receipt
            self.mass[receipt] = sum(masses.values())

    @precondition(lambda self: self.receipts)
    @rule(choice=choices, last_step=st.integers(0, 3))
    def pledge(self, choice: int, last_step: int) -> None:
        """Take a pledge as far as the last step."""
        receipt = 1 + choice % self.receipts
        pledge = self.attempt(lambda: self.life.endorse([receipt]))
        if pledge is None:
            return
        self.pledges.append((pledge, receipt))
        for step in (self.life.attorn, self.life.register, self.life.accept)[:last_step]:
            self.attempt(partial(step, pledge))

    @precondition(lambda self: self.pledges)
    @rule(choice=choices)
    def release(self, choice: int) -> None:
        pledge, receipt = self.pledges[choice % len(self.pledges)]
        self.attempt(lambda: self.life.release(pledge, receipt))

    @precondition(lambda self: self.pledges)
    @rule(choice=choices, act=st.sampled_from(["accept", "record", "close"]))
    def serve(self, choice: int, act: str) -> None:
        pledge, _ = self.pledges[choice % len(self.pledges)]
        arguments = ("event",) if act == "record" else ()
        self.attempt(lambda: getattr(self.life, act)(pledge, *arguments))

    @precondition(lambda self: self.pledges)
    @rule(by=st.sampled_from([DEPOSITOR, LENDER]), choice=choices, act=st.sampled_from(["withdraw", "lapse"]))
    def end(self, by: str, choice: int, act: str) -> None:
        pledge, _ = self.pledges[choice % len(self.pledges)]
        self.attempt(lambda: self.life.ledger.act(by, "PledgeRegistry", act, pledge))

    @precondition(lambda self: self.receipts)
    @rule(choice=choices, share=st.sampled_from([1, 2, 3, 4, 4]))
    def order(self, choice: int, share: int) -> None:
        receipt = 1 + choice % self.receipts
        kg = self.of("remainingKg", receipt) * share // 4
        order = self.attempt(lambda: self.life.order(receipt, kg))
        if order is not None:
            self.orders.append((order, receipt))
            self.ordered[receipt] = self.ordered.get(receipt, 0) + kg

    @precondition(lambda self: self.orders)
    @rule(choice=choices, count=st.integers(1, 2))
    def deliver(self, choice: int, count: int) -> None:
        """Deliver the first pieces of an order's receipt, whatever it allows."""
        order, receipt = self.orders[choice % len(self.orders)]
        left = self.of("piecesOf", receipt)
        masses = {name: kg for name, kg in PIECES.items() if hash_of(name) in left[:count]}
        if self.attempt(lambda: self.life.deliver(order, masses)) is not None:
            self.delivered[receipt] = self.delivered.get(receipt, 0) + sum(masses.values())

    @rule(by=callers, act=st.sampled_from(sorted(WRONG)), one=ids, other=ids)
    def intrude(self, by: str, act: str, one: int, other: int) -> None:
        """Anybody tries anything on any id; where it is not refused, it was his to do."""
        contract, arguments = WRONG[act](self.life, one, other)
        before = self.controllers()
        if self.attempt(lambda: self.life.ledger.act(by, contract, act, *arguments)) is not None:
            assert self.controllers() == before or by == LENDER or act == "lapse"

    def controllers(self) -> list[bytes]:
        return [self.of("controllerOf", receipt) for receipt in range(1, self.receipts + 1)]

    @rule(seconds=st.sampled_from([60, 60, HOUR_S, 8 * 24 * HOUR_S]))
    def wait(self, seconds: int) -> None:
        assert isinstance(self.life.ledger.chain, Evm)
        self.life.ledger.chain.wait(seconds)

    def of(self, function: str, *args: Any) -> Any:
        return self.life.ledger.ask("ReceiptRegistry", function, *args)

    @invariant()
    def one_live_receipt_for_each_piece(self) -> None:
        listed = [
            (piece, receipt)
            for receipt in range(1, self.receipts + 1)
            if self.of("stateOf", receipt) == ISSUED
            for piece in self.of("piecesOf", receipt)
        ]
        assert len({piece for piece, _ in listed}) == len(listed)
        where = dict(listed)
        for name in PIECES:
            assert self.of("liveReceiptOf", hash_of(name)) == where.get(hash_of(name), 0)

    @invariant()
    def one_controller_for_each_live_receipt_and_none_for_a_void_one(self) -> None:
        for receipt in range(1, self.receipts + 1):
            controller, pledge = self.of("controllerOf", receipt), self.of("pledgeOf", receipt)
            if self.of("stateOf", receipt) == DELIVERED:
                assert (controller, pledge) == (bytes(32), 0)
            else:
                assert controller == name32(LENDER if pledge else DEPOSITOR)

    @invariant()
    def one_live_pledge_for_each_receipt(self) -> None:
        ask = self.life.ledger.ask
        for receipt in range(1, self.receipts + 1):
            pledge = self.of("pledgeOf", receipt)
            if pledge:
                assert ask("PledgeRegistry", "livePledgeOf", receipt) == pledge
                assert ask("PledgeRegistry", "statusOf", pledge) == EFFECTIVE
                assert receipt in ask("PledgeRegistry", "receiptsOf", pledge)

    @invariant()
    def delivered_is_at_most_ordered_and_at_most_what_was_there(self) -> None:
        for receipt, kg in self.delivered.items():
            assert kg <= self.ordered[receipt]
            assert kg <= self.mass[receipt]
            left = self.of("remainingKg", receipt)
            assert kg + left == self.mass[receipt] or self.of("stateOf", receipt) == DELIVERED

    @invariant()
    def void_receipts_stay_void(self) -> None:
        void = {n for n in range(1, self.receipts + 1) if self.of("stateOf", n) == DELIVERED}
        assert self.ended <= void
        self.ended = void


class TestAnyOrderOfActs(Anybody.TestCase):
    settings = settings(
        max_examples=8,
        stateful_step_count=36,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

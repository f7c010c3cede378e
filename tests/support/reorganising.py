"""Random lives of a bank on a node whose blocks above the final one may be taken back at any time.

1. A ground is laid once: contracts, parties, two receipts, and a loan that waits for its pledge.
2. A schedule goes back to it by a snapshot of the node and a copy of the database. Parties act, blocks come
   and are replaced, and the bank works in between: follower, outbox, drawdown, payments.
3. Whenever the bank has written a payment, the final block of the node must show its pledge in force. At the
   end it still must, each act of the bank must be on the ledger once, and a replay must find the same rows.

`Broken` names the promise that was not kept. A schedule is repeated by its seed.
"""

import random
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlmodel import select

from backend.chain.follower import Follower
from backend.chain.outbox import Outbox
from backend.chain.rules import ActState, ReorganisedBelowFinality
from backend.chain.tables import ActRow
from backend.db import reading, transaction
from backend.errors import TallystickError
from backend.loans.actions import reading as loans
from backend.payments import actions as payments
from backend.payments.rules import IntentState
from backend.payments.tables import PaymentIntentRow
from backend.pledges.tables import RecordedLoanEventRow
from contracts.artifacts import load
from contracts.rpc import NodeRefused, NodeUnavailable, Reverted
from contracts.sender import Sender
from iot_bridge.evidence.statement import name32
from tests.backend.loans.bank import LOAN, Bank
from tests.support.ledger_life import DEPOSITOR, HOUR_S, LENDER, hash_of
from tests.support.projections import PROJECTED, contents
from tests.support.reorganising_ground import DEPTH, RECEIPT, Ground, bank_on, ground_in

EFFECTIVE: Final = 4
TICKS: Final = 20
SCHEDULES_A_NODE: Final = 10
MOST_FORGOTTEN: Final = 3


class Broken(AssertionError):
    """A promise was not kept; the message names it."""


class NodeForgot(Exception):
    """The node has no state for the block that it went back to: anvil's fault, after some hundreds."""


@dataclass(slots=True)
class Wish:
    """A pledge that somebody wants, and the id under which it was endorsed last."""

    receipt: int
    terms: bytes
    id: int = 0


@dataclass(slots=True)
class Schedule:
    """One random life of the bank; `run` raises `Broken` where a promise does not hold."""

    ground: Ground
    seed: int
    folder: Path
    chance: random.Random = field(init=False)
    bank: Bank = field(init=False)
    follower: Follower = field(init=False)
    outbox: Outbox = field(init=False)
    wishes: list[Wish] = field(init=False)
    final_ever: int = 0
    taken_back: int = 0
    suspended: bool = False
    by_marks: bool = False
    """Whether blocks go by the node's snapshots, which leave it shorter, or by its reorganisations."""
    marks: list[tuple[int, str]] = field(default_factory=list)

    def run(self) -> bool:
        """Live it to its end; whether the loan was paid out."""
        self.chance = random.Random(self.seed)  # noqa: S311 - a schedule that its seed repeats
        self.by_marks = self.chance.random() < 0.5
        self.ground.go_back()
        self.wishes = [Wish(RECEIPT, self.ground.terms), Wish(2, hash_of("other terms"))]
        self.bank, projectors = bank_on(self.ground, self.folder, "begun.sqlite")
        rpc, ledger = self.ground.node.rpc, self.ground.life.ledger
        self.final_ever = rpc.block_number()  # the node could not go back to a ground that it had lost
        self.follower = Follower(rpc, self.bank.engine, self.ground.followed, projectors)
        sender = Sender(rpc, self.folder / "out.sqlite")
        addresses = ledger.deployment.addresses
        self.outbox = Outbox(self.bank.engine, rpc, sender, keys=self.ground, addresses=addresses)
        for _ in range(TICKS):
            self.live()
            if self.chance.random() < 0.7:
                self.work()
        return self.end()

    def live(self) -> None:
        """Something happens on the ledger."""
        rpc = self.ground.node.rpc
        if self.by_marks:
            self.marks.append((rpc.block_number(), rpc.call("evm_snapshot")))
        choice = self.chance.random()
        with suppress(Reverted):
            if choice < 0.35:
                self.pledge(self.wishes[0])
            elif choice < 0.45:
                self.pledge(self.wishes[1])
            elif choice < 0.55:
                self.another()
            elif choice < 0.8:
                self.take_back()
            else:
                self.ground.node.seal(self.chance.randint(1, 6))
        self.final_ever = max(self.final_ever, rpc.block_number() - DEPTH)

    def take_back(self) -> None:
        """Replace blocks that were not final; some of their transactions come again, the others never."""
        rpc = self.ground.node.rpc
        newest = rpc.block_number()
        lowest = max(self.final_ever, newest - DEPTH)
        marks = [each for each in self.marks if lowest <= each[0] < newest]
        if newest == lowest or (self.by_marks and not marks):
            return
        height, mark = (
            self.chance.choice(marks) if self.by_marks else (self.chance.randrange(lowest, newest), "")
        )
        numbers = range(height + 1, newest + 1)
        blocks = rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        gone = [tx for block in blocks for tx in block["transactions"]]
        again = gone[: self.chance.randint(0, len(gone))]
        raws = rpc.batch([("eth_getRawTransactionByHash", [each]) for each in again])
        self.ground.differ()
        if self.by_marks:
            assert rpc.call("evm_revert", mark)
            self.marks = [each for each in self.marks if each[0] < height]
            self.ground.node.seal(self.chance.randint(0, 2))
        else:
            rpc.call("anvil_reorg", newest - height, [])
        self.taken_back += 1
        if len(rpc.call("eth_getCode", self.ground.life.ledger.at("PledgeRegistry"), "latest")) <= len("0x"):
            raise NodeForgot
        for raw in raws:
            with suppress(NodeRefused):
                rpc.call("eth_sendRawTransaction", raw)
        self.ground.node.quiet()

    def pledge(self, wish: Wish) -> None:
        """The next step of a pledge, as the newest block has it."""
        life, registry = self.ground.life, "PledgeRegistry"
        act, lender, ask = life.ledger.act, name32(LENDER), life.ledger.ask
        status = ask(registry, "statusOf", wish.id) if wish.id else 0
        try:
            if status == 0:
                until = life.ledger.chain.now + 24 * HOUR_S
                made = act(DEPOSITOR, registry, "endorse", [wish.receipt], lender, wish.terms, until)
                wish.id = int(made.one("PledgeEndorsed")["pledgeId"])
            elif status == 1:
                act(life.site.operator, registry, "attorn", wish.id, wish.terms)
            elif status == 2:
                filing = [hash_of("filing"), 1_790_000_000, hash_of("search")]
                act(LENDER, registry, "register", wish.id, wish.terms, *filing)
            elif status == 3:
                fields = {"pledge": wish.id, "terms": wish.terms}
                signed = life.signed(registry, "Acceptance", fields)
                act(LENDER, registry, "accept", wish.id, wish.terms, signed)
            elif wish.receipt != RECEIPT:
                life.record(wish.id, f"event {self.chance.random()}")
        except Reverted:
            wish.id = 0  # another pledge has that id on the chain that stands now
            raise

    def another(self) -> None:
        """The next step of the third receipt, or a suspension that comes and goes."""
        life, ask = self.ground.life, self.ground.life.ledger.ask
        if self.chance.random() < 0.3:
            self.suspended = not self.suspended
            life.suspend("Party", "plain-inspection", suspended=self.suspended)
        elif ask("EvidenceLog", "latestHead", name32(life.site.name))["size"] < life.site.log.size:
            life.site.anchor()
        elif self.chance.random() < 0.5:
            life.site.witness()
        else:
            request = life.request({"coil-3": 9_800})
            index = len(life.site.entries)
            document = hash_of("document of coil-3")
            evidence = [life.site.evidence(index)]
            life.ledger.act(life.site.operator, "ReceiptRegistry", "issue", request, document, evidence)

    def work(self) -> None:
        """The bank's round: follow, carry out acts, draw down, pay."""
        for part in (self.follower.step, self.follower.step, self.outbox.step):
            try:
                part()
            except (NodeUnavailable, NodeRefused):
                continue
            except ReorganisedBelowFinality as stopped:
                raise Broken(f"seed {self.seed}: stopped although nothing final was taken back") from stopped
        with suppress(TallystickError), transaction(self.bank.engine) as session:
            payments.disburse(session, self.bank.desk, LOAN, by="sun", at=self.bank.at)
        self.require_pledged()
        self.bank.step()

    def intent(self) -> PaymentIntentRow | None:
        """The payment that the bank wrote, if it did."""
        with reading(self.bank.engine) as session:
            return session.exec(select(PaymentIntentRow)).first()

    def require_pledged(self) -> None:
        """Where a payment is written, a final block shows the loan's pledge in force on its receipt."""
        if self.intent() is None:
            return
        with reading(self.bank.engine) as session:
            pledge = loans.loan(session, LOAN).pledge_id
        held = self.ground.at(self.final_ever, "ReceiptRegistry", "pledgeOf", RECEIPT)
        status = self.ground.at(self.final_ever, "PledgeRegistry", "statusOf", pledge)
        if (held, status) != (pledge, EFFECTIVE):
            raise Broken(
                f"seed {self.seed}: paid on pledge {pledge} that no final block has ({held}, {status})"
            )

    def end(self) -> bool:
        """Let everything become final, and hold the bank against the ledger."""
        for _ in range(5):
            self.ground.node.seal(DEPTH + 1)
            self.final_ever = self.ground.node.rpc.block_number() - DEPTH
            self.work()
        self.follower.catch_up()
        self.require_pledged()
        self.require_acts_done_once()
        self.require_replay_equal()
        intent = self.intent()
        self.bank.engine.dispose()
        if intent is None:
            return False
        if intent.state != IntentState.SETTLED or self.bank.rail.outcome(intent.end_to_end_id) is None:
            raise Broken(f"seed {self.seed}: a payment was written and not made")
        return True

    def require_acts_done_once(self) -> None:
        """Each act that the bank decided is confirmed, and the ledger has its effect once."""
        with reading(self.bank.engine) as session:
            acts = session.exec(select(ActRow)).all()
            told = session.exec(select(RecordedLoanEventRow.commitment)).all()
        recorded = load("PledgeRegistry").functions["recordLoanEvent"]
        meant = [recorded.decode(act.calldata[4:])["commitment"] for act in acts]
        states = [act.state for act in acts]
        if set(states) - {ActState.CONFIRMED} or any(told.count(each) != 1 for each in meant):
            raise Broken(
                f"seed {self.seed}: acts {states}, on the ledger {[told.count(m) for m in meant]} times"
            )

    def require_replay_equal(self) -> None:
        """A bank that follows the ledger from its first block knows the same."""
        (self.folder / "again").mkdir()
        again, projectors = bank_on(self.ground, self.folder / "again", "empty.sqlite")
        Follower(self.ground.node.rpc, again.engine, self.ground.followed, projectors).catch_up()
        for table in PROJECTED:
            if contents(self.bank.engine, table) != contents(again.engine, table):
                raise Broken(f"seed {self.seed}: a replay finds other rows in {table.__tablename__}")
        again.engine.dispose()


def run_schedules(seeds: Sequence[int], folder: Path) -> tuple[int, int]:
    """Live schedules one after the other; how many were paid out, and how often blocks were taken back."""
    paid = taken_back = forgot = 0
    waiting = list(seeds)
    while waiting:
        place = Path(tempfile.mkdtemp(dir=folder))
        with ground_in(place) as ground, suppress(NodeForgot):
            for seed in waiting[:SCHEDULES_A_NODE]:
                (place / str(seed)).mkdir()
                schedule = Schedule(ground, seed, place / str(seed))
                forgot += 1  # until it has come to its end
                paid += schedule.run()
                taken_back += schedule.taken_back
                forgot -= 1
                waiting.remove(seed)
        assert forgot <= MOST_FORGOTTEN, "the node forgets too much to be asked"
        shutil.rmtree(place)
    return paid, taken_back

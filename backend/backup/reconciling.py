"""Bring a restored bank back to what it has done since its backup, and let it act again once that is known.

1. The ledger must have the block that the backup was made at.
2. The ledger is followed to its final head, so that the tables know what happened after the backup.
3. The rail is asked what became of every open payment, and its new lines are taken; nothing is instructed.
4. Every act that the book does not know to be done is looked for among what our accounts have sent since.
5. Where the ledger counts more of an account than the book, the ledger's count is taken.
6. What no record explains is a finding. Without one the mark is lifted; else two people accept the report.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlmodel import Session

from backend.backup import findings
from backend.backup.actions import lift
from backend.backup.findings import Accounts
from backend.backup.rules import (
    AnotherLedger,
    Mark,
    Matched,
    NotFinalYet,
    OpenAct,
    Report,
    ReportDiffers,
    SentCall,
    StepKind,
    match,
)
from backend.backup.tables import ReconciliationRow, keep_step, standing_marks, steps_of
from backend.chain.actions import confirmed_height
from backend.chain.adopting import OpenCall, adopt, are_followed, open_calls
from backend.chain.follower import Follower
from backend.chain.ours import Counts, OwnTransaction, counts_of, transactions_of
from backend.chain.rules import Act
from backend.clock import Moment
from backend.db import carry_out, reading, stored_number, to_hex
from backend.identity.actions import two_people_in_role
from backend.identity.rules import OrganisationDiffers, Role
from backend.payments.actions import newest_line, unfinished
from backend.payments.worker import PaymentWorker
from contracts.outgoing import Book
from contracts.rpc import NodeUnavailable, Rpc

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Everything that a restored bank is compared with.

    Attributes:
        bank: the bank's own party, whose people accept.
        engine: the restored database.
        rpc: the ledger's node, known to be the declared one.
        start_block: from where the ledger is followed at all.
        follower: with the projectors of the bank at work.
        payments: the payment worker of the bank at work.
        book: what was signed to be sent.
        accounts: our signers, and the contracts.
        on_refused: what follows from an act that turns out to have failed.
        now: wall-clock time.
    """

    bank: str
    engine: Engine
    rpc: Rpc
    start_block: int
    follower: Follower
    payments: PaymentWorker
    book: Book
    accounts: Accounts
    on_refused: Callable[[Session, Act], None]
    now: Callable[[], datetime]

    def reconcile(self, at: Moment) -> Report | None:
        """Compare and adopt; the mark is lifted if nothing needs people. None where no mark stands.

        Whatever is raised, what was adopted so far stays adopted, and the next call goes on from there.

        Raises:
            AnotherLedger: the ledger does not have the backup's block.
            NotFinalYet: transactions of ours are in blocks that are not final.
            NodeUnavailable: or `OutcomeUnknown`: ledger or rail does not answer.
        """
        with reading(self.engine) as session:
            marks = standing_marks(session)
        if not marks:
            return None
        report = self._report(marks, at)
        log.info("restored_bank_compared", report=to_hex(report.hash()), findings=len(report.findings))
        if not report.needs_people:
            carry_out(self.engine, lambda session: lift(session, report, by=(), now=self.now()))
        return report

    def accept(self, wanted: bytes, people: tuple[str, str], at: Moment) -> Report | None:
        """Lift the mark on the word of two people of the bank, if what they accept is what is found now.

        Where nothing is left to accept, the mark is lifted without them.

        Raises:
            ReportDiffers: something has changed since they read the report, or it was another one.
            SamePerson: or `PersonUnknown`, `PersonLeft`, `RoleMissing`, `OrganisationDiffers`: they are not
                two approvers of this bank.
            AnotherLedger: or another reason of `reconcile`.
        """
        with reading(self.engine) as session:
            self._require_two(session, people)
        report = self.reconcile(at)
        if report is None or not report.needs_people:
            return report
        if report.hash() != wanted:
            raise ReportDiffers(accepted=to_hex(wanted), present=to_hex(report.hash()))

        def accepted(session: Session) -> None:
            self._require_two(session, people)
            lift(session, report, by=people, now=self.now())

        carry_out(self.engine, accepted)
        return report

    def _require_two(self, session: Session, people: tuple[str, str]) -> None:
        first, _ = two_people_in_role(session, *people, Role.APPROVER)
        if first.organisation != self.bank:
            raise OrganisationDiffers(first=first.organisation, second=self.bank)

    def _report(self, marks: list[ReconciliationRow], at: Moment) -> Report:
        mark = stored_number(marks[0].id)
        self._require_same_ledger(marks)  # 1
        self.follower.catch_up()  # 2
        begun = carry_out(self.engine, partial(self._begin, mark=mark))
        held = self.payments.find_out(at).held  # 3
        with reading(self.engine) as session:
            height = confirmed_height(session)
        counts = self._settled_counts(height)
        first = min(self.start_block if each.height is None else each.height + 1 for each in marks)
        sent = {each.hash: each for each in self._sent(first, height)}
        matched = carry_out(self.engine, partial(self._adopt, mark=mark, sent=sent))  # 4
        self._adopt_nonces(mark, counts)  # 5
        with reading(self.engine) as session:  # 6
            found = [
                *findings.of_transactions(session, self.accounts, self.book, matched.unexplained, sent),
                *findings.waiting(session, self.accounts, self.book, counts),
                *findings.of_payments(session, self.payments.rail, begun, held),
            ]
            return Report(
                marks=tuple(_in_words(each) for each in marks),
                steps=tuple(steps_of(session, mark)),
                payments=findings.settled(session, begun["payments"]),
                lines=tuple(findings.lines_since(session, begun)),
                findings=tuple(found),
            )

    def _require_same_ledger(self, marks: list[ReconciliationRow]) -> None:
        newest = self.rpc.block_number()
        for mark in marks:
            if mark.block_number is None or mark.block_hash is None:
                continue
            if newest < mark.block_number:
                raise NodeUnavailable(
                    newest=newest, why=f"it is behind the backup's block {mark.block_number}"
                )
            there = bytes.fromhex(self.rpc.block(mark.block_number)["hash"][2:])
            if there != mark.block_hash:
                raise AnotherLedger(
                    block=mark.block_number, backup=to_hex(mark.block_hash), ledger=to_hex(there)
                )

    def _begin(self, session: Session, *, mark: int) -> Mapping[str, Any]:
        """Where the book stood when reconciling began; a later call finds the first one's answer."""
        rail = self.payments.rail.name
        facts = {
            "rail": rail,
            "line": newest_line(session, rail),
            "payments": sorted(each.instruction.end_to_end_id for each in unfinished(session)),
        }
        return keep_step(session, mark, StepKind.BEGUN, "", facts)

    def _settled_counts(self, height: int) -> dict[str, Counts]:
        """The ledger's counts of our accounts, once all that is in a block is in a final one."""
        counts = counts_of(self.rpc, self.accounts.signers, height)
        for signer, count in counts.items():
            if count.latest != count.final:
                raise NotFinalYet(signer=signer, final=count.final, newest=count.latest, height=height)
        return counts

    def _sent(self, first: int, last: int) -> list[OwnTransaction]:
        """What our accounts sent in those blocks, which must be of the chain that was followed."""
        sent = transactions_of(self.rpc, self.accounts.signers, first, last) if first <= last else []
        there = bytes.fromhex(self.rpc.block(last)["hash"][2:])
        with reading(self.engine) as session:
            if not are_followed(session, sent, self.accounts.followed, (last, there)):
                raise NodeUnavailable(block=last, why="it serves other blocks than were followed")
        return sent

    def _adopt(self, session: Session, *, mark: int, sent: Mapping[bytes, OwnTransaction]) -> Matched:
        """Keep every act that was found as done, or as refused where it failed; what is left over."""
        known = {
            str(step.facts["transaction"]) for step in steps_of(session, mark) if "transaction" in step.facts
        }
        acts = {each.key: each for each in open_calls(session)}
        calls = [_call(each) for each in sent.values() if to_hex(each.hash) not in known]
        matched = match([self._open(each) for each in acts.values()], calls)
        for key, call in (matched.done | matched.failed).items():
            found = sent[call.hash]
            adopted = adopt(session, key, found)
            kind = StepKind.ACT_FAILED if found.failed else StepKind.ACT_CONFIRMED
            keep_step(session, mark, kind, key, _facts(acts[key], found))
            if found.failed:
                self.on_refused(session, adopted)
        return matched

    def _open(self, act: OpenCall) -> OpenAct:
        hashes = {each.hash for each in self.book.attempts(act.key)}
        to = self.accounts.address(act.contract)
        return OpenAct(act.key, act.signer, to, act.calldata, frozenset(hashes))

    def _adopt_nonces(self, mark: int, counts: Mapping[str, Counts]) -> None:
        for signer, count in counts.items():
            address = self.accounts.signers[signer]
            ours = self.book.next_nonce(address, 0)
            if count.final <= ours:
                continue
            facts = {"signer": signer, "from": ours, "to": count.final}
            subject = f"{signer}:{count.final}"
            carry_out(
                self.engine,
                lambda session, subject=subject, facts=facts: keep_step(  # type: ignore[misc]
                    session, mark, StepKind.NONCE_ADOPTED, subject, facts
                ),
            )
            self.book.adopt(address, count.final)


def _in_words(mark: ReconciliationRow) -> Mark:
    block = None if mark.block_hash is None else to_hex(mark.block_hash)
    return Mark(mark.restored_at.isoformat(), mark.height, block)


def _call(sent: OwnTransaction) -> SentCall:
    return SentCall(sent.hash, sent.signer, sent.to, sent.calldata, sent.failed)


def _facts(act: OpenCall, found: OwnTransaction) -> dict[str, object]:
    return {
        "signer": act.signer,
        "function": act.function,
        "transaction": to_hex(found.hash),
        "block": found.block_number,
    }

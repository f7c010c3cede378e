"""What must hold after any fault: checked on what the parts of a story have left on their disks.

1. Evidence that the bank acknowledged is in the site's log, at that place, exactly once.
2. No device's sequence has a hole that nobody declared.
3. The books balance, each journal is unbroken, and what a loan owes follows from its facts.
4. Each intended payment moved money once, and the rail moved none that nobody intended.
5. Each intended act is in the chain at most once, and no payment went out before its pledge was confirmed.
6. What the bank believes of the ledger is what a replay from the first block gives.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select

from backend.app.bank import Bank
from backend.chain.follower import Follower
from backend.chain.rules import ActState
from backend.chain.tables import ActRow, LogRow
from backend.db import open_database, reading
from backend.evidence.tables import DeclaredGapRow, StatementRow
from backend.loans.actions import reading as loans
from backend.loans.actions.acts import terms_of
from backend.loans.rules.book import balances_of, book
from backend.loans.rules.facts import FactKind
from backend.loans.tables.loan import LoanRow
from backend.migrations import upgrade
from backend.parties import projection as parties
from backend.payments.tables import PaymentIntentRow, StatementLineRow
from backend.pledges import projection as pledges
from backend.pledges.tables import PledgeRow
from backend.receipts import projection as receipts
from tests.backend.app.test_replay import PROJECTED

LOOKS: Final = 5
PAUSE_S: Final = 1.0


def broken_promises(bank: Bank, bridge: Path, scratch: Path) -> list[str]:
    """Every promise that does not hold, in words; an empty list is what is wanted.

    The parts go on while they are asked one after the other, so something may look broken that only came
    between two looks. A broken promise stays broken: it is told when it is found each time.

    Args:
        bank: the installation, whose worker may run meanwhile.
        bridge: the data folder of the site's bridge.
        scratch: an empty folder for the replays.
    """
    found = _look(bank, bridge, scratch / "look-0")
    for number in range(1, LOOKS):
        if not found:
            break
        time.sleep(PAUSE_S)
        again = _look(bank, bridge, scratch / f"look-{number}")
        found = [each for each in found if each in again]
    return found


def _look(bank: Bank, bridge: Path, scratch: Path) -> list[str]:
    scratch.mkdir()
    with reading(bank.engine) as session:
        found = [
            *_evidence(session, bridge),
            *_sequences(session),
            *_books(session),
            *_payments(session, bank),
            *_acts(session),
            *_order_of_money(session),
        ]
    return [*found, *_replay(bank, scratch)]


def _evidence(session: Session, bridge: Path) -> Iterator[str]:
    with sqlite3.connect(f"file:{bridge / 'spool.sqlite'}?mode=ro", uri=True) as spool:
        entries = spool.execute("SELECT log_index, entry FROM entry WHERE log_index > 0")
        logged = {index: bytes(entry) for index, entry in entries}
        waiting = {row[0] for row in spool.execute("SELECT log_index FROM waiting")}
    spool.close()
    taken = {row.log_index: row.entry for row in session.exec(select(StatementRow))}
    for index, entry in taken.items():
        if logged.get(index) != entry:
            yield f"statement {index} of the bank is not what the site's log has there"
    for index in sorted(set(logged) - waiting - set(taken)):
        yield f"statement {index} was let go by the spool, and the bank does not have it"


def _sequences(session: Session) -> Iterator[str]:
    declared = {(row.device, row.last_seq) for row in session.exec(select(DeclaredGapRow))}
    by_device: dict[bytes, list[int]] = {}
    for row in session.exec(select(StatementRow)):
        by_device.setdefault(row.device, []).append(row.seq)
    for device, numbers in by_device.items():
        ordered = sorted(numbers)
        for before, after in pairwise(ordered):
            if after != before + 1 and (device, after - 1) not in declared:
                yield f"device {device.hex()[:8]} goes from {before} to {after}"


def _books(session: Session) -> Iterator[str]:
    if sum(loans.trial_balance(session).values()) != 0:
        yield "the trial balance is not zero"
    for loan_id in session.exec(select(LoanRow.id)):
        loan, facts = loans.loan(session, loan_id), loans.facts(session, loan_id)
        entries = loans.journal(session, loan_id)
        if not facts:
            continue
        terms = terms_of(loan)
        assert terms is not None, loan_id
        if balances_of(each.posting for each in entries) != balances_of(book(terms, facts).postings):
            yield f"the journal of {loan_id} is not what its facts give"
        drawn = Counter(fact.kind for fact in facts)[FactKind.DRAW]
        if drawn > 1:
            yield f"{loan_id} was drawn {drawn} times"


def _payments(session: Session, bank: Bank) -> Iterator[str]:
    with sqlite3.connect(f"file:{bank.settings.rail_file()}?mode=ro", uri=True) as rail:
        paid = dict(rail.execute("SELECT end_to_end_id, amount_minor FROM payment"))
        lines = Counter(rail.execute("SELECT reference, amount_minor FROM line WHERE direction = 'out'"))
    rail.close()
    intended = {row.end_to_end_id: row.amount_minor for row in session.exec(select(PaymentIntentRow))}
    for name, amount in paid.items():
        if intended.get(name) != amount:
            yield f"the rail paid {name}, which nobody intended so"
    for line, times in lines.items():
        if times > 1:
            yield f"the rail moved {line} {times} times"
    numbers = [row.number for row in session.exec(select(StatementLineRow))]
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        yield f"statement lines were taken as {sorted(numbers)}"


def _acts(session: Session) -> Iterator[str]:
    acts = session.exec(select(ActRow)).all()
    sent = Counter(act.tx_hash for act in acts if act.tx_hash is not None)
    for name, times in sent.items():
        if times > 1:
            yield f"transaction {name.hex()[:8]} stands for {times} acts"
    done = Counter(
        (act.signer, act.contract, act.calldata) for act in acts if act.state == ActState.CONFIRMED.value
    )
    for (signer, contract, _), times in done.items():
        if times > 1:
            yield f"{signer} did one act on {contract} {times} times"
    logs = {row.tx_hash for row in session.exec(select(LogRow))}
    for act in acts:
        if act.state == ActState.CONFIRMED.value and act.tx_hash not in logs:
            yield f"act {act.key} is called confirmed and no event of it is known"


def _order_of_money(session: Session) -> Iterator[str]:
    for intent in session.exec(select(PaymentIntentRow)):
        pledge_id = loans.loan(session, intent.loan_id).pledge_id
        pledge = None if pledge_id is None else session.get(PledgeRow, pledge_id)
        if pledge is None or pledge.effective_at is None:
            yield f"{intent.end_to_end_id} has no confirmed pledge"


def _replay(bank: Bank, scratch: Path) -> Iterator[str]:
    again = open_database(f"sqlite:///{scratch / 'replay.sqlite'}")
    upgrade(again)
    projectors = [parties.project, receipts.project, pledges.project, bank.mirror.project]
    Follower(bank.rpc, again, bank.followed, projectors).catch_up()
    for table in PROJECTED:
        if _contents(bank.engine, table) != _contents(again, table):
            yield f"table {table.__tablename__} is not what a replay gives"
    again.dispose()


def _contents(engine: Engine, table: type[SQLModel]) -> list[dict[str, object]]:
    with reading(engine) as session:
        return sorted((row.model_dump() for row in session.exec(select(table)).all()), key=repr)

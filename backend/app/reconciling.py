"""A restored bank compared with its own ledger and rail: by the worker as it starts, or by hand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from backend.app.bank import Bank
from backend.app.logs import log_as_json
from backend.app.reactions import BankReactions
from backend.backup.findings import Accounts
from backend.backup.reconciling import Reconciler
from backend.backup.rules import Report
from backend.chain.follower import Follower
from backend.db import from_hex, to_hex
from backend.migrations import require_current
from backend.payments.worker import PaymentWorker
from backend.settings import Settings
from contracts.keystore import KeyUnknown
from contracts.outgoing import Book

BOOK: Final = "outgoing.sqlite"
ACCEPT: Final = "tallystick reconcile --accept {hash} --by PERSON --by PERSON"


@contextmanager
def reconciler_of(bank: Bank) -> Iterator[Reconciler]:
    """What compares this bank; its ledger is known to be the declared one.

    Raises:
        AnotherChain: or `DeploymentDiffers`: the ledger is not the declared one.
        NodeUnavailable: the node does not answer.
        KeyUnknown: a key of the bank is not in the keystore, so what it has sent could not be told.
    """
    bank.require_published_contracts()
    reactions = BankReactions(bank)
    book = Book(bank.settings.data / BOOK, bank.deployment.chain_id)
    try:
        yield Reconciler(
            bank=bank.settings.bank,
            engine=bank.engine,
            rpc=bank.rpc,
            start_block=bank.deployment.block,
            follower=Follower(bank.rpc, bank.engine, bank.followed, reactions.projectors()),
            payments=PaymentWorker(bank.engine, bank.rail, bank.desk, (reactions.on_line,)),
            book=book,
            accounts=Accounts(_signers(bank), _contracts(bank)),
            on_refused=reactions.on_refused,
            now=bank.wall.now,
        )
    finally:
        book.close()


def _signers(bank: Bank) -> dict[str, str]:
    """Every key that the bank could have sent with."""
    settings, signers = bank.settings, bank.keys.addresses()
    for name in (settings.bank, settings.witness_signer, settings.enroller, settings.guardian):
        if name and name not in signers:
            raise KeyUnknown(name=name, folder=str(settings.keystore))
    return signers


def _contracts(bank: Bank) -> dict[str, str]:
    return {address.lower(): name for name, address in bank.deployment.addresses.items()}


def reconcile(settings: Settings, *, accept: str | None, people: list[str], as_json: bool) -> None:
    """Reconcile, and say what was found; ends with 1 while something waits for two people."""
    log_as_json()  # to where errors go, so that the answer is a program's to read
    bank = Bank.without_ledger(settings)
    try:
        require_current(bank.engine)
        with reconciler_of(bank) as reconciler:
            if accept is None:
                report = reconciler.reconcile(bank.moment())
            else:
                first, second = people
                report = reconciler.accept(from_hex(accept), (first, second), bank.moment())
    finally:
        bank.engine.dispose()
    if report is None:
        typer.echo(json.dumps({"reconciled": True}) if as_json else "Nothing to reconcile: no mark stands.")
        return
    waits = report.needs_people and accept is None
    said = {"reconciled": not waits, "hash": to_hex(report.hash()), "report": report.content()}
    typer.echo(json.dumps(said, indent=1) if as_json else _told(report, waits=waits))
    if waits:
        raise typer.Exit(1)


def _told(report: Report, *, waits: bool) -> str:
    """The report for people, a line for each entry."""
    lines = []
    for title, entries in report.content().items():
        if isinstance(entries, list) and title != "marks":
            lines.append(f"{title.replace('_', ' ')}: {len(entries)}")
            lines += [f"  {json.dumps(each, sort_keys=True)}" for each in entries]
    digest = to_hex(report.hash())
    lines.append(f"report {digest}")
    accept = f"Two approvers accept it: {ACCEPT.format(hash=digest)}"
    lines.append(accept if waits else "Reconciled: the bank may act.")
    return "\n".join(lines)

"""What reconciling leaves for people: transactions and money that the restored book cannot explain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.backup.rules import FindingKind, SentCall, Trouble
from backend.chain.adopting import is_intended
from backend.chain.ours import Counts, OwnTransaction
from backend.db import to_hex
from backend.evidence.actions import mirrored_size
from backend.payments.actions import TakenLine, lines_taken_after, payment
from backend.payments.rules import Direction, IntentState, LineState, Rail
from contracts.artifacts import CONTRACTS, load
from contracts.outgoing import Book


@dataclass(frozen=True, slots=True)
class Accounts:
    """Our signers' addresses by name, and the contracts' names by lower-case address."""

    signers: Mapping[str, str]
    contracts: Mapping[str, str]

    @property
    def followed(self) -> frozenset[str]:
        """The addresses of the contracts whose logs are kept."""
        return frozenset(address for address, name in self.contracts.items() if name in CONTRACTS)

    def address(self, contract: str) -> str:
        """The lower-case address of a contract."""
        return next(address for address, name in self.contracts.items() if name == contract)


def of_transactions(
    session: Session,
    accounts: Accounts,
    book: Book,
    unexplained: Sequence[SentCall],
    sent: Mapping[bytes, OwnTransaction],
) -> Iterator[Trouble]:
    """What is to be said of each transaction that no act of the book explains.

    A head that was witnessed and whose statements are here explains itself: the mirror would do it again.
    """
    for call in unexplained:
        whole = sent[call.hash]
        facts: dict[str, Any] = {
            "signer": call.signer,
            "nonce": whole.nonce,
            "block": whole.block_number,
            "failed": call.failed,
            "to": call.to,
        }
        key = book.key_of(call.hash)
        if key is not None:
            facts["act"] = key
        name = None if call.to is None else accounts.contracts.get(call.to)
        if name is None:
            yield Trouble(FindingKind.TRANSACTION_FOREIGN, to_hex(call.hash), facts)
            continue
        called = _called(name, call.calldata)
        facts |= {"contract": name, "function": None if called is None else called[0]}
        kind = FindingKind.TRANSACTION_UNEXPLAINED
        if called is not None and called[0] == "witness" and not call.failed:
            site, size = called[1]["site"], called[1]["size"]
            mirrored = mirrored_size(session, site)
            if mirrored >= size:
                continue
            kind = FindingKind.STATEMENTS_LOST
            facts |= {"site": to_hex(site), "size": size, "mirrored": mirrored}
        elif called is not None and called[0] == "recordLoanEvent":
            kind = FindingKind.EVENT_WITHOUT_OPENING
            facts |= {"pledge": called[1]["pledgeId"]}
        yield Trouble(kind, to_hex(call.hash), facts)


def _called(contract: str, calldata: bytes) -> tuple[str, dict[str, Any]] | None:
    for name, entry in load(contract).functions.items():
        if entry.selector == calldata[:4]:
            return name, entry.decode(calldata[4:])
    return None


def waiting(
    session: Session, accounts: Accounts, book: Book, counts: Mapping[str, Counts]
) -> Iterator[Trouble]:
    """Transactions that may still come into a block, and that no act of the database would look after.

    The book is copied after the database, so it may hold what was decided in between.
    """
    for signer, count in counts.items():
        address = accounts.signers[signer]
        for nonce in range(count.latest, max(count.pending, book.next_nonce(address, 0))):
            key = book.key_at(address, nonce)
            if nonce < count.pending if key is None else not is_intended(session, key):
                facts = {"signer": signer, "nonce": nonce, "act": key}
                yield Trouble(FindingKind.TRANSACTION_WAITING, f"{signer}:{nonce}", facts)


def of_payments(
    session: Session, rail: Rail, begun: Mapping[str, Any], held: Mapping[str, str]
) -> Iterator[Trouble]:
    """Payments and money that the book does not know or cannot book."""
    for name, code in held.items():
        yield Trouble(FindingKind.PAYMENT_NOT_BOOKED, name, {"code": code})
    taken = lines_taken_after(session, begun["rail"], begun["line"] - 1)
    for each in taken:
        if each.line.number == begun["line"]:
            there = [line for line in rail.lines(each.line.number - 1) if line.number == each.line.number]
            if there != [each.line]:
                yield Trouble(FindingKind.RAIL_BEHIND, f"{begun['rail']}-{begun['line']}", _line(each))
        elif each.state is LineState.UNMATCHED:
            is_out = each.line.direction is Direction.OUT
            kind = FindingKind.PAYMENT_UNKNOWN if is_out else FindingKind.MONEY_UNMATCHED
            yield Trouble(kind, f"{begun['rail']}-{each.line.number}", _line(each))


def settled(session: Session, names: Sequence[str]) -> dict[str, str]:
    """Those of the payments that are not open any more, with how they ended."""
    states = {name: payment(session, name).state for name in names}
    ended = (IntentState.SETTLED, IntentState.REJECTED)
    return {name: state.value for name, state in states.items() if state in ended}


def lines_since(session: Session, begun: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The statement lines that were taken since reconciling began, in order."""
    return [
        {"line": f"{begun['rail']}-{each.line.number}", "state": each.state.value, **_line(each)}
        for each in lines_taken_after(session, begun["rail"], begun["line"])
    ]


def _line(taken: TakenLine) -> dict[str, Any]:
    line = taken.line
    return {
        "direction": line.direction.value,
        "amount_minor": line.amount.amount_minor,
        "currency": line.amount.currency,
        "on": line.on.isoformat(),
        "reference": line.reference,
    }

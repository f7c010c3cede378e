"""The line from evidence over head and transaction to receipt and loan, and where it has gaps.

Everything is read from what the bank holds of confirmed events; nothing is decided here. A gap is named and
never filled: what the line does not show is not there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlmodel import Session

from backend.chain.rules import LedgerEvent
from backend.chain.spoken import said_at, said_by, said_in
from backend.clock import Moment
from backend.errors import NotFound
from backend.evidence.proofs import Placed, placed
from backend.evidence.rules import StatementUnknown
from backend.loans.actions import reading
from backend.loans.rules.book import Account
from backend.loans.rules.facts import FactKind
from backend.pledges import actions as pledges
from backend.pledges.rules import Pledge, PledgeUnknown
from backend.receipts import actions as receipts
from backend.receipts.rules import Receipt, ReceiptUnknown

ISSUED: Final = "ReceiptIssued"
DELIVERED: Final = "GoodsDelivered"
SPENT: Final = "StatementSpent"


class TransactionUnknown(NotFound):
    """No confirmed event of the ledger's contracts is known by this transaction."""

    code = "audit.transaction_unknown"


class Gap(StrEnum):
    """Why a line does not go through."""

    STATEMENT_UNKNOWN = "statement_unknown"
    HELD = "held"
    NO_HEAD = "no_head"
    NOT_WITNESSED = "not_witnessed"
    NO_TRANSACTION = "no_transaction"
    RECEIPT_UNKNOWN = "receipt_unknown"
    PLEDGE_UNKNOWN = "pledge_unknown"
    NO_PLEDGE = "no_pledge"


@dataclass(frozen=True, slots=True)
class Line:
    """One statement that an act on a receipt spent, from its evidence to the act.

    Attributes:
        statement: its id; None where no act on the receipt is found at all.
        placed: where it stands; None where the bank never took it.
        rests_on: statements that it rests on, known or not.
        anchored: the event that anchored the head over it.
        witnessed: the event that witnessed that head.
        act: the issue or delivery that spent it.
    """

    receipt: int
    statement: bytes | None
    placed: Placed | None
    rests_on: tuple[bytes, ...]
    anchored: LedgerEvent | None
    witnessed: LedgerEvent | None
    act: LedgerEvent | None
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Tie:
    """One figure told by two flows that must agree; None where one of them does not tell it.

    `flow` is goods, money or information; `unit` is kg, money or count.
    """

    flow: str
    what: str
    unit: str
    one: int | None
    other: int | None

    @property
    def agrees(self) -> bool:
        """Whether both tell it, and the same."""
        return self.one is not None and self.one == self.other


@dataclass(frozen=True, slots=True)
class Trace:
    """A loan's lines, the acts on its pledge, what the three flows say of each other, and the gaps."""

    loan_id: str
    currency: str
    pledge_id: int | None
    acts: tuple[LedgerEvent, ...]
    lines: tuple[Line, ...]
    ties: tuple[Tie, ...]
    gaps: tuple[Gap, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every line goes through."""
        return not self.gaps and all(not each.gaps for each in self.lines)


def trace(session: Session, loan_id: str, at: Moment) -> Trace:
    """The loan's lines as of the newest confirmed block.

    Raises:
        LoanUnknown: there is no such loan.
    """
    loan = reading.loan(session, loan_id)
    pledge, gaps = _pledge(session, loan.pledge_id)
    named = loan.receipts if pledge is None else (*pledge.receipts, *pledge.released)
    known = [(number, _receipt(session, number)) for number in sorted(named)]
    lines = tuple(line for number, receipt in known for line in _lines(session, number, receipt))
    return Trace(
        loan_id=loan_id,
        currency=loan.principal.currency,
        pledge_id=loan.pledge_id,
        acts=() if pledge is None else tuple(_acts(session, pledge)),
        lines=lines,
        ties=(
            *_goods([receipt for _, receipt in known], lines),
            *_money(session, loan_id, at),
            *_information(session, loan_id, pledge, lines),
        ),
        gaps=gaps,
    )


def transaction(session: Session, tx_hash: bytes) -> list[LedgerEvent]:
    """What the contracts said in a transaction, in order.

    Raises:
        TransactionUnknown: nothing confirmed is known of it.
    """
    found = said_by(session, tx_hash)
    if not found:
        raise TransactionUnknown(transaction="0x" + tx_hash.hex())
    return found


def _pledge(session: Session, pledge_id: int | None) -> tuple[Pledge | None, tuple[Gap, ...]]:
    if pledge_id is None:
        return None, (Gap.NO_PLEDGE,)
    try:
        return pledges.pledge(session, pledge_id), ()
    except PledgeUnknown:
        return None, (Gap.PLEDGE_UNKNOWN,)


def _receipt(session: Session, number: int) -> Receipt | None:
    try:
        return receipts.receipt(session, number)
    except ReceiptUnknown:
        return None


def _acts(session: Session, pledge: Pledge) -> Iterable[LedgerEvent]:
    """The events of the pledge itself, in the ledger's order."""
    steps = (
        pledge.endorsed_at,
        pledge.attorned_at,
        pledge.registered_at,
        pledge.effective_at,
        pledge.withdrawn_at,
        pledge.lapsed_at,
        pledge.closed_at,
    )
    for at in sorted({each for each in steps if each is not None}):
        for event in said_at(session, at):
            if event.contract == "PledgeRegistry" and event.args.get("pledgeId") == pledge.id:
                yield event


def _lines(session: Session, number: int, receipt: Receipt | None) -> Iterable[Line]:
    """A line for each statement that an act on the receipt spent."""
    if receipt is None:
        yield Line(number, None, None, (), None, None, None, (Gap.RECEIPT_UNKNOWN,))
        return
    issued = _of_receipt(said_at(session, receipt.issued_at), number, ISSUED)
    if not issued:
        yield Line(number, None, None, (), None, None, None, (Gap.NO_TRANSACTION,))
    for act, spent in issued:
        for each in spent:
            yield _line(session, number, act, each)
    for block in receipts.delivered_in(session, number):
        for act, spent in _of_receipt(said_in(session, block), number, DELIVERED):
            for each in spent:
                yield _line(session, number, act, each)


def _of_receipt(
    events: list[LedgerEvent], number: int, name: str
) -> list[tuple[LedgerEvent, tuple[bytes, ...]]]:
    """Acts of that name on the receipt, each with the statements that its transaction spent."""
    acts = [each for each in events if each.name == name and each.args["receiptId"] == number]
    return [
        (
            act,
            tuple(e.args["id"] for e in events if e.name == SPENT and e.tx_hash == act.tx_hash),
        )
        for act in acts
    ]


def _line(session: Session, number: int, act: LedgerEvent, statement: bytes) -> Line:
    try:
        found = placed(session, statement)
    except StatementUnknown:
        return Line(number, statement, None, (), None, None, act, (Gap.STATEMENT_UNKNOWN,))
    gaps = [Gap.HELD] if found.held else []
    head, anchored, witnessed = found.head, None, None
    if head is None:
        gaps.append(Gap.NO_HEAD)
    else:
        anchored = _of_head(session, head.anchored_at_block, "HeadAnchored", found)
        if head.witnessed_at_block is None:
            gaps.append(Gap.NOT_WITNESSED)
        else:
            witnessed = _of_head(session, head.witnessed_at_block, "HeadWitnessed", found)
        if anchored is None or (witnessed is None and head.witnessed_at_block is not None):
            gaps.append(Gap.NO_TRANSACTION)
    return Line(number, statement, found, found.rests_on, anchored, witnessed, act, tuple(gaps))


def _of_head(session: Session, block: int, name: str, found: Placed) -> LedgerEvent | None:
    size = None if found.head is None else found.head.size
    for event in said_in(session, block):
        if event.name == name and (event.args["site"], event.args["size"]) == (found.site, size):
            return event
    return None


def _goods(known: list[Receipt | None], lines: tuple[Line, ...]) -> Iterable[Tie]:
    """Masses by the receipts and by the movements that were spent on them."""
    if not known:
        return
    whole = None not in known
    kept = [each for each in known if each is not None]
    issued, left = sum(each.mass_kg for each in kept), sum(each.mass_kg - each.remaining_kg for each in kept)
    yield Tie("goods", "taken_in", "kg", issued if whole else None, _moved(lines, ISSUED))
    yield Tie("goods", "delivered", "kg", left if whole else None, _moved(lines, DELIVERED))


def _moved(lines: tuple[Line, ...], act: str) -> int | None:
    """Kilograms by the movements of these acts; None where one of them is not known."""
    if any(line.act is None or line.placed is None for line in lines):
        return None
    return sum(
        line.placed.quantity
        for line in lines
        if line.placed is not None and line.act is not None and line.act.name == act
    )


def _money(session: Session, loan_id: str, at: Moment) -> Iterable[Tie]:
    """Principal by the facts about the loan and by its journal, and what was agreed and what was drawn."""
    found = reading.standing(session, loan_id, at=at)
    drawn = [each.amount_minor for each in reading.facts(session, loan_id) if each.kind is FactKind.DRAW]
    if not drawn:
        return
    posted = reading.trial_balance(session, loan_id)
    currency = found.loan.principal.currency
    principal = posted.get((Account.PRINCIPAL, currency))
    yield Tie("money", "paid_out", "money", found.loan.principal.amount_minor, sum(drawn))
    yield Tie("money", "principal_owed", "money", found.balances.principal, principal)


def _information(
    session: Session, loan_id: str, pledge: Pledge | None, lines: tuple[Line, ...]
) -> Iterable[Tie]:
    """What the ledger was told, and what of it the bank can open and show."""
    if pledge is not None:
        opened = {each.commitment for each in reading.openings(session, loan_id)}
        told = pledges.recorded_commitments(session, pledge.id)
        yield Tie("information", "terms", "count", 1, int(pledge.terms in opened))
        known = sum(commitment in opened for commitment in told)
        yield Tie("information", "loan_events", "count", len(told), known)
    spent = [each for each in lines if each.statement is not None]
    if spent:
        proved = sum(each.witnessed is not None for each in spent)
        yield Tie("information", "statements", "count", len(spent), proved)

"""What the bank committed to and what the money did: openings of commitments, and a book that must add up.

The book is computed anew from the opened events alone; interest of a loan that was never overdue is also
summed by a second way that shares nothing with the bank's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

from backend.audit.blocks import keccak
from backend.audit.checks.life import Life, Receipt
from backend.audit.events import Event
from backend.audit.report import Found
from backend.errors import Invalid
from backend.loans.rules.allocation import Allocation, Bucket
from backend.loans.rules.book import Book, book
from backend.loans.rules.commitments import TERMS, OpeningDiffers, commitment_of, open_commitment
from backend.loans.rules.facts import Fact, FactKind, Terms
from backend.loans.rules.product import Product, product_from_json
from backend.receipts.document import LedgerTerms, document_hash, require_same_terms
from backend.units import Money
from iot_bridge.evidence.canonical import parse_canonical
from iot_bridge.evidence.statement import name_of

EVENT: Final = "loan.event"
"""The kind of every opening but that of the terms."""

FACTS: Final = {
    "Disbursed": FactKind.DRAW,
    "Repaid": FactKind.PAYMENT,
    "PaymentReversed": FactKind.REVERSE,
    "Refunded": FactKind.REFUND,
    "CostCharged": FactKind.COST,
    "MisuseRecorded": FactKind.MISUSE,
    "WrittenOff": FactKind.WRITE_OFF,
}
"""Loan events that moved money, and what kind of fact each is to the book."""


class LoanChainBroken(Invalid):
    """The loan's events are not numbered without a gap, or their hash chain does not lead from one to the next."""

    code = "audit.loan_chain_broken"


class OpeningMissing(Invalid):
    """A commitment on the ledger has no opening in the bundle, or an opening no commitment."""

    code = "audit.opening_missing"


class TermsDiffer(Invalid):
    """The opened terms name another loan, party or receipt than the pledge that they are committed to in."""

    code = "audit.terms_differ"


class DocumentMissing(Invalid):
    """A receipt's document is not in the bundle, or one of another receipt is."""

    code = "audit.document_missing"


class DocumentDiffers(Invalid):
    """A document is not the one whose hash the ledger holds."""

    code = "audit.document_differs"


class MoneyDiffers(Invalid):
    """The opened events tell sums that do not follow from the terms and from each other."""

    code = "audit.money_differs"


class StillOwed(Invalid):
    """The loan is closed on the ledger, and by its own events something is owed or was never paid out."""

    code = "audit.still_owed"


@dataclass(frozen=True, slots=True)
class Happened:
    """One opened loan event."""

    number: int
    name: str
    content: Mapping[str, Any]


def chained(events: Sequence[Event], openings: Sequence[bytes], loan: str) -> Found[tuple[Happened, ...]]:
    """What each loan event on the ledger opens to, in order, none missing from the first on.

    Raises:
        LoanChainBroken, OpeningMissing, OpeningDiffers, OpeningInvalid, TermsDiffer: the first that applies.
    """
    if len(events) != len(openings):
        raise OpeningMissing(on_ledger=len(events), opened=len(openings))
    chain, happened = bytes(32), []
    for number, (event, opening) in enumerate(zip(events, openings, strict=True), start=1):
        chain = keccak(chain + event.args["commitment"])
        if event.args["index"] != number or event.args["chain"] != chain:
            raise LoanChainBroken(number=number, index=event.args["index"], block=event.block)
        kind, content = open_commitment(opening, event.args["commitment"])
        if (kind, content.get("loan"), content.get("number")) != (EVENT, loan, number):
            raise TermsDiffer(number=number, kind=kind, loan=content.get("loan"))
        happened.append(Happened(number, str(content.get("happened")), content))
    names = ", ".join(each.name for each in happened)
    return Found(tuple(happened), f"{len(happened)} loan events: {names}.")


def terms_opened(life: Life, opening: bytes, loan: str) -> Found[Mapping[str, Any]]:
    """The loan's terms, to which pledgor, operator and pledgee committed in every step of the pledge.

    Raises:
        OpeningDiffers, OpeningInvalid, TermsDiffer: the first that applies.
    """
    pledge = life.pledge
    kind, content = open_commitment(opening, pledge.terms)
    told = (kind, content["loan"], content["borrower"], content["receipts"])
    receipts = [str(receipt) for receipt in sorted(pledge.receipts)]
    if told != (TERMS, loan, "0x" + pledge.pledgor.hex(), receipts):
        raise TermsDiffer(kind=kind, loan=content["loan"], receipts=content["receipts"])
    principal = Money(int(content["principal_minor"]), content["currency"])
    return Found(content, f"Loan {loan}: {principal} for {content['tenor_days']} days.")


def documents(receipts: Mapping[int, Receipt], held: Mapping[int, bytes]) -> Found[int]:
    """How many receipts have their document here, hashed on the ledger and stating the ledger's goods and place.

    Raises:
        DocumentMissing, DocumentDiffers: the first that applies.
        receipts.document_differs: a field says something other than the ledger.
    """
    if receipts.keys() != held.keys():
        raise DocumentMissing(receipts=sorted(receipts), documents=sorted(held))
    for number, receipt in receipts.items():
        document = parse_canonical(held[number])
        if document_hash(document) != receipt.document:
            raise DocumentDiffers(receipt=number, ledger=receipt.document.hex())
        args = receipt.issued.args
        terms = LedgerTerms(
            site=name_of(args["site"]),
            bay=name_of(args["bay"]),
            commodity=name_of(args["commodity"]),
            grade=name_of(args["grade"]),
            mass_kg=args["massKg"],
            pieces=len(args["fingerprints"]),
        )
        require_same_terms(document, terms)
    return Found(len(held), f"{len(held)} documents.")


def adds_up(life: Life, terms: Mapping[str, Any], happened: Sequence[Happened]) -> Found[Book]:
    """The loan's book as it follows from its opened terms and events, which tell the same sums.

    Raises:
        MoneyDiffers: principal, currency, a split or the interest is another than what follows.
        StillOwed: the loan is closed and the book is not even.
    """
    product, facts, told = product_from_json(terms["product"]), [], {}
    due_on = None
    for each in happened:
        if each.name in FACTS:
            fact = _fact(each, terms["currency"])
            facts.append(fact)
            if fact.kind is FactKind.PAYMENT:
                told[fact.id] = each.content["met"]
            elif fact.kind is FactKind.DRAW:
                due_on = date.fromisoformat(each.content["due_on"])
    if due_on is None:
        if life.pledge.state == "closed":
            raise StillOwed(disbursed=0)
        return Found(Book((), {}, book(Terms(product, date.max), []).balances), "Nothing is paid out yet.")
    _require_drawn(facts, terms)
    found = book(Terms(product, due_on), facts)
    for name, allocation in found.payments.items():
        if told[name] != told_allocation(allocation):
            raise MoneyDiffers(payment=name, told=told[name], follows=told_allocation(allocation))
    _require_second_way(product, facts, found, due_on)
    if life.pledge.state == "closed" and found.balances.outstanding:
        raise StillOwed(outstanding_minor=found.balances.outstanding)
    return Found(found, _story(facts, found, terms["currency"]))


def told_allocation(allocation: Allocation) -> dict[str, str]:
    """Where a payment went, in the words of a loan event."""
    met = {bucket.value: str(amount) for bucket, amount in allocation.met.items()}
    return met | ({"excess": str(allocation.excess_minor)} if allocation.excess_minor else {})


def _fact(each: Happened, currency: str) -> Fact:
    content, kind = each.content, FACTS[each.name]
    if kind is FactKind.REVERSE:
        return Fact(id=f"reverse:{content['payment']}", on=_day(content), kind=kind, of=content["payment"])
    if content.get("currency", currency) != currency:
        raise MoneyDiffers(number=each.number, currency=content["currency"], terms=currency)
    first = Bucket.PRINCIPAL if content.get("principal_first") else None
    amount = int(content["amount_minor"])
    name = content.get("payment", f"{each.name}:{each.number}")
    return Fact(id=name, on=_day(content), kind=kind, amount_minor=amount, to=first)


def _day(content: Mapping[str, Any]) -> date:
    return date.fromisoformat(content["value_on"])


def _require_drawn(facts: Sequence[Fact], terms: Mapping[str, Any]) -> None:
    drawn = [fact.amount_minor for fact in facts if fact.kind is FactKind.DRAW]
    if drawn != [int(terms["principal_minor"])]:
        raise MoneyDiffers(drawn_minor=drawn, principal_minor=terms["principal_minor"])


def _require_second_way(product: Product, facts: Sequence[Fact], found: Book, due_on: date) -> None:
    """Interest and fee of a plain loan again: every day's principal counted one by one, rounded at the end."""
    plain = {FactKind.DRAW, FactKind.PAYMENT}
    last = max(fact.on for fact in facts)
    counts_days = product.day_count.value.startswith("ACT/")
    if {fact.kind for fact in facts} != plain or last > due_on or not counts_days:
        return
    principal, days_of_principal, at = 0, 0, min(fact.on for fact in facts)
    for fact in sorted(facts, key=lambda each: each.on):
        days_of_principal += principal * (fact.on - at).days
        paid = found.payments[fact.id].met if fact.kind is FactKind.PAYMENT else {}
        principal += fact.amount_minor if fact.kind is FactKind.DRAW else -paid.get(Bucket.PRINCIPAL, 0)
        at = fact.on
    year = 360 if product.day_count.value == "ACT/360" else 365
    for bucket, rate in (
        (Bucket.INTEREST, product.base_rate_bps),
        (Bucket.FEE, product.supervision_rate_bps),
    ):
        exact = Fraction(days_of_principal * rate, 10_000 * year)
        whole = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
        met = sum(each.met.get(bucket, 0) for each in found.payments.values())
        owed = found.balances.interest if bucket is Bucket.INTEREST else found.balances.fee
        if met + owed != whole:
            raise MoneyDiffers(of=bucket.value, second_way_minor=whole, book_minor=met + owed)


def _story(facts: Sequence[Fact], found: Book, currency: str) -> str:
    paid_out = sum(fact.amount_minor for fact in facts if fact.kind is FactKind.DRAW)
    met = {bucket: sum(each.met.get(bucket, 0) for each in found.payments.values()) for bucket in Bucket}
    parts = ", ".join(f"{bucket.value} {Money(sum_, currency)}" for bucket, sum_ in met.items() if sum_)
    owed = Money(found.balances.outstanding, currency)
    return f"{Money(paid_out, currency)} paid out; repaid: {parts or 'nothing'}; owed: {owed}."

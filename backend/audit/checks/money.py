"""What the bank committed to and what the money did: openings of commitments, and a book that must add up.

The book is computed anew from the opened events alone; interest of a loan that was never overdue is also
summed by a second way that shares nothing with the bank's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final

from backend.audit.blocks import keccak
from backend.audit.case import Case
from backend.audit.checks.life import Life
from backend.audit.report import Found, counted
from backend.errors import Invalid
from backend.loans.rules.allocation import Bucket
from backend.loans.rules.book import Balances, Book, book
from backend.loans.rules.commitments import TERMS, open_commitment
from backend.loans.rules.days import DayCount, NationalCalendar, roll_forward
from backend.loans.rules.facts import Fact, FactKind, Terms, fact_from_json
from backend.loans.rules.product import FeeBase, Product, product_from_json
from backend.receipts.document import LedgerTerms, document_hash, require_same_terms
from backend.units import BPS, Money, half_up_minor
from iot_bridge.evidence.canonical import parse_canonical
from iot_bridge.evidence.statement import name_of

EVENT: Final = "loan.event"
"""The kind of every opening but that of the terms."""


class LoanChainBroken(Invalid):
    """The loan's events are not numbered without a gap, or their hash chain does not lead through them."""

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


def chained(case: Case, life: Life) -> Found[tuple[Happened, ...]]:
    """What each loan event on the ledger opens to, in order, none missing from the first on.

    Raises:
        LoanChainBroken, OpeningMissing, OpeningDiffers, OpeningInvalid, TermsDiffer: the first that applies.
    """
    events, openings = life.pledge.loan_events, case.loan_events
    if len(events) != len(openings):
        raise OpeningMissing(on_ledger=len(events), opened=len(openings))
    chain, happened = bytes(32), []
    for number, (event, opening) in enumerate(zip(events, openings, strict=True), start=1):
        chain = keccak(chain + event.args["commitment"])
        if event.args["index"] != number or event.args["chain"] != chain:
            raise LoanChainBroken(number=number, index=event.args["index"], block=event.block)
        kind, content = open_commitment(opening, event.args["commitment"])
        if (kind, content.get("loan"), content.get("number")) != (EVENT, case.loan, number):
            raise TermsDiffer(number=number, kind=kind, loan=content.get("loan"))
        happened.append(Happened(number, str(content.get("happened")), content))
    names = ", ".join(each.name for each in happened)
    return Found(tuple(happened), f"{len(happened)} loan events: {names}.")


def terms_opened(case: Case, life: Life) -> Found[Mapping[str, Any]]:
    """The loan's terms, to which pledgor, operator and pledgee committed in every step of the pledge.

    Raises:
        OpeningDiffers, OpeningInvalid, TermsDiffer: the first that applies.
    """
    pledge, loan = life.pledge, case.loan
    kind, content = open_commitment(case.terms, pledge.terms)
    told = (kind, content["loan"], content["borrower"], content["receipts"])
    receipts = [str(receipt) for receipt in sorted(pledge.receipts)]
    if told != (TERMS, loan, "0x" + pledge.pledgor.hex(), receipts):
        raise TermsDiffer(kind=kind, loan=content["loan"], receipts=content["receipts"])
    principal = Money(int(content["principal_minor"]), content["currency"])
    return Found(content, f"Loan {loan}: {principal} for {content['tenor_days']} days.")


def documents(case: Case, life: Life) -> Found[int]:
    """How many receipts have their document here, hashed on the ledger and stating its goods and place.

    Raises:
        DocumentMissing, DocumentDiffers: the first that applies.
        receipts.document_differs: a field says something other than the ledger.
    """
    receipts, held = life.receipts, case.documents
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
    return Found(len(held), f"{counted(len(held), 'document')}.")


def adds_up(life: Life, terms: Mapping[str, Any], happened: Sequence[Happened]) -> Found[Book]:
    """The loan's book as it follows from its opened terms and events, which tell the same sums.

    Raises:
        MoneyDiffers: principal, due date, a payment's split or the interest is another than what follows.
        StillOwed: the loan is closed and the book is not even.
    """
    product, facts, found = product_from_json(terms["product"]), [], _NOTHING
    due_on = date.max
    for each in happened:
        if "fact" not in each.content:
            continue
        fact = fact_from_json(each.content["fact"])
        facts.append(fact)
        if fact.kind is FactKind.DRAW:
            due_on = _due_on(fact, terms, product, each)
        found = book(Terms(product, due_on), facts)
        if fact.kind is FactKind.PAYMENT and each.content["met"] != found.payments[fact.id].to_json():
            follows = found.payments[fact.id].to_json()
            raise MoneyDiffers(payment=fact.id, told=each.content["met"], follows=follows)
    drawn = [fact.amount_minor for fact in facts if fact.kind is FactKind.DRAW]
    if drawn not in ([], [int(terms["principal_minor"])]):
        raise MoneyDiffers(drawn_minor=drawn, principal_minor=terms["principal_minor"])
    _require_second_way(product, facts, found, due_on)
    if life.pledge.state == "closed" and (not drawn or found.balances.outstanding):
        raise StillOwed(drawn_minor=drawn, outstanding_minor=found.balances.outstanding)
    return Found(found, _story(facts, found, terms["currency"]))


_NOTHING: Final = Book((), {}, Balances(0, 0, 0, 0, 0, 0))


def _due_on(drawn: Fact, terms: Mapping[str, Any], product: Product, told: Happened) -> date:
    """The day on which the loan is due: the end of its tenor, or the next day on which the bank works."""
    matures_on = drawn.on + timedelta(days=terms["tenor_days"])
    due_on = roll_forward(matures_on, NationalCalendar(product.business_calendar))
    if told.content["due_on"] != due_on.isoformat():
        raise MoneyDiffers(due_on=told.content["due_on"], follows=due_on.isoformat())
    return due_on


def _require_second_way(product: Product, facts: Sequence[Fact], found: Book, due_on: date) -> None:
    """Interest and fee of a plain loan again: principal times days, summed and rounded at the end."""
    plain = {fact.kind for fact in facts} <= {FactKind.DRAW, FactKind.PAYMENT}
    counts_days = product.day_count in {DayCount.ACT_360, DayCount.ACT_365F}
    on_principal = product.supervision_fee_base is FeeBase.PRINCIPAL
    in_order = sorted(facts, key=lambda each: each.on)
    if not (facts and plain and counts_days and on_principal and in_order[-1].on <= due_on):
        return
    principal, days_of_principal, at = 0, 0, in_order[0].on
    for fact in in_order:
        days_of_principal += principal * (fact.on - at).days
        drawn = fact.kind is FactKind.DRAW
        principal += fact.amount_minor if drawn else -found.payments[fact.id][Bucket.PRINCIPAL]
        at = fact.on
    for bucket, rate_bps, owed in (
        (Bucket.INTEREST, product.base_rate_bps, found.balances.interest),
        (Bucket.FEE, product.supervision_rate_bps, found.balances.fee),
    ):
        whole = half_up_minor(Fraction(days_of_principal * rate_bps, BPS * product.day_count.year))
        earned = owed + sum(each[bucket] for each in found.payments.values())
        if earned != whole:
            raise MoneyDiffers(of=bucket.value, second_way_minor=whole, book_minor=earned)


def _story(facts: Sequence[Fact], found: Book, currency: str) -> str:
    paid_out = sum(fact.amount_minor for fact in facts if fact.kind is FactKind.DRAW)
    met = {bucket: sum(each[bucket] for each in found.payments.values()) for bucket in Bucket}
    parts = ", ".join(f"{bucket.value} {Money(amount, currency)}" for bucket, amount in met.items() if amount)
    owed = Money(found.balances.outstanding, currency)
    return f"{Money(paid_out, currency)} paid out; repaid: {parts or 'nothing'}; owed: {owed}."

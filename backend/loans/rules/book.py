"""The book of one loan as a pure function of its facts: the same facts give the same book, byte for byte.

1. Put the facts in the order of their dates, without payments that were reversed.
2. Between two dates, add the exact interest, fee and penalty of each stretch in which nothing changes.
3. At each fact, first post what has accrued (cumulative figure rounded, less what is posted), then the fact.

A fact that arrives late simply takes its place by date; whoever keeps the journal reverses the old
postings from there on and posts these.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from backend.loans.rules import facts as f
from backend.loans.rules.accrual import Segment, annual_rate, exact_interest, to_post
from backend.loans.rules.allocation import Allocation, Bucket, Owed, allocate, principal_first
from backend.loans.rules.facts import Fact, FactKind, Terms
from backend.loans.rules.product import FeeBase


class Account(StrEnum):
    """Accounts of the journal: the first six are a loan's, the rest the bank's."""

    PRINCIPAL = "principal"
    INTEREST_RECEIVABLE = "interest_receivable"
    FEE_RECEIVABLE = "supervision_fee_receivable"
    PENALTY_RECEIVABLE = "penalty_receivable"
    ENFORCEMENT_RECEIVABLE = "enforcement_cost_receivable"
    BORROWER_CREDIT = "borrower_credit"
    CASH = "cash"
    INTEREST_INCOME = "interest_income"
    FEE_PAYABLE = "supervision_fee_payable"
    PENALTY_INCOME = "penalty_income"
    PROVISION = "provision"


RECEIVABLE: Final = {
    Bucket.ENFORCEMENT: Account.ENFORCEMENT_RECEIVABLE,
    Bucket.PENALTY: Account.PENALTY_RECEIVABLE,
    Bucket.INTEREST: Account.INTEREST_RECEIVABLE,
    Bucket.FEE: Account.FEE_RECEIVABLE,
    Bucket.PRINCIPAL: Account.PRINCIPAL,
}
EARNED: Final = {
    Bucket.INTEREST: Account.INTEREST_INCOME,
    Bucket.FEE: Account.FEE_PAYABLE,
    Bucket.PENALTY: Account.PENALTY_INCOME,
}


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a double-entry book: it balances by its shape. `cause` is a fact's kind and id."""

    debit: Account
    credit: Account
    amount_minor: int
    on: date
    cause: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Balances:
    """What a loan owes and has paid in excess, in minor units; all at least 0."""

    principal: int
    interest: int
    fee: int
    penalty: int
    enforcement: int
    credit: int

    @property
    def outstanding(self) -> int:
        """Everything that is owed; the borrower's credit is not netted against it."""
        return self.principal + self.interest + self.fee + self.penalty + self.enforcement


@dataclass(frozen=True, slots=True)
class Book:
    """All postings that follow from the facts, where each payment went, and what is owed at the end."""

    postings: tuple[Posting, ...]
    payments: dict[str, Allocation]
    balances: Balances


def book(terms: Terms, facts: Sequence[Fact]) -> Book:
    """The loan's book after all `facts`, which are given in the order they were recorded."""
    run = _Run(terms)
    for fact in _in_force(facts):
        run.take(fact)
    return Book(tuple(run.postings), run.payments, run.balances())


def balances_on(terms: Terms, facts: Sequence[Fact], on: date, *, after_facts: bool = True) -> Balances:
    """What is owed on a day: interest counts from the day of disbursement up to that day, itself not counted.

    Facts recorded for later days are as if unknown; with `after_facts` false so are those of the day itself.
    """
    known = [fact for fact in facts if fact.on < on or (after_facts and fact.on == on)]
    run = _Run(terms)
    for fact in _in_force(known):
        run.take(fact)
    run.accrue_to(on, ("accrue", on.isoformat()))
    return run.balances()


def balances_of(postings: Iterable[Posting]) -> dict[Account, int]:
    """Debits less credits of every account that was ever posted to; they sum to 0."""
    sums: dict[Account, int] = {}
    for posting in postings:
        sums[posting.debit] = sums.get(posting.debit, 0) + posting.amount_minor
        sums[posting.credit] = sums.get(posting.credit, 0) - posting.amount_minor
    return sums


def _in_force(facts: Sequence[Fact]) -> list[Fact]:
    """Facts by date, in recorded order within one; reversed payments and their reversals fall out."""
    paid_on = {fact.id: fact.on for fact in facts if fact.kind is FactKind.PAYMENT}
    undone: set[str] = set()
    for fact in facts:
        if fact.of is not None:
            if fact.of in undone or fact.of not in paid_on or fact.on < paid_on[fact.of]:
                raise f.NothingToReverse(id=fact.id, of=fact.of, on=fact.on)
            undone.add(fact.of)
    standing = (fact for fact in facts if fact.id not in undone and fact.kind is not FactKind.REVERSE)
    return sorted(standing, key=lambda fact: fact.on)


@dataclass(slots=True)
class _Run:
    """The running figures while facts are taken one after the other."""

    terms: Terms
    at: date | None = None
    misused: int = 0
    market_value: int | None = None
    interest_due: int | None = None
    accrued: dict[Bucket, Fraction] = field(default_factory=lambda: dict.fromkeys(EARNED, Fraction(0)))
    posted: dict[Bucket, int] = field(default_factory=lambda: dict.fromkeys(Bucket, 0))
    met: dict[Bucket, int] = field(default_factory=lambda: dict.fromkeys(Bucket, 0))
    credit: int = 0
    postings: list[Posting] = field(default_factory=list)
    payments: dict[str, Allocation] = field(default_factory=dict)

    def owed(self, bucket: Bucket) -> int:
        """What is posted and not met of one kind."""
        return self.posted[bucket] - self.met[bucket]

    def balances(self) -> Balances:
        """The figures as they stand."""
        return Balances(
            principal=self.owed(Bucket.PRINCIPAL),
            interest=self.owed(Bucket.INTEREST),
            fee=self.owed(Bucket.FEE),
            penalty=self.owed(Bucket.PENALTY),
            enforcement=self.owed(Bucket.ENFORCEMENT),
            credit=self.credit,
        )

    def take(self, fact: Fact) -> None:
        """Accrue to the fact's date, post that, then post the fact."""
        if self.at is None and fact.kind not in {FactKind.DRAW, FactKind.MARKET_VALUE}:
            raise f.BeforeDisbursement(id=fact.id, kind=fact.kind.value, on=fact.on)
        self.accrue_to(fact.on, (FactKind.ACCRUE.value, fact.on.isoformat()))
        match fact.kind:
            case FactKind.DRAW | FactKind.COST:
                bucket = Bucket.PRINCIPAL if fact.kind is FactKind.DRAW else Bucket.ENFORCEMENT
                self.at = fact.on
                self._add(bucket, fact.amount_minor)
                self._post(RECEIVABLE[bucket], Account.CASH, fact.amount_minor, fact)
            case FactKind.PAYMENT:
                self._pay(fact)
            case FactKind.WRITE_OFF:
                self._write_off(fact)
            case FactKind.REFUND:
                self._refund(fact)
            case FactKind.MISUSE:
                self.misused += fact.amount_minor
            case FactKind.MARKET_VALUE:
                self.market_value = fact.amount_minor
            case FactKind.ACCRUE | FactKind.REVERSE:
                pass

    def accrue_to(self, on: date, cause: tuple[str, str]) -> None:
        """Add what accrues up to `on`, which does not count, and post the rounded difference."""
        if self.at is None:
            return
        for stop in (self.terms.due_on, self.terms.penalty_from, on):
            if self.at < stop <= on:
                self._stretch(self.at, stop)
                self.at = stop
            if self.interest_due is None and self.at >= self.terms.due_on:
                self.interest_due = to_post(self.accrued[Bucket.INTEREST], 0)
        for bucket, income in EARNED.items():
            amount = to_post(self.accrued[bucket], self.posted[bucket])
            if amount:
                self._add(bucket, amount)
                self.postings.append(Posting(RECEIVABLE[bucket], income, amount, on, cause))

    def _stretch(self, start: date, end: date) -> None:
        """Add the exact amounts of a stretch that crosses neither due date nor end of grace.

        Once overdue, the penalty rate replaces the base rate on principal and runs on the interest that was
        due; misuse replaces it on the misused part; where both hold the heavier counts, never the product.
        """
        product = self.terms.product
        principal = self.owed(Bucket.PRINCIPAL)
        misused = min(self.misused, principal)
        penal = annual_rate(product.base_rate_bps, product.penalty_multiple_bps)
        misuse = annual_rate(product.base_rate_bps, product.misuse_multiple_bps)
        if start >= self.terms.penalty_from:
            self._accrue(Bucket.PENALTY, start, end, (principal - misused, penal))
            self._accrue(Bucket.PENALTY, start, end, (misused, max(penal, misuse)))
            self._accrue(Bucket.PENALTY, start, end, (self._overdue_interest(), penal))
        else:
            self._accrue(
                Bucket.INTEREST, start, end, (principal - misused, annual_rate(product.base_rate_bps))
            )
            self._accrue(Bucket.PENALTY, start, end, (misused, misuse))
        self._accrue(Bucket.FEE, start, end, (self._fee_base(principal, start), self._fee_rate()))

    def _accrue(self, bucket: Bucket, start: date, end: date, bearing: tuple[int, Fraction]) -> None:
        self.accrued[bucket] += exact_interest([Segment(start, end, *bearing)], self.terms.product.day_count)

    def _overdue_interest(self) -> int:
        """What is unpaid of the interest that was due; the oldest interest is met first."""
        due = self.interest_due
        return 0 if due is None else max(0, due - self.met[Bucket.INTEREST])

    def _fee_rate(self) -> Fraction:
        return annual_rate(self.terms.product.supervision_rate_bps)

    def _fee_base(self, principal: int, on: date) -> int:
        if principal == 0 or self.terms.product.supervision_fee_base is FeeBase.PRINCIPAL:
            return principal
        if self.market_value is None:
            raise f.FeeBaseUnknown(on=on)
        return self.market_value

    def _pay(self, fact: Fact) -> None:
        order = self.terms.product.allocation
        if fact.to is Bucket.PRINCIPAL:
            order = principal_first(order)
        allocation = allocate(fact.amount_minor, self._claims(fact.on), order)
        self._meet(allocation, Account.CASH, fact)
        if allocation.excess_minor:
            self.credit += allocation.excess_minor
            self._post(Account.CASH, Account.BORROWER_CREDIT, allocation.excess_minor, fact)
        self.payments[fact.id] = allocation

    def _write_off(self, fact: Fact) -> None:
        allocation = allocate(fact.amount_minor, self._claims(fact.on), self.terms.product.allocation)
        if allocation.excess_minor:
            raise f.MoreThanOwed(
                id=fact.id, amount_minor=fact.amount_minor, excess_minor=allocation.excess_minor
            )
        self._meet(allocation, Account.PROVISION, fact)

    def _refund(self, fact: Fact) -> None:
        if fact.amount_minor > self.credit:
            raise f.MoreThanOwed(id=fact.id, amount_minor=fact.amount_minor, credit_minor=self.credit)
        self.credit -= fact.amount_minor
        self._post(Account.BORROWER_CREDIT, Account.CASH, fact.amount_minor, fact)

    def _claims(self, on: date) -> dict[Bucket, Owed]:
        """Costs and penalty are due at once, the rest from the due date on."""
        at_once = {Bucket.ENFORCEMENT, Bucket.PENALTY} if on < self.terms.due_on else set(Bucket)
        return {
            bucket: Owed(due=self.owed(bucket)) if bucket in at_once else Owed(undue=self.owed(bucket))
            for bucket in Bucket
        }

    def _meet(self, allocation: Allocation, debit: Account, fact: Fact) -> None:
        for bucket, amount in allocation.met.items():
            self.met[bucket] += amount
            self._post(debit, RECEIVABLE[bucket], amount, fact)

    def _add(self, bucket: Bucket, amount: int) -> None:
        self.posted[bucket] += amount

    def _post(self, debit: Account, credit: Account, amount: int, fact: Fact) -> None:
        self.postings.append(Posting(debit, credit, amount, fact.on, (fact.kind.value, fact.id)))

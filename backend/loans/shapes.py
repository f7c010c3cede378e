"""Products and loans as requests carry them and answers show them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from backend.loans.access import LOAN_ID
from backend.loans.actions.reading import Opening, Standing
from backend.loans.rules.allocation import Bucket
from backend.loans.rules.book import Balances
from backend.loans.rules.days import DayCount
from backend.loans.rules.facts import Fact
from backend.loans.rules.journal import Entry
from backend.loans.rules.life import LoanState
from backend.loans.rules.loan import Application, Payee, RegistrySearch
from backend.loans.rules.product import (
    CLAIMS,
    MAX_DAYS,
    FeeBase,
    Product,
    product_from_json,
    standard_product,
)
from backend.loans.rules.product import product_to_json as to_json
from backend.loans.rules.standing import RiskClass
from backend.loans.tables.loan import LoanActRow
from backend.web.amounts import Amount, Currency, Form, Reference, Sum, Text, shown
from backend.web.forms import LARGEST, Word

ProductName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,31}$")]
Number = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Bps = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Days = Annotated[int, Field(strict=True, ge=0, le=MAX_DAYS)]
Duration = Annotated[str, StringConstraints(pattern=r"^PT[0-9]{1,9}S$")]
Goods = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{1,66}(/[a-z0-9.-]{1,66})?$")]
Claim = Literal["exists", "identity", "quantity", "quality", "place", "title", "exclusivity", "insured"]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Loan = Annotated[str, StringConstraints(pattern=LOAN_ID)]


class TierForm(Form):
    """Who must approve up to an amount."""

    up_to_minor: Annotated[int, Field(strict=True, ge=1, le=LARGEST)] | None
    approvers: list[Literal["approver", "credit_officer"]] = Field(min_length=1, max_length=10)


class ProductForm(Form):
    """A version of a product with every field."""

    model_config = Form.model_config | {"json_schema_extra": {"examples": [to_json(standard_product())]}}

    name: ProductName
    version: Number
    currency: Currency
    business_calendar: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,3}$")]
    base_rate_bps: Bps
    supervision_rate_bps: Bps
    supervision_fee_base: FeeBase
    day_count: DayCount
    penalty_multiple_bps: Bps
    misuse_multiple_bps: Bps
    grace_days: Days
    allocation: list[Bucket | list[Bucket]] = Field(min_length=1, max_length=len(Bucket))
    max_tenor_days: Days
    realisation_buffer_days: Days
    initial_ltv_bps: Bps
    warning_ltv_bps: Bps
    margin_call_ltv_bps: Bps
    target_ltv_bps: Bps
    enforcement_ltv_bps: Bps
    cure_business_days: Days
    haircut_bps: dict[Goods, Bps] = Field(max_length=200)
    price_max_age: Duration
    price_max_move_bps: Bps
    evidence_max_age: dict[Claim, Duration] = Field(max_length=len(CLAIMS))
    approval_tiers: list[TierForm] = Field(min_length=1, max_length=20)

    def product(self) -> Product:
        """The product in our words."""
        return product_from_json(self.model_dump(mode="json"))


class StoredProduct(BaseModel):
    """A product version as it is stored."""

    name: str
    version: int
    stored_at: datetime
    terms: dict[str, Any]


class PayeeForm(Form):
    """To whom money goes."""

    name: Text = Field(examples=["Jiangnan Steel"])
    account: Text = Field(examples=["6222-0000-0001"])
    bank: Text = Field(examples=["ICBKCNBJ"])

    def payee(self) -> Payee:
        """The payee in our words."""
        return Payee(self.name, self.account, self.bank)


class ApplicationForm(Form):
    """What a borrower asks for; the borrower is the caller's organisation."""

    loan_id: Loan | None = Field(
        default=None, description="The number the loan is to go by; given by the bank where left out."
    )
    product: ProductName = Field(examples=["standard"])
    product_version: Number = Field(examples=[1])
    principal: Sum
    tenor_days: int = Field(strict=True, ge=1, le=MAX_DAYS, examples=[90])
    purpose: Text = Field(examples=["Hot rolled coil for the second quarter"])
    payee: PayeeForm
    receipts: list[Number] = Field(min_length=1, max_length=100, examples=[[1]])
    documents: list[Digest] = Field(default=[], max_length=50, description="SHA-256 of kept documents.")

    def application(self, loan_id: str, borrower: bytes) -> Application:
        """The application in our words."""
        return Application(
            loan_id=loan_id,
            borrower=borrower,
            product=self.product,
            product_version=self.product_version,
            principal=self.principal.money(),
            tenor_days=self.tenor_days,
            purpose=self.purpose,
            payee=self.payee.payee(),
            receipts=tuple(self.receipts),
        )


class ValueForm(Form):
    """The search for other pledges that the valuation rests on."""

    search_reference: Reference = Field(examples=["ZDW-2026-77"])
    search_clean: bool = Field(strict=True)

    def search(self) -> RegistrySearch:
        """The search in our words."""
        return RegistrySearch(self.search_reference, self.search_clean)


class DeclineForm(Form):
    """Why the bank does not want the loan."""

    reason: Text = Field(examples=["The storage contract ends too early."])


class SignForm(Form):
    """The commitment of exactly the terms that the borrower agrees to."""

    terms: Word


class UnfreezeForm(Form):
    """The reason that was looked at."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ReceiptForm(Form):
    """One receipt of the loan."""

    receipt: Number


class LoanShort(BaseModel):
    """A loan in a list."""

    id: str
    borrower: str
    product: str
    product_version: int
    principal: Amount
    state: LoanState
    drawn_on: date | None
    due_on: date | None


class Owed(BaseModel):
    """What is owed in minor units by kind, and the borrower's credit."""

    principal: int
    interest: int
    fee: int
    penalty: int
    enforcement: int
    outstanding: int
    credit: int
    currency: str


class TermsShown(BaseModel):
    """What both sides agree on: SHA-256 of `opening`'s bytes is the commitment that the ledger keeps."""

    commitment: str
    opening: str


class LoanFull(LoanShort):
    """A loan as it stands today."""

    tenor_days: int
    purpose: str
    payee: PayeeForm
    receipts: list[int]
    receipts_standing: list[int]
    documents: list[str]
    pledge: int | None
    maker: str | None
    terms: TermsShown | None
    owed: Owed
    days_past_due: int
    risk_class: RiskClass
    freezes: list[str]


class LoanFact(BaseModel):
    """One fact about the loan's money."""

    number: int
    id: str
    on: date
    kind: str
    amount_minor: int
    to: str | None
    of: str | None


class Posting(BaseModel):
    """One entry of the loan's journal."""

    number: int
    debit: str
    credit: str
    amount: Amount
    on: date
    cause: list[str]
    booked_at: datetime
    reverses: int | None
    previous: str
    hash: str


class LoanAct(BaseModel):
    """What was done to the loan, by whom, with the facts that decided it."""

    number: int
    act: str
    before: str
    after: str
    by: str
    at: datetime
    facts: dict[str, Any]


class Balance(BaseModel):
    """Debits less credits of one account."""

    account: str
    currency: str
    balance_minor: int


class TrialBalance(BaseModel):
    """Every account of the loan book; the balances of a currency sum to 0."""

    balances: list[Balance]


def owed_shown(balances: Balances, currency: str) -> Owed:
    """What is owed, as answers show it."""
    return Owed(
        principal=balances.principal,
        interest=balances.interest,
        fee=balances.fee,
        penalty=balances.penalty,
        enforcement=balances.enforcement,
        outstanding=balances.outstanding,
        credit=balances.credit,
        currency=currency,
    )


def loan_shown(
    standing: Standing, receipts: list[int], documents: list[str], openings: list[Opening]
) -> LoanFull:
    """A loan, as answers show it."""
    loan = standing.loan
    terms = None
    if loan.terms is not None and openings:
        terms = TermsShown(commitment="0x" + loan.terms.hex(), opening=openings[0].opening.decode())
    payee = PayeeForm.model_construct(name=loan.payee.name, account=loan.payee.account, bank=loan.payee.bank)
    return LoanFull(
        id=loan.id,
        borrower="0x" + loan.borrower.hex(),
        product=loan.product.name,
        product_version=loan.product.version,
        principal=shown(loan.principal),
        state=standing.state,
        drawn_on=loan.drawn_on,
        due_on=loan.due_on,
        tenor_days=loan.tenor_days,
        purpose=loan.purpose,
        payee=payee,
        receipts=list(loan.receipts),
        receipts_standing=receipts,
        documents=documents,
        pledge=loan.pledge_id,
        maker=loan.maker,
        terms=terms,
        owed=owed_shown(standing.balances, loan.principal.currency),
        days_past_due=standing.days_past_due,
        risk_class=standing.risk_class,
        freezes=list(standing.freezes),
    )


def fact_shown(numbered: tuple[int, Fact]) -> LoanFact:
    """A fact, as answers show it."""
    number, fact = numbered
    return LoanFact(
        number=number,
        id=fact.id,
        on=fact.on,
        kind=fact.kind.value,
        amount_minor=fact.amount_minor,
        to=None if fact.to is None else fact.to.value,
        of=fact.of,
    )


def act_shown(row: LoanActRow) -> LoanAct:
    """An act, as answers show it."""
    return LoanAct(
        number=row.number,
        act=row.act,
        before=row.before,
        after=row.after,
        by=row.by,
        at=row.at,
        facts=row.facts,
    )


def entry_shown(entry: Entry) -> Posting:
    """An entry, as answers show it."""
    posting = entry.posting
    return Posting(
        number=entry.number,
        debit=posting.debit.value,
        credit=posting.credit.value,
        amount=Amount(amount_minor=posting.amount_minor, currency=entry.currency),
        on=posting.on,
        cause=[str(each) for each in posting.cause],
        booked_at=entry.booked_at,
        reverses=entry.reverses,
        previous="0x" + entry.previous.hex(),
        hash="0x" + entry.hash.hex(),
    )

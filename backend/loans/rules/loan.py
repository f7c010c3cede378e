"""A loan in our words, what it is asked for with, and the terms that both sides commit to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from backend.errors import Invalid, NotFound, WrongState
from backend.loans.rules.life import LoanState
from backend.loans.rules.product import Product, product_to_json
from backend.units import BPS, Money, require_integer, require_positive
from backend.valuation.rules.value import Lot

MAX_TEXT: Final = 500
_ID: Final = re.compile(r"[A-Za-z0-9-]{3,28}")


class LoanUnknown(NotFound):
    """There is no loan of that number."""

    code = "loans.loan_unknown"


class LoanExists(WrongState):
    """There is a loan of that number already."""

    code = "loans.loan_exists"


class ProductUnknown(NotFound):
    """The bank has no product of that name and version."""

    code = "loans.product_unknown"


class ApplicationIncomplete(Invalid):
    """An application names its purpose, its payee and at least one receipt, none twice."""

    code = "loans.application_incomplete"


class ReceiptTaken(WrongState):
    """The receipt is offered to, or pledged for, another loan that lives."""

    code = "loans.receipt_taken"


class PayoffDayOutOfRange(Invalid):
    """A payoff is told for today and for days to come, within ten years."""

    code = "loans.payoff_day_out_of_range"


class CollateralUnknown(NotFound):
    """Nothing confirmed is known of a receipt that the loan rests on."""

    code = "loans.collateral_unknown"


class ClaimsBelowBar(WrongState):
    """A claim of an offered receipt is stale, contradicted, or from too few sources."""

    code = "loans.claims_below_bar"


class SearchNotClean(WrongState):
    """The search for another pledge over these goods found one, or was not made."""

    code = "loans.search_not_clean"


class PledgeDiffers(WrongState):
    """The pledge on the ledger is not the one that this loan's terms ask for."""

    code = "loans.pledge_differs"


class TermsNotThese(WrongState):
    """The terms that were signed are not those that were approved."""

    code = "loans.terms_not_these"


@dataclass(frozen=True, slots=True)
class Payee:
    """To whom the loan is paid out: the supplier, where payment is entrusted to the bank."""

    name: str
    account: str
    bank: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a borrower asks for.

    Attributes:
        loan_id: the number the loan goes by, given by whoever submits, so that a retry is seen as one; short
            enough to stand in a payment's end-to-end id.
        borrower: the party's id in the registry.
        receipts: numbers on the ledger of the receipts offered.
    """

    loan_id: str
    borrower: bytes
    product: str
    product_version: int
    principal: Money
    tenor_days: int
    purpose: str
    payee: Payee
    receipts: tuple[int, ...]

    def __post_init__(self) -> None:
        require_positive(self.principal)
        require_integer("tenor_days", self.tenor_days, at_least=1)
        texts = (self.purpose, self.payee.name, self.payee.account, self.payee.bank)
        complete = self.receipts and len(set(self.receipts)) == len(self.receipts)
        if (
            not complete
            or not all(0 < len(text) <= MAX_TEXT for text in texts)
            or not _ID.fullmatch(self.loan_id)
        ):
            raise ApplicationIncomplete(loan_id=self.loan_id, receipts=list(self.receipts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """A loan as it stands. Dates are None until it was disbursed, `maker` until it was valued."""

    id: str
    borrower: bytes
    product: Product
    principal: Money
    tenor_days: int
    purpose: str
    payee: Payee
    receipts: tuple[int, ...]
    state: LoanState
    maker: str | None
    terms: bytes | None
    pledge_id: int | None
    drawn_on: date | None
    due_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collateral:
    """What receipts and evidence know of a receipt that a loan rests on.

    Attributes:
        claims: score of each claim in basis points; the weakest is the lot's eligibility.
        in_conflict: whether evidence speaks against a claim; this freezes drawdown by itself.
        mass_kg: what is there and no open release order lets leave.
        goods_valid_until: last day of the goods' own validity; None for goods that have none.
        stored_until: last day of the storage contract.
        lien_minor: the operator's senior claim on the receipt to date.
        storage_minor_per_tonne_day: by how much that claim grows each day for a tonne.
    """

    receipt: int
    commodity: str
    grade: str
    mass_kg: int
    claims: Mapping[str, int]
    in_conflict: bool
    goods_valid_until: date | None
    stored_until: date
    lien_minor: int
    storage_minor_per_tonne_day: int
    contract_minor_per_tonne: int | None = None

    @property
    def eligibility_bps(self) -> int:
        """The weakest claim; nothing where no claim is made at all."""
        return min(self.claims.values(), default=0)

    def lot(self, product: Product, *, mass_kg: int | None = None) -> Lot:
        """The lot to be valued under a product; with `mass_kg`, so much of it, with its whole lien."""
        return Lot(
            receipt=self.receipt,
            commodity=self.commodity,
            grade=self.grade,
            mass_kg=self.mass_kg if mass_kg is None else mass_kg,
            eligibility_bps=self.eligibility_bps,
            haircut_bps=product.haircut_of(self.commodity, self.grade),
            contract_minor_per_tonne=self.contract_minor_per_tonne,
            lien_minor=self.lien_minor,
        )


@dataclass(frozen=True, slots=True)
class RegistrySearch:
    """The search for other pledges: the registry's reference, and whether it found none."""

    reference: str
    clean: bool


def require_claims(product: Product, collateral: tuple[Collateral, ...]) -> None:
    """Refuse lots of which a claim that the product asks for does not hold in full.

    Raises:
        ClaimsBelowBar: names the receipt and its weak claims.
    """
    for each in collateral:
        weak = {claim: each.claims.get(claim) for claim in product.evidence_max_age}
        weak = {claim: score for claim, score in weak.items() if score is None or score < BPS}
        if weak or each.in_conflict:
            raise ClaimsBelowBar(receipt=each.receipt, weak=weak, in_conflict=each.in_conflict)


def require_search(search: RegistrySearch) -> None:
    """Refuse where another pledge was found, or no registry was asked.

    Raises:
        SearchNotClean: either.
    """
    if not search.clean or not search.reference:
        raise SearchNotClean(reference=search.reference, clean=search.clean)


def require_same_pledge(loan: Loan, *, pledgor: bytes, terms: bytes, receipts: tuple[int, ...]) -> None:
    """Refuse a pledge by another party, under other terms, or over other receipts than the loan's.

    Raises:
        PledgeDiffers: any of these.
    """
    same = (pledgor, terms, sorted(receipts)) == (loan.borrower, loan.terms, sorted(loan.receipts))
    if not same:
        raise PledgeDiffers(loan_id=loan.id, pledgor="0x" + pledgor.hex(), receipts=list(receipts))


def terms_content(loan: Loan, lender: str) -> dict[str, Any]:
    """Everything the two sides agree on, product version included, as it goes into the terms commitment."""
    return {
        "loan": loan.id,
        "lender": lender,
        "borrower": "0x" + loan.borrower.hex(),
        "principal_minor": str(loan.principal.amount_minor),
        "currency": loan.principal.currency,
        "tenor_days": loan.tenor_days,
        "purpose": loan.purpose,
        "payee": {"name": loan.payee.name, "account": loan.payee.account, "bank": loan.payee.bank},
        "receipts": [str(receipt) for receipt in sorted(loan.receipts)],
        "product": product_to_json(loan.product),
    }

"""From an application to signed terms: submit, value, approve, sign; decline and withdraw."""

from collections import Counter
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.clock import Moment
from backend.identity.actions import person_in_role
from backend.identity.rules import Person, Role, RoleMissing
from backend.loans.actions.acts import bank_actor, borrower_actor, take
from backend.loans.actions.desk import Desk
from backend.loans.actions.telling import commit_to_terms
from backend.loans.actions.worth import worth_at
from backend.loans.rules.approval import (
    Approval,
    is_approved,
    require_maturity,
    require_within_line,
    take_approval,
)
from backend.loans.rules.life import Act, Holds, LoanState, require_act
from backend.loans.rules.loan import (
    Application,
    Loan,
    LoanExists,
    ReceiptTaken,
    RegistrySearch,
    TermsNotThese,
    require_claims,
    require_search,
)
from backend.loans.rules.product import ApprovalTier, Product, ProductInvalid, product_to_json
from backend.loans.tables.loan import (
    ApprovalRow,
    LoanReceiptRow,
    LoanRow,
    ProductRow,
    approvals_of,
    loan_ids_on,
    loan_of,
    loan_row,
    product_of,
    standing_receipts,
)
from backend.units import CurrencyMismatch


def store_product(session: Session, product: Product, *, at: Moment) -> None:
    """Keep a version of a product for good.

    Raises:
        ProductInvalid: this version is stored already; change the number.
    """
    if session.get(ProductRow, (product.name, product.version)) is not None:
        raise ProductInvalid(product=product.name, version=product.version, reason="stored already")
    session.add(
        ProductRow(
            name=product.name, version=product.version, terms=product_to_json(product), stored_at=at.now
        )
    )
    session.flush()


def submit(session: Session, application: Application, *, at: Moment) -> Loan:
    """Open a loan by a borrower's application and reserve the receipts it rests on.

    Raises:
        ProductUnknown: there is no such product.
        LoanExists: there is a loan of that number.
        ReceiptTaken: a receipt is offered for, or pledged to, another loan that lives.
        CurrencyMismatch: the product is kept in another currency.
    """
    product = product_of(session, application.product, application.product_version)
    if application.principal.currency != product.currency:
        raise CurrencyMismatch(one=application.principal.currency, other=product.currency)
    if session.get(LoanRow, application.loan_id) is not None:
        raise LoanExists(loan_id=application.loan_id)
    session.add(_row(application, at))
    session.flush()
    _reserve(session, application)
    return take(
        session,
        application.loan_id,
        Act.SUBMIT,
        borrower_actor(application.borrower),
        met={Holds.APPLICATION_COMPLETE},
        facts={"receipts": list(application.receipts), "principal_minor": application.principal.amount_minor},
        at=at,
    )


def value(session: Session, desk: Desk, loan_id: str, *, by: str, search: RegistrySearch, at: Moment) -> Loan:
    """Propose a loan: its receipts' claims hold, nobody else has them, and a fresh price gives their worth.

    Whoever does this is the loan's maker and can never approve it.

    Raises:
        ClaimsBelowBar: a claim is stale, contradicted or too thinly supported.
        SearchNotClean: another pledge was found, or no registry asked.
        PriceStale: or `PriceMissing`, `PriceHeld`: no value can be stated.
        RoleMissing: `by` is no credit officer.
    """
    officer = person_in_role(session, by, Role.CREDIT_OFFICER)
    loan = loan_of(session, loan_id)
    require_claims(loan.product, desk.goods(session, loan.product, loan.receipts, at))
    require_search(search)
    worth = worth_at(session, desk, loan, at, line_bps=loan.product.initial_ltv_bps)
    loan_row(session, loan_id).maker = officer.id
    return take(
        session,
        loan_id,
        Act.VALUE,
        bank_actor(officer),
        met={Holds.CLAIMS_MEET_BAR, Holds.SEARCH_CLEAN, Holds.REGISTRY_REFERENCE, Holds.PRICE_FRESH},
        facts={**worth.facts(), "search": asdict(search)},
        at=at,
    )


def approve(
    session: Session, desk: Desk, loan_id: str, *, by: str, at: Moment, related: frozenset[str] = frozenset()
) -> Loan:
    """Add one person's approval; with the last one the tier asks for the loan is approved, its terms fixed.

    Raises:
        MakerIsChecker: the maker approves their own proposal.
        AlreadyApproved: the person, or their key, has approved before.
        RelatedParty: the person is related to the borrower.
        NoPlaceForRole: the tier has no place left for any role of theirs.
        BeyondInitialLine: the amount is more than the lots carry today.
        MaturityTooLate: the goods, their storage or the product end too early.
    """
    loan = loan_of(session, loan_id)
    tier = loan.product.tier_of(loan.principal)
    given = tuple(Approval(row.person, row.signer, row.role) for row in approvals_of(session, loan_id))
    person, role = _in_a_place_left(session, tier, given, by)
    require_act(loan.state, Act.APPROVE, bank_actor(person), set(Holds))
    added = Approval(person.id, person.signer, role)
    all_given = take_approval(tier, given, maker=loan.maker, related=related, by=added)
    facts = require_fundable(session, desk, loan, at)
    session.add(
        ApprovalRow(loan_id=loan_id, person=added.person, signer=added.key, role=added.role, given_at=at.now)
    )
    session.flush()
    if not is_approved(tier, all_given):
        return loan
    approved = take(
        session,
        loan_id,
        Act.APPROVE,
        bank_actor(person),
        met={Holds.FOUR_EYES, Holds.WITHIN_INITIAL_LTV, Holds.WITHIN_TENOR},
        facts={**facts, "approvers": [approval.person for approval in all_given]},
        at=at,
    )
    loan_row(session, loan_id).terms = commit_to_terms(session, desk, approved, at)
    session.flush()
    return loan_of(session, loan_id)


def sign(session: Session, loan_id: str, *, terms: bytes, at: Moment) -> Loan:
    """The borrower agrees to exactly the terms behind this commitment.

    Raises:
        TermsNotThese: they are not the ones that were approved.
    """
    loan = loan_of(session, loan_id)
    if loan.terms is not None and loan.terms != terms:
        raise TermsNotThese(loan_id=loan_id, signed="0x" + terms.hex(), approved="0x" + loan.terms.hex())
    return take(
        session,
        loan_id,
        Act.SIGN,
        borrower_actor(loan.borrower),
        met={Holds.TERMS_COMMITTED},
        facts={"terms": "0x" + terms.hex()},
        at=at,
    )


def decline(session: Session, loan_id: str, *, by: str, reason: str, at: Moment) -> Loan:
    """End an application that the bank does not want; its receipts are free again."""
    officer = person_in_role(session, by, Role.CREDIT_OFFICER)
    loan = take(
        session, loan_id, Act.DECLINE, bank_actor(officer), met=set(), facts={"reason": reason}, at=at
    )
    _free_receipts(session, loan_id, at)
    return loan


def withdraw(session: Session, loan_id: str, *, at: Moment) -> Loan:
    """End an application that the borrower no longer wants; its receipts are free again."""
    borrower = borrower_actor(loan_of(session, loan_id).borrower)
    loan = take(session, loan_id, Act.WITHDRAW, borrower, met=set(), facts={}, at=at)
    _free_receipts(session, loan_id, at)
    return loan


def require_fundable(session: Session, desk: Desk, loan: Loan, at: Moment) -> dict[str, object]:
    """What the lots are worth today, once the loan is known to fit them in amount and in time.

    Raises:
        ClaimsBelowBar: a claim does not hold in full today.
        BeyondInitialLine: the amount is more than the lots carry at the initial line.
        MaturityTooLate: the goods, their storage or the product end too early.
        PriceStale: or `PriceMissing`, `PriceHeld`: no value can be stated.
    """
    collateral = desk.goods(session, loan.product, loan.receipts, at)
    require_claims(loan.product, collateral)
    worth = worth_at(session, desk, loan, at, line_bps=loan.product.initial_ltv_bps)
    require_within_line(loan.principal, worth.valuation.allowed_debt - worth.valuation.lien)
    ends = [each.stored_until for each in collateral]
    ends += [each.goods_valid_until for each in collateral if each.goods_valid_until is not None]
    require_maturity(loan.product, at.today, at.today + timedelta(days=loan.tenor_days), ends)
    return worth.facts()


def _in_a_place_left(
    session: Session, tier: ApprovalTier, given: tuple[Approval, ...], by: str
) -> tuple[Person, str]:
    """The person, and the first role of theirs that the tier still has a place for; else the tier's first."""
    left = Counter(tier.approvers) - Counter(approval.role for approval in given)
    for role in left:
        try:
            return person_in_role(session, by, Role(role)), role
        except RoleMissing:
            continue
    return person_in_role(session, by, Role(tier.approvers[0])), tier.approvers[0]


def _row(application: Application, at: Moment) -> LoanRow:
    return LoanRow(
        id=application.loan_id,
        borrower=application.borrower,
        product_name=application.product,
        product_version=application.product_version,
        principal_minor=application.principal.amount_minor,
        currency=application.principal.currency,
        tenor_days=application.tenor_days,
        purpose=application.purpose,
        payee=asdict(application.payee),
        state=LoanState.DRAFT.value,
        submitted_at=at.now,
    )


def _reserve(session: Session, application: Application) -> None:
    """Take the receipts; where two applications race, the database lets one through."""
    for receipt in application.receipts:
        taken = loan_ids_on(session, receipt)
        if taken:
            raise ReceiptTaken(receipt=receipt, loan_id=taken[0])
        session.add(LoanReceiptRow(loan_id=application.loan_id, receipt=receipt))
    try:
        session.flush()
    except IntegrityError as error:
        raise ReceiptTaken(receipts=list(application.receipts)) from error


def _free_receipts(session: Session, loan_id: str, at: Moment) -> None:
    for row in standing_receipts(session, loan_id):
        row.ended_at = at.now
    session.flush()

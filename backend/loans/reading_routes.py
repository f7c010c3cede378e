"""Reading loans over the API: as they stand, their facts, journal and acts, a payoff, the trial balance."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlmodel import Session

from backend.identity.permissions import Caller, Permission
from backend.loans.access import LOAN_ID, LoanInPath, loan_seen
from backend.loans.actions import booking, reading
from backend.loans.rules.facts import BeforeDisbursement
from backend.loans.rules.journal import JournalBroken
from backend.loans.rules.life import LoanState
from backend.loans.rules.loan import LoanUnknown, PayoffDayOutOfRange
from backend.loans.rules.product import MAX_DAYS
from backend.loans.shapes import (
    Balance,
    LoanAct,
    LoanFact,
    LoanFull,
    LoanShort,
    Owed,
    Posting,
    TrialBalance,
    act_shown,
    entry_shown,
    fact_shown,
    loan_shown,
    owed_shown,
)
from backend.loans.tables.loan import LoanRow, documents_of
from backend.parties.scope import party_of, sees_all
from backend.web.amounts import Amount
from backend.web.caller import may
from backend.web.pages import AfterNumber, Limit, Page, page
from backend.web.problems import refusals
from backend.web.work import LookDep, TimesDep

router = APIRouter(prefix="/v1", tags=["loans"])
Reader = Annotated[Caller, Depends(may(Permission.LOANS_READ))]
After = Annotated[str, Query(pattern=rf"{LOAN_ID}|^$", description="`next` of the page before.")]


@router.get("/loans")
def list_loans(
    look: LookDep, times: TimesDep, caller: Reader, after: After = "", limit: Limit = 50
) -> Page[LoanShort]:
    """Loans by number: a borrower's own; the bank and its auditors see all."""
    borrower = None if sees_all(caller) else party_of(caller)

    def question(session: Session) -> Page[LoanShort]:
        found = reading.listed(session, borrower, after, limit + 1, at=times.moment())
        return page(found, limit, shown=_short, key=lambda each: each[0].id)

    return look(question)


@router.get("/loans/{loan_id}", responses=refusals(LoanUnknown))
def get_loan(look: LookDep, times: TimesDep, caller: Reader, loan_id: LoanInPath) -> LoanFull:
    """A loan as it stands today, with what it owes and, once approved, the terms to sign, opened."""

    def question(session: Session) -> LoanFull:
        loan_seen(session, caller, loan_id)
        return loan_shown(
            reading.standing(session, loan_id, at=times.moment()),
            reading.receipts_under(session, loan_id),
            documents_of(session, loan_id),
            reading.openings(session, loan_id),
        )

    return look(question)


@router.get("/loans/{loan_id}/facts", responses=refusals(LoanUnknown))
def list_facts(
    look: LookDep, caller: Reader, loan_id: LoanInPath, after: AfterNumber = 0, limit: Limit = 50
) -> Page[LoanFact]:
    """The facts about the loan's money in the order they became known."""

    def question(session: Session) -> Page[LoanFact]:
        loan_seen(session, caller, loan_id)
        found = reading.facts_after(session, loan_id, after, limit + 1)
        return page(found, limit, shown=fact_shown, key=lambda each: each[0])

    return look(question)


@router.get("/loans/{loan_id}/postings", responses=refusals(LoanUnknown, JournalBroken))
def list_postings(
    look: LookDep, caller: Reader, loan_id: LoanInPath, after: AfterNumber = 0, limit: Limit = 50
) -> Page[Posting]:
    """The loan's journal, its chain of hashes re-derived from the entry before the page on."""

    def question(session: Session) -> Page[Posting]:
        loan_seen(session, caller, loan_id)
        found = reading.journal_after(session, loan_id, after, limit + 1)
        return page(found, limit, shown=entry_shown, key=lambda each: each.number)

    return look(question)


@router.get("/loans/{loan_id}/acts", responses=refusals(LoanUnknown))
def list_loan_acts(
    look: LookDep, caller: Reader, loan_id: LoanInPath, after: AfterNumber = 0, limit: Limit = 50
) -> Page[LoanAct]:
    """What was done to the loan, by whom and with which facts, in order."""

    def question(session: Session) -> Page[LoanAct]:
        loan_seen(session, caller, loan_id)
        found = reading.acts_after(session, loan_id, after, limit + 1)
        return page(found, limit, shown=act_shown, key=lambda each: each.number)

    return look(question)


@router.get(
    "/loans/{loan_id}/payoff", responses=refusals(LoanUnknown, BeforeDisbursement, PayoffDayOutOfRange)
)
def get_payoff(
    look: LookDep,
    times: TimesDep,
    caller: Reader,
    loan_id: LoanInPath,
    on: Annotated[date | None, Query(description="A day from today on; today where left out.")] = None,
) -> Owed:
    """To the minor unit what would end the loan on a day, with every fact known now."""

    def question(session: Session) -> Owed:
        loan = loan_seen(session, caller, loan_id)
        today = times.moment().today
        day = today if on is None else on
        if not today <= day <= today + timedelta(days=MAX_DAYS):
            raise PayoffDayOutOfRange(on=day, today=today)
        return owed_shown(booking.payoff_on(session, loan_id, day), loan.principal.currency)

    return look(question)


@router.get("/trial-balance")
def get_trial_balance(
    look: LookDep, _caller: Annotated[Caller, Depends(may(Permission.AUDIT_READ))]
) -> TrialBalance:
    """Debits less credits of every account of the loan book."""
    found = look(reading.trial_balance)
    return TrialBalance(
        balances=[
            Balance(account=account.value, currency=currency, balance_minor=sum_)
            for (account, currency), sum_ in sorted(found.items(), key=lambda each: (each[0][1], each[0][0]))
        ]
    )


def _short(listed: tuple[LoanRow, LoanState]) -> LoanShort:
    row, state = listed
    return LoanShort(
        id=row.id,
        borrower="0x" + row.borrower.hex(),
        product=row.product_name,
        product_version=row.product_version,
        principal=Amount(amount_minor=row.principal_minor, currency=row.currency),
        state=state,
        drawn_on=row.drawn_on,
        due_on=row.due_on,
    )

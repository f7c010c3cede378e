"""How the whole book stands, by the newest decision about each loan: for who looks at all of it at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from backend.loans.actions import reading
from backend.margin.rules.call import MarginState
from backend.margin.tables import MarginDecisionRow, last_decision, newest_decisions


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A loan's cover by its newest decision. Without a value there are no figures: none is taken for zero.

    Attributes:
        loan_id: the loan.
        state: where its cover stands; None before the first decision.
        unvalued: the code of why no value could be stated.
        debt_minor: what was owed, with the operator's lien.
        market_value_minor: of the goods it rests on; None where nothing was owed, too.
        effective_ltv_bps: as the lines meet it.
        decided_at: when.
    """

    loan_id: str
    state: MarginState | None = None
    unvalued: str | None = None
    debt_minor: int | None = None
    market_value_minor: int | None = None
    effective_ltv_bps: int | None = None
    decided_at: datetime | None = None

    @property
    def is_valued(self) -> bool:
        """Whether a value was stated."""
        return self.state is not None and self.unvalued is None


def survey(session: Session, until: datetime) -> list[Surveyed]:
    """Every loan that owes now, as it stood at that instant, by number."""
    newest = {row.loan_id: row for row in newest_decisions(session, until)}
    return [_surveyed(loan_id, newest.get(loan_id)) for loan_id in reading.live_loans(session)]


def stand_of(session: Session, loan_ids: Sequence[str]) -> list[Surveyed]:
    """These loans by their newest decisions, in the order given."""
    return [_surveyed(loan_id, last_decision(session, loan_id)) for loan_id in loan_ids]


def _surveyed(loan_id: str, row: MarginDecisionRow | None) -> Surveyed:
    if row is None:
        return Surveyed(loan_id)
    return Surveyed(
        loan_id,
        state=MarginState(row.state),
        unvalued=row.unvalued,
        debt_minor=row.facts.get("debt_minor"),
        market_value_minor=row.facts.get("market_value_minor"),
        effective_ltv_bps=row.facts.get("effective_ltv_bps"),
        decided_at=row.decided_at,
    )

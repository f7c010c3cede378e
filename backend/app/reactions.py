"""What follows from a confirmed event or a taken statement, capability by capability, in one unit of work."""

from dataclasses import dataclass

import structlog
from sqlmodel import Session

from backend.app.bank import Bank
from backend.chain.follower import Projector
from backend.chain.rules import Act
from backend.errors import TallystickError
from backend.evidence.intake import Reactions
from backend.evidence.rules import Finding, Taken
from backend.loans.actions import reading as loans
from backend.margin.actions import calling
from backend.margin.actions.following import Following
from backend.notices.actions import announce
from backend.notices.rules import NoticeKind
from backend.parties import projection as parties
from backend.payments.actions import TakenLine
from backend.pledges import projection as pledges
from backend.receipts import actions as receiving
from backend.receipts import announcing
from backend.receipts import projection as receipts

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BankReactions:
    """Registered with the follower, the intake and the payment worker as typed callables.

    Projections must hold for every event, so what they raise stops the follower. A review may find its facts
    missing; it is then undone alone, and said.
    """

    bank: Bank

    def projectors(self) -> list[Projector]:
        """In this order for each confirmed event: projections first, then what loans make of it."""
        bank = self.bank
        following = Following(bank.desk, bank.business, bank.settings.business_zone)
        return [
            parties.project,
            receipts.project,
            pledges.project,
            bank.mirror.project,
            following.project,
            announcing.project,
        ]

    def intake(self) -> Reactions:
        """What follows in the unit of work that takes a statement."""
        return Reactions(on_taken=self.on_taken, on_finding=self.on_finding)

    def on_taken(self, session: Session, taken: Taken) -> None:
        """Judge exits at once; value again what rests on goods of the site when an alert opened."""
        alert = self.bank.watch.examine(session, taken.statement, self.bank.wall.now())
        if alert is not None:
            self.review_site(session, alert.site)

    def on_finding(self, session: Session, finding: Finding) -> None:
        """Open the alert that the finding calls for."""
        alert = self.bank.watch.report(session, finding, self.bank.wall.now())
        if alert is not None:
            self.review_site(session, alert.site)

    def on_line(self, session: Session, taken: TakenLine) -> None:
        """Test a loan's cover again once money was booked to it."""
        if taken.loan_id is not None:
            self._review(session, taken.loan_id)

    def on_refused(self, session: Session, act: Act) -> None:
        """Announce to the bank that the ledger refuses an act."""
        announce(
            session,
            NoticeKind.ACT_REFUSED,
            organisation=None,
            subject=f"act/{act.key}",
            facts={"function": act.function, "refusal": act.refusal, "facts": act.refusal_facts},
            at=self.bank.wall.now(),
        )

    def review_live(self, session: Session) -> None:
        """Test every loan that owes."""
        for loan_id in loans.live_loans(session):
            self._review(session, loan_id)

    def review_site(self, session: Session, site: bytes) -> None:
        """Test every loan that rests on goods of a site."""
        for receipt_id in receiving.live_receipts_at(session, site):
            for loan_id in loans.loans_on(session, receipt_id):
                self._review(session, loan_id)

    def _review(self, session: Session, loan_id: str) -> None:
        if loans.loan(session, loan_id).state not in calling.REVIEWED:
            return
        try:
            with session.begin_nested():
                calling.review(session, self.bank.desk, loan_id, at=self.bank.moment())
        except TallystickError as refusal:
            log.warning("review_refused", loan_id=loan_id, code=refusal.code, why=str(refusal))

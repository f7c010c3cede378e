"""Who may approve a loan, and when enough different people have: maker is never checker."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from backend.errors import Forbidden, WrongState
from backend.loans.rules.product import ApprovalTier, Product
from backend.units import Money


class MakerIsChecker(Forbidden):
    """Whoever proposed the loan cannot approve it."""

    code = "loans.maker_is_checker"


class AlreadyApproved(Forbidden):
    """This person, or this key under another name, has approved the loan already; one person counts once."""

    code = "loans.already_approved"


class RelatedParty(Forbidden):
    """The approver is related to the borrower (Commercial Bank Law, article 40)."""

    code = "loans.related_party"


class NoPlaceForRole(Forbidden):
    """The tier asks for no further approver in any of this person's roles."""

    code = "loans.no_place_for_role"


class BeyondInitialLine(WrongState):
    """The amount is more than the offered lots may carry at the initial line."""

    code = "loans.beyond_initial_line"


class MaturityTooLate(WrongState):
    """The loan would be due later than its product, the goods' validity or their storage allow."""

    code = "loans.maturity_too_late"


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's approval, in the role that they gave it in; `key` names the key they sign with."""

    person: str
    key: str
    role: str


def take_approval(
    tier: ApprovalTier, given: Sequence[Approval], *, maker: str | None, related: frozenset[str], by: Approval
) -> tuple[Approval, ...]:
    """All approvals, with `by` among them.

    Args:
        tier: the tier that the amount falls into.
        given: the approvals so far.
        maker: who valued and proposed the loan; None refuses, since somebody must have.
        related: persons known to be related to the borrower.
        by: the approval to be added; its role is one the tier still has a place for.

    Raises:
        MakerIsChecker: the maker approves their own proposal.
        RelatedParty: the approver is related to the borrower.
        AlreadyApproved: this person or this key has approved before.
        NoPlaceForRole: the tier's places for this role are taken, or it has none.
    """
    if maker is None or by.person == maker:
        raise MakerIsChecker(person=by.person)
    if by.person in related:
        raise RelatedParty(person=by.person)
    if any(by.person == other.person or by.key == other.key for other in given):
        raise AlreadyApproved(person=by.person)
    places = Counter(tier.approvers)
    places.subtract(other.role for other in given)
    if places[by.role] <= 0:
        raise NoPlaceForRole(person=by.person, role=by.role, places=list(tier.approvers))
    return (*given, by)


def is_approved(tier: ApprovalTier, given: Sequence[Approval]) -> bool:
    """Whether every place of the tier is taken."""
    return Counter(tier.approvers) == Counter(approval.role for approval in given)


def require_within_line(principal: Money, carries: Money) -> None:
    """Refuse more than the lots carry at the initial line.

    Raises:
        BeyondInitialLine: the principal exceeds it.
    """
    if principal > carries:
        raise BeyondInitialLine(principal_minor=principal.amount_minor, carries_minor=carries.amount_minor)


def require_maturity(product: Product, drawn_on: date, due_on: date, ends: Sequence[date]) -> None:
    """Refuse a maturity that the product, or the end of any lot's validity or storage, does not allow.

    Args:
        product: gives the longest tenor, and the buffer that selling the goods would take.
        drawn_on: the day of disbursement.
        due_on: the maturity before it is rolled to a business day.
        ends: for each lot the end of the goods' validity and of their storage.

    Raises:
        MaturityTooLate: it is later than one of these, buffer included.
    """
    buffer = timedelta(days=product.realisation_buffer_days)
    latest = min([drawn_on + timedelta(days=product.max_tenor_days), *(end - buffer for end in ends)])
    if due_on > latest:
        raise MaturityTooLate(due_on=due_on, latest=latest)

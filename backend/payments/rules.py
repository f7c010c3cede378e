"""What a payment is, what a rail must promise, and which outcome allows which step."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from backend.errors import Invalid, NotFound, Unavailable, WrongState
from backend.loans.rules.loan import Payee
from backend.units import Money, require_positive

MAX_END_TO_END: Final = 35
"""What ISO 20022 allows for an end-to-end id."""


class EndToEndIdReused(WrongState):
    """The rail has another payment under this end-to-end id."""

    code = "payments.end_to_end_id_reused"


class EndToEndIdInvalid(Invalid):
    """An end-to-end id has between 1 and 35 characters."""

    code = "payments.end_to_end_id_invalid"


class OutcomeUnknown(Unavailable):
    """The rail gave no answer, so the payment may or may not have been made; only asking it will tell."""

    code = "payments.outcome_unknown"


class PaymentUnknown(NotFound):
    """There is no payment of that name."""

    code = "payments.payment_unknown"


class LineTaken(WrongState):
    """This statement line is booked already."""

    code = "payments.line_taken"


class LineDiffers(WrongState):
    """The rail now says something else under a line number that was taken before."""

    code = "payments.line_differs"


class CreditTooSmall(WrongState):
    """More was to be refunded than the borrower's credit, refunds under way taken off."""

    code = "payments.credit_too_small"


class RailTakesNoOrders(WrongState):
    """The rail has its own way in: the borrower pays at its own bank and names the loan."""

    code = "payments.rail_takes_no_orders"


class IntentKind(StrEnum):
    """Why money leaves."""

    DISBURSEMENT = "disbursement"
    REFUND = "refund"


class IntentState(StrEnum):
    """`SETTLED` and `REJECTED` are terminal; `SENT` means that the rail may know of it."""

    INTENDED = "intended"
    SENT = "sent"
    SETTLED = "settled"
    REJECTED = "rejected"


class OutcomeState(StrEnum):
    """What a rail says of a payment that it knows."""

    PENDING = "pending"
    SETTLED = "settled"
    REJECTED = "rejected"


class Direction(StrEnum):
    """Whether a statement line is money in or money out."""

    IN = "in"
    OUT = "out"


class LineState(StrEnum):
    """`BOOKED` is terminal; `UNMATCHED` waits for a person to say what the money is for."""

    BOOKED = "booked"
    MATCHED = "matched"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Instruction:
    """An order to pay. The end-to-end id is the idempotency key: the same id is never paid twice."""

    end_to_end_id: str
    payee: Payee
    amount: Money

    def __post_init__(self) -> None:
        require_positive(self.amount)
        if not 0 < len(self.end_to_end_id) <= MAX_END_TO_END:
            raise EndToEndIdInvalid(end_to_end_id=self.end_to_end_id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a payment. `on` is its value date once settled, `reason` why it was rejected."""

    state: OutcomeState
    on: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of the bank's account statement. `reference` is an end-to-end id, or what the payer wrote."""

    number: int
    direction: Direction
    amount: Money
    on: date
    reference: str
    counterparty: str


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    """Money that is to leave, is leaving, or has left."""

    instruction: Instruction
    kind: IntentKind
    loan_id: str
    state: IntentState
    settled_on: date | None
    reason: str | None


class Rail(Protocol):
    """A way to move money. Names of rails are part of their payments' names, so each has its own."""

    @property
    def name(self) -> str:
        """Short, lower case, never changed."""
        ...

    def pay(self, instruction: Instruction) -> None:
        """Take the instruction; a second one with the same id and content changes nothing.

        Raises:
            OutcomeUnknown: no answer came; it may have been taken.
            EndToEndIdReused: the id stands for another payment.
        """
        ...

    def outcome(self, end_to_end_id: str) -> Outcome | None:
        """What became of a payment; None only if the rail is certain never to have seen it.

        Raises:
            OutcomeUnknown: no answer came.
        """
        ...

    def lines(self, after: int) -> list[StatementLine]:
        """Statement lines with numbers above `after`, in order; a line never changes."""
        ...


@runtime_checkable
class Collecting(Protocol):
    """A rail at which the bank may ask for a borrower's money; a sandbox is one."""

    def receive(self, *, payer: str, amount: Money, reference: str, key: str | None = None) -> int:
        """Take the money; the number of its statement line, the same one for the same key.

        Raises:
            OutcomeUnknown: no answer came; it may have been taken.
            EndToEndIdReused: the key stands for another payment.
        """
        ...


def disbursement_id(loan_id: str, attempt: int) -> str:
    """The end-to-end id of paying a loan out; a new attempt only ever follows a rejected one."""
    return f"D-{loan_id}-{attempt}"


def refund_id(loan_id: str, number: int) -> str:
    """The end-to-end id of a loan's n-th refund."""
    return f"R-{loan_id}-{number}"


def repayment_id(token: str) -> str:
    """The key of a borrower's repayment.

    Not of its loan and number: a bank put back from a backup would count on from there, and the rail would
    take its next repayment for one that it has already.
    """
    return f"P-{token}"

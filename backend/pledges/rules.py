"""Which steps of a pledge have been taken, and what each further act needs. Confirmed facts only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backend.errors import Invalid, NotFound, WrongState


class PledgeUnknown(NotFound):
    """No confirmed event shows this pledge."""

    code = "pledges.pledge_unknown"


class PledgeIncomplete(WrongState):
    """A step of the pledge is missing, so the bank does not control the receipts and no money may go out."""

    code = "pledges.incomplete"


class PledgeStateIs(WrongState):
    """The act does not fit the state that the pledge has reached."""

    code = "pledges.state_is"


class ReceiptAlreadyPledged(WrongState):
    """An effective pledge holds the receipt; a second would be a second claim on one thing."""

    code = "pledges.receipt_already_pledged"


class ReceiptNotPledged(NotFound):
    """This receipt is not under this pledge, or no longer."""

    code = "pledges.receipt_not_pledged"


class ReceiptsStillPledged(WrongState):
    """A receipt is still under the pledge, so its loan cannot be closed."""

    code = "pledges.receipts_still_pledged"


class TermsDiffer(Invalid):
    """The terms named are not those that the pledgor endorsed."""

    code = "pledges.terms_differ"


class NothingPledged(Invalid):
    """A pledge names at least one receipt, and none twice."""

    code = "pledges.nothing_pledged"


class PledgeState(StrEnum):
    """Computed from the steps and, before it is effective, from time. The last four are terminal."""

    ENDORSED = "endorsed"
    ATTORNED = "attorned"
    REGISTERED = "registered"
    EFFECTIVE = "effective"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Pledge:
    """A pledge as confirmed events have it. Each instant is the ledger's, None while the step is not taken.

    `receipts` are those still under it, `released` those it has let go.
    """

    id: int
    pledgor: bytes
    pledgee: bytes
    terms: bytes
    receipts: tuple[int, ...]
    released: tuple[int, ...]
    expires_at: datetime
    endorsed_at: datetime
    attorned_at: datetime | None
    registered_at: datetime | None
    effective_at: datetime | None
    withdrawn_at: datetime | None
    lapsed_at: datetime | None
    closed_at: datetime | None

    def state(self, now: datetime) -> PledgeState:
        """Where it stands at this instant of ledger time."""
        ended = {
            PledgeState.CLOSED: self.closed_at,
            PledgeState.WITHDRAWN: self.withdrawn_at,
            PledgeState.EXPIRED: self.lapsed_at,
        }
        for state, at in ended.items():
            if at is not None:
                return state
        if self.effective_at is not None:
            return PledgeState.EFFECTIVE if self.receipts else PledgeState.RELEASED
        if now >= self.expires_at:
            return PledgeState.EXPIRED
        if self.registered_at is not None:
            return PledgeState.REGISTERED
        return PledgeState.ATTORNED if self.attorned_at is not None else PledgeState.ENDORSED


def missing_steps(pledge: Pledge) -> tuple[str, ...]:
    """The steps not taken yet, in their order."""
    steps = {
        "attorned": pledge.attorned_at,
        "registered": pledge.registered_at,
        "effective": pledge.effective_at,
    }
    return tuple(name for name, at in steps.items() if at is None)


def require_effective(pledge: Pledge) -> None:
    """Refuse a pledge on which no money may rest.

    Raises:
        PledgeIncomplete: a step is missing; names all that are.
        PledgeStateIs: it was withdrawn, closed, or holds no receipt any more.
    """
    ended = {"withdrawn": pledge.withdrawn_at, "expired": pledge.lapsed_at, "closed": pledge.closed_at}
    for state, at in ended.items():
        if at is not None:
            raise PledgeStateIs(pledge=pledge.id, state=state)
    missing = missing_steps(pledge)
    if missing:
        raise PledgeIncomplete(pledge=pledge.id, missing=", ".join(missing))
    if not pledge.receipts:
        raise PledgeStateIs(pledge=pledge.id, state=PledgeState.RELEASED.value)


def require_state(pledge: Pledge, wanted: PledgeState, now: datetime) -> None:
    """Refuse an act that the pledge's state does not allow.

    Raises:
        PledgeStateIs: it stands elsewhere.
    """
    state = pledge.state(now)
    if state is not wanted:
        raise PledgeStateIs(pledge=pledge.id, state=state.value, wanted=wanted.value)


def require_same_terms(pledge: Pledge, terms: bytes) -> None:
    """Refuse an act under other terms than the pledgor's.

    Raises:
        TermsDiffer: they are others.
    """
    if terms != pledge.terms:
        raise TermsDiffer(pledge=pledge.id, named="0x" + terms.hex(), endorsed="0x" + pledge.terms.hex())


def require_receipts(receipts: tuple[int, ...]) -> None:
    """Refuse none, and one named twice.

    Raises:
        NothingPledged: either.
    """
    if not receipts or len(set(receipts)) != len(receipts):
        raise NothingPledged(named=len(receipts), distinct=len(set(receipts)))

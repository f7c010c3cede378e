"""The people of the story at their desks: an act is one transaction; then one waits for the ledger's word."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from backend.app import Bank
from backend.chain import actions as chain
from backend.chain.rules import Act, ActState
from backend.clock import Moment
from backend.db import reading, transaction
from backend.errors import NotFound, Unavailable, WrongState
from backend.evidence.rules import MovementMissing
from backend.story.processes import Processes

T = TypeVar("T")
POLL_S = 0.1


class NotInTime(Unavailable):
    """What the story waited for did not come."""

    code = "story.not_in_time"


class ActRefused(WrongState):
    """The ledger refused an act that the story needs."""

    code = "story.act_refused"


@dataclass(frozen=True, slots=True)
class Office:
    """A bank's installation as its people use it."""

    bank: Bank
    processes: Processes

    @property
    def engine(self) -> Engine:
        """The bank's database."""
        return self.bank.engine

    def moment(self) -> Moment:
        """Business time now."""
        return self.bank.moment()

    def do(self, act: Callable[[Session], T]) -> T:
        """Carry out an act in one transaction."""
        with transaction(self.engine) as session:
            return act(session)

    def look(self, question: Callable[[Session], T]) -> T:
        """Answer a question about the bank's records."""
        with reading(self.engine) as session:
            return question(session)

    def wait_for(self, what: str, question: Callable[[Session], T | None], *, within_s: float = 60) -> T:
        """The first answer that is neither None nor False nor "not found yet".

        Raises:
            NotInTime: there was none within the time.
            ProcessEnded: a part of the system has stopped.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                answer = self.look(question)
            except (NotFound, MovementMissing):
                answer = None
            if answer is not None and answer is not False:
                return answer
            self.processes.require_alive()
            time.sleep(POLL_S)
        raise NotInTime(what=what, waited_s=within_s)

    def confirmed(self, key: str, *, within_s: float = 60) -> Act:
        """The act of that key once it is confirmed.

        Raises:
            ActRefused: the ledger refused it.
            NotInTime: it is not confirmed in time.
        """

        def ended(session: Session) -> Act | None:
            found = chain.act(session, key)
            return found if found.state in (ActState.CONFIRMED, ActState.REFUSED) else None

        act = self.wait_for(f"act {key}", ended, within_s=within_s)
        if act.state is ActState.REFUSED:
            raise ActRefused(key=key, refusal=act.refusal, **act.refusal_facts)
        return act

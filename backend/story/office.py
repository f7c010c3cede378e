"""The people of the story at the bank's API: they ask for an act, and wait for the ledger's word."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from backend.app import Bank
from backend.chain.rules import ActState
from backend.clock import Moment
from backend.errors import Unavailable, WrongState
from backend.story.client import ApiRefused, Client
from backend.story.processes import Processes

T = TypeVar("T")
POLL_S: Final = 0.1
WAIT_S: Final = 120


class NotInTime(Unavailable):
    """What the story waited for did not come."""

    code = "story.not_in_time"


class ActRefused(WrongState):
    """The ledger refused an act that the story needs."""

    code = "story.act_refused"


@dataclass(frozen=True, slots=True)
class Office:
    """The people of the story at the bank's API.

    `bank` is the installation as its host could open it: for those who look at what lies in its database.
    """

    bank: Bank
    processes: Processes
    people: Mapping[str, Client]

    def at(self, person: str) -> Client:
        """The API as this person uses it."""
        return self.people[person]

    def both(self, people: tuple[str, str], path: str, body: object = None) -> Any:
        """What the second of two people is answered when both have asked for the very same."""
        first, second = people
        self.at(first).post(path, body)
        return self.at(second).post(path, body)

    def close(self) -> None:
        """Everybody goes home."""
        for client in self.people.values():
            client.close()
        self.bank.engine.dispose()

    def moment(self) -> Moment:
        """Business time now."""
        return self.bank.moment()

    def wait_for(self, what: str, question: Callable[[], T | None], *, within_s: float = WAIT_S) -> T:
        """The first answer that is neither None nor False nor "not found yet".

        Raises:
            NotInTime: there was none within the time.
            ProcessEnded: a part of the system has stopped.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                answer = question()
            except ApiRefused as refusal:
                if refusal.status_code != HTTPStatus.NOT_FOUND:
                    raise
                answer = None
            if answer is not None and answer is not False:
                return answer
            self.processes.require_alive()
            time.sleep(POLL_S)
        raise NotInTime(what=what, waited_s=within_s)

    def confirmed(self, person: str, act: str) -> dict[str, Any]:
        """What the ledger's contract said of an act, by the event's name, once it is confirmed.

        Raises:
            ActRefused: the ledger refused it.
            NotInTime: it is not confirmed in time.
        """

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.at(person).get(f"/v1/acts/{act}")
            return found if found["state"] in (ActState.CONFIRMED, ActState.REFUSED) else None

        found = self.wait_for(f"act {act}", ended)
        if found["state"] == ActState.REFUSED:
            raise ActRefused(act=act, refusal=found["refusal"], **found["refusal_facts"])
        return {event["name"]: event["facts"] for event in found["events"]}

"""Acts of two people: it waits when the first asks, and happens when a second asks for the very same."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Depends
from pydantic import BaseModel
from sqlmodel import Session

from backend.errors import WrongState
from backend.identity.actions import person_in_role
from backend.identity.permissions import Caller, require_person
from backend.identity.rules import Role, require_two_people
from backend.web.caller import current_caller
from backend.web.ports import Times, port
from backend.web.tables import WaitingActRow, open_act
from backend.web.work import Awaiting

WAITS_FOR: Final = timedelta(hours=24)


class OtherContentWaits(WrongState):
    """Another person has asked for this act with other content; agree on one, or withdraw the first."""

    code = "web.other_content_waits"


@dataclass(frozen=True, slots=True)
class TwoPeople:
    """Brings two natural persons of one organisation together on one act."""

    caller: Caller
    times: Times

    def both(
        self, session: Session, *, act: str, subject: str, role: Role, content: BaseModel | None = None
    ) -> tuple[str, str] | Awaiting:
        """The two people, first and second; or what the act waits for when nobody had asked before.

        Args:
            session: the unit of work in which the act is to happen.
            act: its name, as in `pledges.accept`.
            subject: what it is about, as in `pledge:7`; one act of a name waits about a subject at a time.
            role: what both must be employed to do.
            content: what the second must ask for unchanged.

        Raises:
            PersonNeeded: a machine asks.
            SamePerson: the first asks again, or both have one key.
            OtherContentWaits: the first asked for something else.
            RoleMissing: the person acts in other roles.
        """
        person = person_in_role(session, require_person(self.caller), role)
        asked = {} if content is None else content.model_dump(mode="json")
        now = self.times.wall.now()
        waiting = open_act(session, self.caller.organisation, act, subject)
        if waiting is not None and waiting.expires_at <= now:
            waiting.ended_at, waiting.ended_as = now, "expired"
            session.flush()
            waiting = None
        if waiting is None:
            return self._wait(session, act, subject, person.id, asked)
        first = person_in_role(session, waiting.first, role)
        require_two_people(first, person)
        if waiting.content != asked:
            raise OtherContentWaits(act=act, subject=subject, first=waiting.first)
        waiting.second, waiting.ended_at, waiting.ended_as = person.id, now, "done"
        session.flush()
        return first.id, person.id

    def _wait(
        self, session: Session, act: str, subject: str, person: str, content: dict[str, Any]
    ) -> Awaiting:
        now = self.times.wall.now()
        row = WaitingActRow(
            organisation=self.caller.organisation,
            act=act,
            subject=subject,
            content=content,
            first=person,
            asked_at=now,
            expires_at=now + WAITS_FOR,
        )
        session.add(row)
        session.flush()
        assert row.id is not None  # noqa: S101 - narrows what the database has just given
        return Awaiting(waiting_act=row.id, act=act, subject=subject, first=person, expires_at=row.expires_at)


def two_people(
    caller: Annotated[Caller, Depends(current_caller)], times: Annotated[Times, Depends(port(Times))]
) -> TwoPeople:
    """What brings this request's caller together with another person."""
    return TwoPeople(caller, times)


TwoDep = Annotated[TwoPeople, Depends(two_people)]

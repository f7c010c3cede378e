"""One request, one unit of work; effect and answer are kept together, so a repetition changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, ClassVar, Final, Self, TypeVar

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine
from sqlmodel import Session

from backend.db import carry_out, reading
from backend.errors import Invalid
from backend.identity.permissions import Caller
from backend.web.caller import current_caller
from backend.web.ports import Times, port
from backend.web.tables import AnswerRow

T = TypeVar("T")
REPLAYED: Final = "Idempotent-Replayed"
JSON: Final = "application/json"
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Names this request for all time; sent again with it, it has no second effect.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]


class KeyReused(Invalid):
    """The idempotency key has named another request already; take a new one for a new request."""

    code = "web.key_reused"


class Awaiting(BaseModel):
    """The act waits for a second person, who asks for the very same."""

    waiting_act: int
    act: str
    subject: str
    first: str
    expires_at: datetime


class ToldOnce(BaseModel):
    """An answer with a secret: no copy of the secret is kept, so no repetition of the request can tell it."""

    UNKEPT: ClassVar[str]
    """The name of the field with the secret; the field may be null."""

    told_before: bool = Field(
        default=False,
        description="Whether a request before this one was told the secret, which is null here.",
    )

    def kept(self) -> Self:
        """What repetitions are answered."""
        return self.model_copy(update={self.UNKEPT: None, "told_before": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Carries out a request's effect once, and gives the same answer to every repetition of it."""

    engine: Engine
    times: Times
    caller: Caller
    key: str
    operation: str
    body_hash: str

    def __call__(self, effect: Callable[[Session], BaseModel], *, status: int = 200) -> Response:
        """The answer, kept in the effect's own transaction; of `ToldOnce` without its secret.

        Args:
            effect: changes what it wants to change, and may be run again when the database asks for it.
            status: of the answer; an effect that still waits for a second person answers 202.

        Raises:
            KeyReused: the key stands for another request.
        """
        return carry_out(self.engine, lambda session: self._answer(session, effect, status))

    def _answer(self, session: Session, effect: Callable[[Session], BaseModel], status: int) -> Response:
        name = (self.caller.organisation, self.caller.principal, self.key)
        earlier = session.get(AnswerRow, name)
        if earlier is not None:
            if (earlier.operation, earlier.body_hash) != (self.operation, self.body_hash):
                raise KeyReused(key=self.key, operation=earlier.operation)
            return Response(earlier.body, earlier.status, headers={REPLAYED: "true"}, media_type=JSON)
        answer = effect(session)
        answered = HTTPStatus.ACCEPTED if isinstance(answer, Awaiting) else HTTPStatus(status)
        body = answer.model_dump_json(by_alias=True)
        kept = answer.kept().model_dump_json(by_alias=True) if isinstance(answer, ToldOnce) else body
        session.add(
            AnswerRow(
                organisation=self.caller.organisation,
                principal=self.caller.principal,
                key=self.key,
                operation=self.operation,
                body_hash=self.body_hash,
                status=answered.value,
                body=kept,
                answered_at=self.times.wall.now(),
            )
        )
        session.flush()
        return Response(body, answered.value, media_type=JSON)


@dataclass(frozen=True, slots=True)
class Look:
    """Answers a question from one consistent view that cannot write."""

    engine: Engine

    def __call__(self, question: Callable[[Session], T]) -> T:
        """The answer."""
        with reading(self.engine) as session:
            return question(session)


async def once(
    request: Request,
    engine: Annotated[Engine, Depends(port(Engine))],
    times: Annotated[Times, Depends(port(Times))],
    caller: Annotated[Caller, Depends(current_caller)],
    request_key: Key,
) -> Once:
    """What carries out this request's effect."""
    return Once(
        engine=engine,
        times=times,
        caller=caller,
        key=request_key,
        operation=f"{request.method} {request.url.path}",
        body_hash=sha256(await request.body()).hexdigest(),
    )


def look(engine: Annotated[Engine, Depends(port(Engine))]) -> Look:
    """What answers this request's question."""
    return Look(engine)


OnceDep = Annotated[Once, Depends(once)]
LookDep = Annotated[Look, Depends(look)]
TimesDep = Annotated[Times, Depends(port(Times))]

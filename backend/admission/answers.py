"""Acts whose answer or request holds a secret: no copy of either is kept, so they take no idempotency key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import Engine
from sqlmodel import Session

from backend.db import carry_out
from backend.web.ports import port
from backend.web.work import JSON, Awaiting

T = TypeVar("T")
EngineDep = Annotated[Engine, Depends(port(Engine))]


@dataclass(frozen=True, slots=True)
class Untold:
    """Carries out an effect in one unit of work and forgets the answer."""

    engine: Engine

    def __call__(self, effect: Callable[[Session], BaseModel], *, status: int) -> Response:
        """The answer; 202 where the act waits for a second person."""
        answer = carry_out(self.engine, effect)
        code = 202 if isinstance(answer, Awaiting) else status
        return Response(answer.model_dump_json(), code, media_type=JSON)


def untold(engine: EngineDep) -> Untold:
    """What carries out this request's effect."""
    return Untold(engine)


UntoldDep = Annotated[Untold, Depends(untold)]

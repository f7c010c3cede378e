"""Whether this process lives, and whether the installation can work: for supervisors and load balancers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from backend.app.bank import Bank
from backend.app.tables import beat_of
from backend.backup.actions import require_reconciled
from backend.chain import actions as chain
from backend.console.pulse import Dot, Health, Part
from backend.db import reading
from backend.errors import TallystickError
from backend.evidence import actions as evidence
from backend.migrations import require_current
from backend.web.ports import port
from contracts.errors import LedgerError
from contracts.rpc import Rpc

router = APIRouter(tags=["health"])
NODE_PATIENCE_S: Final = 2.0
BEATS_WITHIN: Final = timedelta(seconds=15)
HEARD_WITHIN: Final = timedelta(minutes=5)


class Alive(BaseModel):
    """This process answers."""

    alive: bool


class Check(BaseModel):
    """One part of the installation: whether it is well, and why not."""

    name: str
    well: bool
    why: str | None = None


class Readiness(BaseModel):
    """Whether requests can be answered, and how each part is; only the database decides on `ready`."""

    ready: bool
    checks: list[Check]
    confirmed_block: int | None
    worker_seen_at: datetime | None


@router.get("/healthz")
def alive() -> Alive:
    """Whether this process answers at all; says nothing of the rest."""
    return Alive(alive=True)


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not ready."}})
def ready(bank: Annotated[Bank, Depends(port(Bank))], response: Response) -> Readiness:
    """Whether requests can be answered.

    A node or worker that is away is shown; reading goes on without, as it does in a restored bank that is
    not reconciled yet.
    """
    found = readiness_of(bank)
    if not found.ready:
        response.status_code = 503
    return found


def readiness_of(bank: Bank) -> Readiness:
    """How each part of the installation is."""
    checks = [_check("database", lambda: require_current(bank.engine))]
    height, seen_at, worker = None, None, Check(name="worker", well=False, why="the database does not answer")
    reconciled = Check(name="reconciled", well=False, why="the database does not answer")
    if checks[0].well:
        with reading(bank.engine) as session:
            height, seen_at, worker = _worker(session, bank)
            reconciled = _check("reconciled", lambda: require_reconciled(session))
    checks += [
        worker,
        reconciled,
        _check("ledger", lambda: Rpc(bank.rpc.url, patience_s=NODE_PATIENCE_S).chain_id()),
    ]
    return Readiness(ready=checks[0].well, checks=checks, confirmed_block=height, worker_seen_at=seen_at)


def dots_of(bank: Bank) -> list[Dot]:
    """The same for the console's pages, and when a device was last heard."""
    found = {each.name: each for each in readiness_of(bank).checks}
    worker, database = found["worker"], found["database"]
    chain = next((each for each in (found["ledger"], worker) if not each.well), found["ledger"])
    return [
        _dot(Part.CHAIN, chain),
        _dot(Part.DATABASE, database),
        _dot(Part.BROKER, worker),
        _cameras(bank) if database.well else Dot(Part.CAMERAS, Health.NO_DATA),
    ]


def _dot(part: Part, check: Check) -> Dot:
    return Dot(part, Health.WELL if check.well else Health.ILL, check.why or "")


def _cameras(bank: Bank) -> Dot:
    """Whether any device was heard of late; silence is no sign that goods are where they were."""
    with reading(bank.engine) as session:
        heard = evidence.heard_at(session)
    if heard is None or bank.wall.now() - heard > HEARD_WITHIN:
        return Dot(Part.CAMERAS, Health.NO_DATA, "" if heard is None else heard.isoformat())
    return Dot(Part.CAMERAS, Health.WELL)


def _worker(session: Session, bank: Bank) -> tuple[int | None, datetime | None, Check]:
    try:
        height = chain.confirmed_height(session)
    except TallystickError:
        height = None
    beat = beat_of(session)
    if beat is None:
        return height, None, Check(name="worker", well=False, why="none has run on this database")
    late = bank.wall.now() - beat.at > BEATS_WITHIN
    why = (
        "it has not been heard of lately"
        if late
        else None
        if beat.is_listening
        else "it does not hear the broker"
    )
    return height, beat.at, Check(name="worker", well=why is None, why=why)


def _check(name: str, question: Callable[[], object]) -> Check:
    try:
        question()
    except (TallystickError, LedgerError) as refusal:
        return Check(name=name, well=False, why=refusal.code)
    except SQLAlchemyError as trouble:
        return Check(name=name, well=False, why=type(trouble).__name__)
    return Check(name=name, well=True)

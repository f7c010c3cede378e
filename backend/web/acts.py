"""Acts on the ledger over the API: how far each has come, and why one was refused."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlmodel import Session

from backend.chain import actions as chain
from backend.chain.rules import Act, ActState, ActUnknown
from backend.identity.permissions import Caller, Permission
from backend.web.caller import may
from backend.web.pages import AfterNumber, Limit, Page, page
from backend.web.problems import plain, refusals
from backend.web.work import LookDep

router = APIRouter(prefix="/v1", tags=["acts"])
KeyInPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9._:-]{1,160}$", examples=["issue:7:12"])]
Reader = Annotated[Caller, Depends(may(Permission.EVENTS_READ))]


class Intended(BaseModel):
    """An act that was decided; it is true once the ledger confirms it, which `GET /v1/acts/{act}` tells."""

    act: str = Field(examples=["issue:7:12"])
    state: ActState


class ActEvent(BaseModel):
    """One thing that the act's contract said, with the numbers that it gave."""

    name: str = Field(examples=["IssueRequested"])
    facts: dict[str, Any] = Field(examples=[{"requestId": 7}])


class LedgerAct(BaseModel):
    """An act on the ledger and how far it has come."""

    key: str
    signer: str
    contract: str
    function: str
    state: ActState
    transaction: str | None
    refusal: str | None = Field(description="The contract's own name for why it refused.")
    refusal_facts: dict[str, Any]
    events: list[ActEvent] = Field(description="What the contract said of it, once it is confirmed.")


def intended(session: Session, key: str) -> Intended:
    """The answer to a request that has become this act."""
    return Intended(act=key, state=chain.act(session, key).state)


@router.get("/acts")
def list_unconfirmed_acts(
    look: LookDep, caller: Reader, after: AfterNumber = 0, limit: Limit = 50
) -> Page[LedgerAct]:
    """Acts that were decided and are not true yet, refused ones included; the bank sees everybody's."""
    signer = None if caller.is_bank else caller.organisation
    found = look(lambda session: chain.unconfirmed_page(session, signer, after, limit + 1))
    return page(found, limit, shown=lambda each: _shown(each[1]), key=lambda each: each[0])


@router.get("/acts/{key}", responses=refusals(ActUnknown))
def get_act(look: LookDep, caller: Reader, key: KeyInPath) -> LedgerAct:
    """One act; an organisation finds those that it signs, the bank all."""

    def question(session: Session) -> LedgerAct:
        act = chain.act(session, key)
        if not caller.is_bank and act.signer != caller.organisation:
            raise ActUnknown(key=key)
        return _shown(act, chain.events_of_act(session, key))

    return look(question)


def _shown(act: Act, events: Sequence[tuple[str, dict[str, Any]]] = ()) -> LedgerAct:
    return LedgerAct(
        key=act.key,
        signer=act.signer,
        contract=act.contract,
        function=act.function,
        state=act.state,
        transaction=None if act.tx_hash is None else "0x" + act.tx_hash.hex(),
        refusal=act.refusal,
        refusal_facts=plain(act.refusal_facts),
        events=[ActEvent(name=name, facts=plain(facts)) for name, facts in events],
    )

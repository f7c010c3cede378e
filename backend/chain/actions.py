"""Decide acts on the ledger in the caller's transaction; the outbox carries them out, each at most once."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlmodel import Session

from backend.chain.rules import Act, ActDiffers, ActState, LedgerEvent, NotConfirmed
from backend.chain.tables import (
    ActRow,
    act_in_words,
    act_of,
    act_row,
    acts_in,
    logs_naming,
    logs_of,
    projected_to,
    unconfirmed_after,
)
from contracts.artifacts import load


def intend(
    session: Session, *, key: str, signer: str, contract: str, function: str, args: dict[str, Any]
) -> None:
    """Record that an act is to be sent; the same act under the same key is recorded once.

    Args:
        session: the unit of work in which the act was decided.
        key: names this act for all time, at most 160 characters.
        signer: the keystore's name of the key that sends it.
        contract: the contract's name.
        function: as in its interface.
        args: by the interface's names; structs as dicts, ids and hashes as bytes.

    Raises:
        ActDiffers: the key stands for another act.
    """
    calldata = load(contract).encode(function, args)
    known = act_row(session, key)
    if known is not None:
        if (known.signer, known.contract, known.calldata) != (signer, contract, calldata):
            raise ActDiffers(key=key, function=known.function)
        return
    session.add(
        ActRow(
            key=key,
            signer=signer,
            contract=contract,
            function=function,
            calldata=calldata,
            state=ActState.INTENDED.value,
        )
    )
    session.flush()


def fresh_key(session: Session, base: str) -> str:
    """The key for another attempt at an act: `base`, or a numbered one where the ledger refused it before."""
    key, attempt = base, 1
    while (known := act_row(session, key)) is not None and known.state == ActState.REFUSED.value:
        attempt += 1
        key = f"{base}:{attempt}"
    return key


def act(session: Session, key: str) -> Act:
    """How far an act has come.

    Raises:
        ActUnknown: none was intended under this key.
    """
    return act_of(session, key)


def events_of_act(session: Session, key: str) -> list[tuple[str, dict[str, Any]]]:
    """What the act's own contract said of it, by name, with its arguments; nothing until it is confirmed.

    Raises:
        ActUnknown: none was intended under this key.
    """
    found = act_of(session, key)
    if found.state is not ActState.CONFIRMED or found.tx_hash is None:
        return []
    artifact = load(found.contract)
    return [
        artifact.decode_log([bytes.fromhex(topic[2:]) for topic in row.topics], row.data)
        for row in logs_of(session, found.tx_hash)
        if bytes.fromhex(row.topics[0][2:]) in artifact.events
    ]


def events_about(
    session: Session, addresses: Mapping[str, str], subjects: Mapping[str, Collection[int]]
) -> list[LedgerEvent]:
    """Confirmed events of the contracts that name one of these numbers, in the ledger's order.

    Args:
        session: the unit of work.
        addresses: of each contract by its name.
        subjects: by a contract's name, the numbers that its events are to name as an indexed argument.
    """
    last = projected_to(session)
    if last is None:
        return []
    found: dict[tuple[int, int], LedgerEvent] = {}
    for contract, numbers in subjects.items():
        artifact = load(contract)
        for number in numbers:
            topic = "0x" + number.to_bytes(32, "big").hex()
            for log, block in logs_naming(session, addresses[contract].lower(), topic, last):
                topics = [bytes.fromhex(each[2:]) for each in log.topics]
                if topics[0] in artifact.events:
                    name, args = artifact.decode_log(topics, log.data)
                    found[log.block_number, log.log_index] = LedgerEvent(
                        contract,
                        name,
                        args,
                        log.block_number,
                        log.block_hash,
                        log.log_index,
                        log.tx_hash,
                        block.time,
                    )
    return [found[place] for place in sorted(found)]


def unconfirmed(session: Session) -> list[Act]:
    """Acts that were decided and are not true yet, refused ones included, in the order of deciding."""
    rows = acts_in(session, ActState.INTENDED, ActState.SENT, ActState.REFUSED)
    return [act_in_words(row) for row in rows]


def unconfirmed_page(session: Session, signer: str | None, after: int, limit: int) -> list[tuple[int, Act]]:
    """Unconfirmed acts with their numbers, behind that number; of one signer, or of all for None."""
    rows = unconfirmed_after(session, signer, after, limit)
    return [(row.id, act_in_words(row)) for row in rows if row.id is not None]


def confirmed_height(session: Session) -> int:
    """The newest block whose events have all been projected.

    Raises:
        NotConfirmed: nothing of the ledger was followed yet.
    """
    height = projected_to(session)
    if height is None:
        raise NotConfirmed(what="no block of the ledger was followed yet")
    return height

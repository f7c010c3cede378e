"""The bank's copy of the ledger's blocks and raw logs, how far it has come, and the acts it means to send."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, LargeBinary, String, UniqueConstraint, cast, delete
from sqlmodel import Field, Session, SQLModel, col, func, select

from backend.chain.rules import Act, ActState, ActUnknown
from backend.db import BigInt, HexId, UtcDateTime

_ONE = 1


class BlockRow(SQLModel, table=True):
    """A block that was followed: each above the final height, below it those with logs and range ends."""

    __tablename__ = "ledger_block"

    number: int = Field(primary_key=True, sa_type=BigInt)
    hash: bytes = Field(sa_type=HexId, unique=True)
    time: datetime = Field(sa_type=UtcDateTime)


class LogRow(SQLModel, table=True):
    """A log exactly as the node gave it."""

    __tablename__ = "ledger_log"

    block_hash: bytes = Field(primary_key=True, sa_type=HexId)
    log_index: int = Field(primary_key=True)
    block_number: int = Field(sa_type=BigInt, index=True)
    address: str = Field(max_length=42)
    tx_hash: bytes = Field(sa_type=HexId)
    topics: list[str] = Field(sa_type=JSON)
    data: bytes = Field(sa_type=LargeBinary)


class CursorRow(SQLModel, table=True):
    """How far the ledger was seen, and how far its events were projected; one row for all time."""

    __tablename__ = "ledger_cursor"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("projected <= seen", name="order"),
    )

    id: int = Field(default=_ONE, primary_key=True)
    seen: int = Field(sa_type=BigInt)
    projected: int = Field(sa_type=BigInt)


class ActRow(SQLModel, table=True):
    """An act on the ledger that was decided here; its key says that it is done at most once."""

    __tablename__ = "ledger_act"
    __table_args__ = (UniqueConstraint("key"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=160)
    signer: str = Field(max_length=32)
    contract: str = Field(max_length=32)
    function: str = Field(max_length=48)
    calldata: bytes = Field(sa_type=LargeBinary)
    state: str = Field(max_length=16, index=True)
    tx_hash: bytes | None = Field(default=None, sa_type=HexId)
    block_number: int | None = Field(default=None, sa_type=BigInt)
    refusal: str | None = Field(default=None, max_length=64)
    refusal_facts: dict[str, Any] | None = Field(default=None, sa_type=JSON)


def cursor_row(session: Session, start: int) -> CursorRow:
    """The cursor, made to begin at block `start` where there is none."""
    row = position(session)
    if row is None:
        row = CursorRow(seen=start - 1, projected=start - 1)
        session.add(row)
        session.flush()
    return row


def position(session: Session) -> CursorRow | None:
    """Where the follower is; None before the first block was followed."""
    return session.get(CursorRow, _ONE)


def projected_to(session: Session) -> int | None:
    """The height up to which events were projected; None before the first block was followed."""
    row = position(session)
    return None if row is None else row.projected


def block_row(session: Session, number: int) -> BlockRow | None:
    """The followed block of that number."""
    return session.get(BlockRow, number)


def blocks_at(session: Session, at: datetime) -> list[int]:
    """Numbers of the followed blocks that were sealed at that instant."""
    found = select(BlockRow.number).where(BlockRow.time == at).order_by(col(BlockRow.number))
    return list(session.exec(found).all())


def logs_between(session: Session, first: int, last: int) -> list[tuple[LogRow, BlockRow]]:
    """Logs of those block numbers, inclusive, in the ledger's order, with their blocks."""
    query = (
        select(LogRow, BlockRow)
        .where(
            LogRow.block_number == BlockRow.number, LogRow.block_number >= first, LogRow.block_number <= last
        )
        .order_by(col(LogRow.block_number), col(LogRow.log_index))
    )
    return list(session.exec(query).all())


def drop_above(session: Session, number: int) -> None:
    """Forget every block and log above `number`."""
    session.exec(delete(LogRow).where(col(LogRow.block_number) > number))
    session.exec(delete(BlockRow).where(col(BlockRow.number) > number))


def drop_silent_blocks(session: Session, first: int, last: int) -> None:
    """Forget the blocks without logs from `first` on and below `last`; their events were all projected."""
    spoke = select(LogRow.block_number).where(LogRow.block_number >= first, LogRow.block_number < last)
    number = col(BlockRow.number)
    session.exec(delete(BlockRow).where(number >= first, number < last, number.not_in(spoke)))


def act_row(session: Session, key: str) -> ActRow | None:
    """The act of that key."""
    return session.exec(select(ActRow).where(ActRow.key == key)).first()


def act_of(session: Session, key: str) -> Act:
    """The act of that key, in our words.

    Raises:
        ActUnknown: none was intended.
    """
    row = act_row(session, key)
    if row is None:
        raise ActUnknown(key=key)
    return act_in_words(row)


def act_in_words(row: ActRow) -> Act:
    """A row as an act."""
    return Act(
        key=row.key,
        signer=row.signer,
        contract=row.contract,
        function=row.function,
        state=ActState(row.state),
        tx_hash=row.tx_hash,
        refusal=row.refusal,
        refusal_facts=row.refusal_facts or {},
    )


def acts_in(session: Session, *states: ActState) -> list[ActRow]:
    """Acts in those states, in the order in which they were decided."""
    query = (
        select(ActRow)
        .where(col(ActRow.state).in_([state.value for state in states]))
        .order_by(col(ActRow.id))
    )
    return list(session.exec(query).all())


def unconfirmed_after(session: Session, signer: str | None, after: int, limit: int) -> list[ActRow]:
    """Acts not true yet, refused ones included, decided after that row; of one signer, or of all for None."""
    states = (ActState.INTENDED.value, ActState.SENT.value, ActState.REFUSED.value)
    query = select(ActRow).where(col(ActRow.state).in_(states), col(ActRow.id) > after)
    if signer is not None:
        query = query.where(ActRow.signer == signer)
    return list(session.exec(query.order_by(col(ActRow.id)).limit(limit)).all())


def has_logs_of(session: Session, tx_hash: bytes, number: int) -> bool:
    """Whether a followed contract spoke in that transaction of that block."""
    query = select(LogRow.log_index).where(LogRow.block_number == number, LogRow.tx_hash == tx_hash).limit(1)
    return session.exec(query).first() is not None


def logs_of(session: Session, tx_hash: bytes) -> list[LogRow]:
    """What followed contracts said in a transaction, in order."""
    query = select(LogRow).where(LogRow.tx_hash == tx_hash).order_by(col(LogRow.log_index))
    return list(session.exec(query).all())


def logs_naming(session: Session, address: str, topic: str, last: int) -> list[tuple[LogRow, BlockRow]]:
    """Logs of a contract up to a block that have this among their topics, in the ledger's order."""
    query = select(LogRow, BlockRow).where(
        LogRow.block_number == BlockRow.number,
        LogRow.block_number <= last,
        LogRow.address == address,
        cast(col(LogRow.topics), String).contains(topic),
    )
    return list(session.exec(query.order_by(col(LogRow.block_number), col(LogRow.log_index))).all())


def count_logs(session: Session) -> int:
    """How many logs are kept."""
    return session.exec(select(func.count()).select_from(LogRow)).one()

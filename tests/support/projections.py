"""Everything that the bank's database says of the ledger: the rows that a replay must find again."""

from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from backend.db import reading
from backend.evidence import tables as evidence
from backend.parties import tables as registry
from backend.pledges import tables as pledging
from backend.receipts import tables as receiving

PROJECTED: tuple[type[SQLModel], ...] = (
    registry.PartyRow,
    registry.RegistryPersonRow,
    registry.SiteRow,
    registry.DeviceRow,
    registry.DeviceKeyRow,
    registry.SuspensionRow,
    receiving.RequestRow,
    receiving.ReceiptRow,
    receiving.PieceRow,
    receiving.OrderRow,
    receiving.DeliveryRow,
    pledging.PledgeRow,
    pledging.PledgedReceiptRow,
    pledging.RecordedLoanEventRow,
    evidence.SpentRow,
)


def contents(engine: Engine, table: type[SQLModel]) -> list[dict[str, object]]:
    """The rows of a table, in an order that depends on them alone."""
    with reading(engine) as session:
        return sorted((row.model_dump() for row in session.exec(select(table)).all()), key=repr)

"""What the ledger says, in our words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """A confirmed event of a contract. In `args` ids and hashes are bytes, addresses checksummed text."""

    contract: str
    name: str
    args: dict[str, Any]
    block_number: int
    block_hash: bytes
    log_index: int
    tx_hash: bytes
    block_time: datetime

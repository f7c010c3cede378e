"""A node asked for logs, in ranges that nodes bear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contracts.rpc import Rpc

LOG_RANGE: Final = 5_000
PLACES: Final = ([None], [None, None], [None, None, None])
"""What stands before an indexed argument among a log's topics."""


def logs_of(
    rpc: Rpc, blocks: tuple[int, int], address: str, topics: Sequence[Sequence[bytes] | None]
) -> list[dict[str, Any]]:
    """A contract's logs between two blocks, both included, asked for in ranges that nodes bear.

    Args:
        rpc: the node.
        blocks: first and last.
        address: of the contract.
        topics: what may stand at each place, None for anything.
    """
    wanted = [None if each is None else ["0x" + topic.hex() for topic in each] for each in topics]
    found: list[dict[str, Any]] = []
    for start in range(blocks[0], blocks[1] + 1, LOG_RANGE):
        end = min(start + LOG_RANGE - 1, blocks[1])
        asked = {"address": address, "topics": wanted, "fromBlock": hex(start), "toBlock": hex(end)}
        found += rpc.call("eth_getLogs", asked)
    return found


def logs_naming(
    rpc: Rpc, blocks: tuple[int, int], pairs: Iterable[tuple[bytes, bytes]]
) -> list[dict[str, Any]]:
    """Logs that name one of the subjects, given as address and topic, at any of their three places."""
    topics_of: dict[bytes, list[bytes]] = {}
    for address, topic in pairs:
        topics_of.setdefault(address, []).append(topic)
    return [
        log
        for address, topics in sorted(topics_of.items())
        for places in PLACES
        for log in logs_of(rpc, blocks, "0x" + address.hex(), [*places, topics])
    ]

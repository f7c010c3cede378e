"""How a capability takes confirmed events: by contract and name; events that it does not know pass by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlmodel import Session

from backend.chain.rules import LedgerEvent

Project = Callable[[Session, LedgerEvent], None]
"""Brings rows to where they stand after one event."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What rows make of events; nothing else writes those rows, so a replay rebuilds them."""

    projectors: Mapping[tuple[str, str], Project]
    """Contract and event name → what follows."""

    def __call__(self, session: Session, event: LedgerEvent) -> None:
        """Bring the rows up to this event."""
        projector = self.projectors.get((event.contract, event.name))
        if projector is not None:
            projector(session, event)
            session.flush()


def events_of(contract: str, projectors: Mapping[str, Project]) -> dict[tuple[str, str], Project]:
    """The projectors of one contract's events, by event name."""
    return {(contract, name): projector for name, projector in projectors.items()}

"""How the installation's parts are, for the dots on every page; asked once in a while, not for each page."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from backend.errors import TallystickError

FRESH_FOR_S: Final = 10.0


class Part(StrEnum):
    """What a page rests on."""

    CHAIN = "chain"
    DATABASE = "database"
    BROKER = "broker"
    CAMERAS = "cameras"


class Health(StrEnum):
    """`NO_DATA` is a state of its own: nobody knows, which is not the same as well."""

    WELL = "well"
    ILL = "ill"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Dot:
    """One part and how it is; `why` is a code or a few words for who looks after it."""

    part: Part
    health: Health
    why: str = ""


@dataclass
class Pulse:
    """The dots as last measured; a reader who finds them old gets them all the same and has them renewed."""

    measure: Callable[[], Sequence[Dot]]
    fresh_for_s: float = FRESH_FOR_S
    _dots: Sequence[Dot] = ()
    _measured: float = float("-inf")
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def dots(self) -> Sequence[Dot]:
        """How each part is; waits for a measurement only where there was none yet."""
        if not self._dots:
            self._renew()
        elif time.monotonic() - self._measured > self.fresh_for_s:
            threading.Thread(target=self._renew, daemon=True).start()
        return self._dots

    def _renew(self) -> None:
        with self._turn:
            if time.monotonic() - self._measured <= self.fresh_for_s:
                return
            try:
                self._dots = tuple(self.measure())
            except TallystickError as refusal:
                self._dots = _unknown(refusal.code)
            except SQLAlchemyError as trouble:
                self._dots = _unknown(type(trouble).__name__)
            self._measured = time.monotonic()


def _unknown(why: str) -> tuple[Dot, ...]:
    """Nobody knows how anything is, which is shown as such."""
    return tuple(Dot(part, Health.NO_DATA, why) for part in Part)

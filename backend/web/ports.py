"""What the app was composed with, handed to routes by its type."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request

from backend.clock import Clock, Moment

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Times:
    """The two clocks: `wall` is real time, `moment` the bank's own instant and date."""

    wall: Clock
    moment: Callable[[], Moment]


class Ports:
    """One object of each type."""

    def __init__(self, *ports: object) -> None:
        self._ports: dict[type, Any] = {type(each): each for each in ports}

    def offer(self, kind: type, value: object) -> None:
        """Hand out `value` where `kind` is asked for."""
        self._ports[kind] = value

    def of(self, kind: type[T]) -> T:
        """The object of that type."""
        found: T = self._ports[kind]
        return found


def port(kind: type[T]) -> Callable[[Request], T]:
    """A dependency that gives the app's object of that type."""

    def find(request: Request) -> T:
        ports: Ports = request.app.state.ports
        return ports.of(kind)

    return find

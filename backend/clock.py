"""Two kinds of time that no rule compares with each other: the bank's business time, and wall-clock time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """A source of aware UTC instants."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands where it was put; `advance` moves it."""

    at: datetime

    def now(self) -> datetime:
        """The instant it was put at."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move on by `by`; a clock never goes back on its own."""
        self.at += by


@dataclass(frozen=True, slots=True)
class OffsetFileClock:
    """System time plus the whole seconds written in a file that several processes share.

    For trying a loan's life in minutes. A missing file means no offset was ever set; an unreadable one stops.
    """

    path: Path

    def now(self) -> datetime:
        """System time moved by the offset in the file."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_s())

    def offset_s(self) -> int:
        """Whole seconds this clock runs ahead of the system's."""
        return int(self.path.read_text(encoding="ascii")) if self.path.exists() else 0

    def advance(self, by: timedelta) -> None:
        """Move every process that shares the file on by `by`, atomically."""
        fresh = self.path.with_suffix(".next")
        fresh.write_text(str(self.offset_s() + int(by.total_seconds())), encoding="ascii")
        fresh.replace(self.path)


def business_date(clock: Clock, zone: str) -> date:
    """The calendar date at the bank, in its own zone (`Asia/Shanghai` for CNY books)."""
    return clock.now().astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True, slots=True)
class Moment:
    """When the bank acts: the instant by its business clock, and the calendar date there."""

    now: datetime
    today: date


def moment(clock: Clock, zone: str) -> Moment:
    """The bank's moment by `clock`, read once."""
    now = clock.now()
    return Moment(now, now.astimezone(ZoneInfo(zone)).date())

"""Days: how a period is counted for interest, and which days a bank works on."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Protocol

import holidays

from backend.errors import Invalid

DAYS_360: Final = 360
DAYS_365: Final = 365
LAST_DAY_30E: Final = 30


class PeriodBackwards(Invalid):
    """A period ends before it begins."""

    code = "loans.period_backwards"


class CalendarUnknown(Invalid):
    """No calendar of public holidays is known under this name."""

    code = "loans.calendar_unknown"


class DayCount(StrEnum):
    """How days become a share of a year. Each is additive: a period split anywhere keeps its days in sum."""

    ACT_360 = "ACT/360"
    ACT_365F = "ACT/365F"
    THIRTY_E_360 = "30E/360"

    @property
    def year(self) -> int:
        """Days in the year that an annual rate is spread over."""
        return DAYS_365 if self is DayCount.ACT_365F else DAYS_360

    def days(self, start: date, end: date) -> int:
        """Interest days from `start`, which counts, to `end`, which does not."""
        if end < start:
            raise PeriodBackwards(start=start, end=end)
        if self is DayCount.THIRTY_E_360:
            return _thirty(end) - _thirty(start)
        return (end - start).days


class BusinessCalendar(Protocol):
    """Says on which days a bank works."""

    def is_business_day(self, day: date) -> bool:
        """Whether the bank works on that day, weekends made up for included."""
        ...


class NationalCalendar:
    """Public holidays and working weekends of one country, by its ISO 3166 code."""

    def __init__(self, country: str) -> None:
        try:
            self._days = holidays.country_holidays(country)
        except NotImplementedError as error:
            raise CalendarUnknown(calendar=country) from error

    def is_business_day(self, day: date) -> bool:
        """Whether the bank works on that day, weekends made up for included."""
        return self._days.is_working_day(day)


def roll_forward(day: date, calendar: BusinessCalendar) -> date:
    """`day` itself where the bank works on it, else the next day on which it does."""
    while not calendar.is_business_day(day):
        day += timedelta(days=1)
    return day


def add_business_days(day: date, count: int, calendar: BusinessCalendar) -> date:
    """The `count`-th business day after `day`, which itself does not count."""
    for _ in range(count):
        day = roll_forward(day + timedelta(days=1), calendar)
    return day


def _thirty(day: date) -> int:
    """The running number of a day where each month has 30: the 31st is the 30th (European rule)."""
    return DAYS_360 * day.year + 30 * day.month + min(day.day, LAST_DAY_30E)

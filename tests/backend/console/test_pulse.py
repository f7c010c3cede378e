"""The dots: measured once in a while, and never green because nobody could ask."""

from backend.console.pulse import Dot, Health, Part, Pulse
from backend.db import DatabaseUnavailable


def test_many_pages_cost_one_measurement() -> None:
    asked = []

    def measure() -> list[Dot]:
        asked.append(1)
        return [Dot(Part.CHAIN, Health.WELL)]

    pulse = Pulse(measure)
    assert [pulse.dots()[0].health for _ in range(50)] == [Health.WELL] * 50
    assert len(asked) == 1


def test_what_cannot_be_asked_is_no_data_and_not_well() -> None:
    def measure() -> list[Dot]:
        raise DatabaseUnavailable(why="gone")

    found = Pulse(measure).dots()
    assert {each.part for each in found} == set(Part)
    assert {(each.health, each.why) for each in found} == {(Health.NO_DATA, DatabaseUnavailable.code)}

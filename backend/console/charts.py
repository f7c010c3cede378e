"""Charts as SVG made on the server: they print, need no script, and each has its table behind it.

Colours come from classes, so both themes and the Content-Security-Policy hold. Coordinates are pixels of a
720 wide drawing and nothing else; every figure is written out by the reader's own words.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup, escape

from backend.console.words import Words

WIDTH: Final = 720
HEIGHT: Final = 260
LEFT, RIGHT, TOP, BOTTOM = 64, 136, 16, 32
BAR_HEIGHT: Final = 30
TICKS: Final = 4
LEAST_BAR: Final = 2
Say = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line that the figures are measured against; `tone` is `warn`, `bad`, `good` or `plain`."""

    label: str
    value: int
    tone: str = "warn"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an instant, marked on the time axis."""

    at: datetime
    label: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Bin:
    """How many fall between two values; `tone` follows from the line that they are behind."""

    label: str
    count: int
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart."""

    label: str
    value: int
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a waterfall: what it adds, below 0 what it takes off, or the sum so far."""

    label: str
    value: int
    tone: str = "plain"
    is_total: bool = False


def line_chart(
    words: Words,
    *,
    name: str,
    title: str,
    points: Sequence[tuple[datetime, int | None]],
    say: Say,
    limits: Sequence[Limit] = (),
    events: Sequence[Event] = (),
) -> Markup:
    """A value over time against its limits, with what happened marked; where it is None the line has a gap.

    Args:
        words: the reader's.
        name: of the chart on its page, as in `cover`; letters and hyphens.
        title: what it shows, in the reader's language.
        points: (instant, value) in order; at least one, and one of them with a value.
        say: writes a value, as in `words.ratio`.
        limits: horizontal lines with their labels.
        events: marks on the time axis.
    """
    first, last = points[0][0], points[-1][0]
    span = max((last - first).total_seconds(), 1.0)
    known = [(at, value) for at, value in points if value is not None]
    top, low = _bounds([value for _, value in known] + [each.value for each in limits])

    def x(at: datetime) -> int:
        share = min(1.0, max(0.0, (at - first).total_seconds() / span))
        return LEFT + round((WIDTH - LEFT - RIGHT) * share)

    def y(value: int) -> int:
        return TOP + round((HEIGHT - TOP - BOTTOM) * (top - value) / (top - low))

    path = " ".join(_stepped([(x(at), None if value is None else y(value)) for at, value in points]))
    drawn = [
        *_grid(low, top, y, say),
        *(_limit(each, y(each.value), say) for each in limits),
        *(_event(words, each, x(each.at)) for each in events),
        Markup('<path class="line" d="{}"></path>').format(path),
        *_times(words, [first, last] if first != last else [first], x),
        Markup('<line class="hair" x1="0" x2="0" y1="{}" y2="{}"></line>').format(TOP, HEIGHT - BOTTOM),
    ]
    rows = [
        (words.instant(at), words("No value could be stated") if value is None else say(value))
        for at, value in points
    ]
    rows += [(words.instant(each.at), each.label) for each in events]
    hairs = [[x(at), y(value), words.instant(at), say(value)] for at, value in known]
    size = (WIDTH, HEIGHT)
    return _figure(words, name, title, drawn, size=size, rows=rows, hairs=hairs)


def histogram(
    words: Words,
    *,
    name: str,
    title: str,
    bins: Sequence[Bin],
    limits: Sequence[tuple[int, str, str]] = (),
) -> Markup:
    """How many fall into each bin, with vertical lines between some of them.

    Args:
        words: the reader's.
        name: of the chart on its page.
        title: what it shows.
        bins: in order; at least one.
        limits: (number of bins to the left of the line, label, tone).
    """
    top = max(1, *(each.count for each in bins))
    wide = (WIDTH - LEFT - RIGHT) // len(bins)
    floor = HEIGHT - BOTTOM
    drawn: list[Markup] = []
    for place, each in enumerate(bins):
        high = max(LEAST_BAR, round((floor - TOP - 16) * each.count / top)) if each.count else 0
        left = LEFT + place * wide
        drawn.append(
            Markup(
                '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"></rect>'
                '<text class="value" x="{}" y="{}">{}</text><text class="axis" x="{}" y="{}">{}</text>'
            ).format(
                each.tone, left + 1, floor - high, wide - 2, high,
                left + wide // 2, floor - high - 4, words.number(each.count) if each.count else "",
                left + wide // 2, HEIGHT - 12, each.label,
            )
        )  # fmt: skip
    for place, (behind, label, tone) in enumerate(limits):
        at = LEFT + behind * wide
        drawn.append(
            Markup(
                '<line class="limit {}" x1="{}" x2="{}" y1="{}" y2="{}"></line>'
                '<text class="limit-name {}" x="{}" y="{}">{}</text>'
            ).format(tone, at, at, TOP, floor, tone, at + 4, TOP + 10 + 13 * place, label)
        )
    drawn.append(_rule(floor))
    rows = [(each.label, words.number(each.count)) for each in bins]
    return _figure(words, name, title, drawn, size=(WIDTH, HEIGHT), rows=rows)


def bars(words: Words, *, name: str, title: str, rows: Sequence[Bar], say: Say) -> Markup:
    """Values side by side, one bar a row, longest first where the caller ordered them so."""
    top = max(1, *(abs(each.value) for each in rows)) if rows else 1
    left, right = 190, 150
    drawn = []
    for place, each in enumerate(rows):
        high = 8 + place * BAR_HEIGHT
        wide = max(LEAST_BAR, round((WIDTH - left - right) * abs(each.value) / top))
        drawn.append(
            Markup(
                '<text class="name" x="{}" y="{}">{}</text>'
                '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"></rect>'
                '<text class="figure" x="{}" y="{}">{}</text>'
            ).format(
                left - 8, high + 15, _cut(each.label), each.tone, left, high, wide, BAR_HEIGHT - 8,
                left + wide + 6, high + 15, say(each.value),
            )
        )  # fmt: skip
    size = (WIDTH, 16 + len(rows) * BAR_HEIGHT)
    return _figure(
        words, name, title, drawn, size=size, rows=[(each.label, say(each.value)) for each in rows]
    )


def waterfall(words: Words, *, name: str, title: str, steps: Sequence[Step], say: Say) -> Markup:
    """How an amount came about: each step begins where the one before ended; a total begins at nothing."""
    spans, level = [], 0
    for each in steps:
        first = 0 if each.is_total else level
        level = each.value if each.is_total else level + each.value
        spans.append((min(first, level), max(first, level)))
    left, right = 190, 150
    low = min(0, *(start for start, _ in spans))
    top = max(1, *(end for _, end in spans)) - low
    drawn = []
    for place, (each, (start, end)) in enumerate(zip(steps, spans, strict=True)):
        high = 8 + place * BAR_HEIGHT
        at = left + round((WIDTH - left - right) * (start - low) / top)
        wide = max(LEAST_BAR, round((WIDTH - left - right) * (end - start) / top))
        drawn.append(
            Markup(
                '<text class="name" x="{}" y="{}">{}</text>'
                '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"></rect>'
                '<text class="figure" x="{}" y="{}">{}</text>'
            ).format(
                left - 8, high + 15, _cut(each.label), each.tone, at, high, wide, BAR_HEIGHT - 8,
                at + wide + 6, high + 15, say(each.value),
            )
        )  # fmt: skip
    size = (WIDTH, 16 + len(steps) * BAR_HEIGHT)
    return _figure(
        words, name, title, drawn, size=size, rows=[(each.label, say(each.value)) for each in steps]
    )


def _bounds(values: Sequence[int]) -> tuple[int, int]:
    """Top and bottom of the drawing: a little more than the values reach, and never the same."""
    high, low = max(values), min(values)
    margin = max(1, round((high - low) * 0.08))
    return high + margin, low - margin


def _stepped(places: Sequence[tuple[int, int | None]]) -> Iterable[str]:
    """A value holds until the next one is known: steps, not slopes that nobody measured."""
    before = None
    for x, y in places:
        if before is not None and before != y:
            yield f"L{x} {before}"
        if y is not None:
            yield f"{'M' if before is None else 'L'}{x} {y}"
        before = y


def _grid(low: int, top: int, y: Callable[[int], int], say: Say) -> Iterable[Markup]:
    for step in range(TICKS + 1):
        value = low + round((top - low) * step / TICKS)
        yield Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"></line>'
            '<text class="tick" x="{}" y="{}">{}</text>'
        ).format(LEFT, WIDTH - RIGHT, y(value), y(value), LEFT - 6, y(value) + 4, say(value))


def _limit(limit: Limit, y: int, say: Say) -> Markup:
    return Markup(
        '<line class="limit {}" x1="{}" x2="{}" y1="{}" y2="{}"></line>'
        '<text class="limit-name {}" x="{}" y="{}">{}</text>'
    ).format(
        limit.tone, LEFT, WIDTH - RIGHT, y, y, limit.tone, WIDTH - RIGHT + 6, y + 4,
        f"{limit.label} {say(limit.value)}",
    )  # fmt: skip


def _event(words: Words, event: Event, x: int) -> Markup:
    return Markup(
        '<g class="event {}"><title>{}</title><line x1="{}" x2="{}" y1="{}" y2="{}"></line>'
        '<circle cx="{}" cy="{}" r="5"></circle></g>'
    ).format(
        event.tone, f"{words.instant(event.at)} {event.label}", x, x, TOP, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM
    )


def _times(words: Words, instants: Sequence[datetime], x: Callable[[datetime], int]) -> Iterable[Markup]:
    for place, at in enumerate(instants):
        side = "from" if place == 0 else "to"
        yield Markup('<text class="axis {}" x="{}" y="{}">{}</text>').format(
            side, x(at), HEIGHT - 10, words.instant(at)[:16]
        )
    yield _rule(HEIGHT - BOTTOM)


def _rule(y: int) -> Markup:
    return Markup('<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"></line>').format(
        LEFT, WIDTH - RIGHT, y, y
    )


def _cut(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"  # noqa: PLR2004 - as many as the margin holds


def _figure(
    words: Words,
    name: str,
    title: str,
    drawn: Iterable[Markup],
    *,
    size: tuple[int, int],
    rows: Sequence[tuple[str, str]],
    hairs: Sequence[Sequence[object]] = (),
) -> Markup:
    """The drawing with its title, what it says to who cannot see it, and its table."""
    described = "; ".join(f"{label}: {value}" for label, value in [*rows[:3], *rows[-3:]])
    table = Markup().join(
        Markup('<tr><th scope="row">{}</th><td>{}</td></tr>').format(label, value) for label, value in rows
    )
    return Markup(
        '<figure class="chart" id="chart-{name}"><figcaption>{title}</figcaption>'
        '<div class="drawing" tabindex="0" role="group" aria-label="{title}">'
        '<svg viewBox="0 0 {wide} {high}" role="img" aria-labelledby="chart-{name}-t chart-{name}-d"'
        ' data-hairs="{hairs}"><title id="chart-{name}-t">{title}</title>'
        '<desc id="chart-{name}-d">{described}</desc>{drawn}</svg></div>'
        '<output class="hair-value" aria-hidden="true"></output>'
        "<details><summary>{show}</summary>"
        '<div class="scroll" tabindex="0" role="group" aria-label="{title}">'
        "<table><tbody>{table}</tbody></table></div></details></figure>"
    ).format(
        name=name, title=title, wide=size[0], high=size[1], described=described, drawn=Markup().join(drawn),
        hairs=escape(json.dumps(list(hairs), ensure_ascii=False)) if hairs else "",
        show=words("Show as a table"), table=table,
    )  # fmt: skip

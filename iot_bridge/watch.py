"""`tallystick-bridge watch`: perception alone on any clip or camera, one line per crossing, then the sums."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from iot_bridge.capture.errors import CaptureRefused
from iot_bridge.capture.frame import Frame
from iot_bridge.capture.source import Source, open_source
from iot_bridge.perceive.crossing import Crossing, Direction, Reason
from iot_bridge.perceive.errors import AreaMalformed
from iot_bridge.perceive.gate import GateWatcher
from iot_bridge.perceive.line import Line
from iot_bridge.perceive.settings import CORNERS, GateSettings, Polygon

DIRECTIONS: Final[tuple[Direction, ...]] = ("left", "right", "up", "down")
INTERRUPTED: Final = 130


@dataclass(slots=True)
class Sums:
    """What a watch comes to: frames, their rate, and crossings by direction."""

    frames: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    crossings: Counter[Direction] = field(default_factory=Counter)

    def frame(self, frame: Frame) -> None:
        """Count a frame."""
        if self.frames == 0:
            self.first_s = frame.t_s
        self.frames, self.last_s = self.frames + 1, frame.t_s

    @property
    def frame_rate(self) -> float | None:
        """Frames per second of the source; None where fewer than two came."""
        lasted = self.last_s - self.first_s
        return round((self.frames - 1) / lasted, 3) if lasted > 0 else None


def watch(
    *,
    video: Annotated[str, typer.Option(help="A video file, a folder of pictures, /dev/videoN or a URL.")],
    line: Annotated[str, typer.Option(help="The gate line as X1,Y1,X2,Y2 in source pixels.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    ignore: Annotated[
        list[str] | None, typer.Option(help="An area to ignore, as X,Y,X,Y,X,Y in source pixels; repeatable.")
    ] = None,
    frame_rate: Annotated[
        float | None,
        typer.Option(help="Pictures per second, for a folder whose names carry no times.", min=0.01),
    ] = None,
) -> None:
    """Say what goes over a line in a clip: when, which way, and why it is believed."""
    settings = GateSettings(Line.parse(line), tuple(area(text) for text in ignore or []))
    watcher, sums, started = GateWatcher(settings), Sums(), time.monotonic()
    with (
        open_source(video, frame_rate=frame_rate) as source,
        progress(source.length, shown=not as_json) as tick,
    ):
        try:
            for crossing in crossings(source, watcher, sums, tick):
                sums.crossings[crossing.direction] += 1
                typer.echo(json.dumps(as_object(crossing)) if as_json else as_line(crossing))
        except (CaptureRefused, KeyboardInterrupt) as ended:
            say_sums(sums, watcher.pipeline, time.monotonic() - started, as_json=as_json)
            if isinstance(ended, CaptureRefused):
                raise
            raise typer.Exit(INTERRUPTED) from None
        say_sums(sums, watcher.pipeline, time.monotonic() - started, as_json=as_json)


def crossings(
    source: Source, watcher: GateWatcher, sums: Sums, tick: Callable[[], None]
) -> Iterator[Crossing]:
    """The crossings of a whole source; where it breaks off, those before come first and the refusal after.

    Raises:
        CaptureRefused: the source yields no frames, or no more.
        PerceptionRefused: the line does not fit its picture.
    """
    try:
        for frame in source.frames():
            sums.frame(frame)
            tick()
            yield from watcher.see(frame)
    except CaptureRefused:
        yield from watcher.finish()
        raise
    yield from watcher.finish()


def area(text: str) -> Polygon:
    """The corners written as `X,Y,X,Y,X,Y`.

    Raises:
        AreaMalformed: the text is anything else.
    """
    expected = "X,Y,X,Y,X,Y with at least 3 corners, for example 0,0,200,0,200,60"
    try:
        numbers = [int(number) for number in text.split(",")]
    except ValueError:
        raise AreaMalformed(area=repr(text), expected=expected) from None
    if len(numbers) % 2 or len(numbers) < 2 * CORNERS:
        raise AreaMalformed(area=repr(text), expected=expected)
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def as_object(crossing: Crossing) -> dict[str, Any]:
    """A crossing as the JSON object that is printed; no clock of this run, so two runs print the same."""
    return {
        "t_s": round(crossing.t_s, 3),
        "frame": crossing.frame,
        "direction": crossing.direction,
        "confidence_bps": crossing.confidence_bps,
        "reasons": [asdict(reason) for reason in crossing.reasons],
        "count_certain": crossing.count_certain,
        "tags": list(crossing.tags),
        "track": crossing.track,
        "box": [crossing.box.x, crossing.box.y, crossing.box.width, crossing.box.height],
        "decided_frame": crossing.decided_frame,
    }


def as_line(crossing: Crossing) -> str:
    """A crossing as a line for a person."""
    sure = f"{crossing.confidence_bps / 100:.0f} % sure" + (
        "" if crossing.count_certain else ", count uncertain"
    )
    tags = f"  tags {', '.join(map(str, crossing.tags))}" if crossing.tags else ""
    why = "; ".join(reason_text(reason) for reason in crossing.reasons)
    return f"{crossing.t_s:8.2f} s  frame {crossing.frame:<6d} {crossing.direction:<5s} {sure}{tags}  ({why})"


def reason_text(reason: Reason) -> str:
    """A reason as a person reads it: the figure, and what it was held against."""
    against = "" if reason.threshold is None else f" of {reason.threshold}"
    return f"{reason.name.replace('_', ' ')} {'unknown' if reason.score is None else reason.score}{against}"


def say_sums(sums: Sums, pipeline: bytes, took_s: float, *, as_json: bool) -> None:
    """Print what the watch came to; how long it took differs from run to run, so the error stream has it."""
    counts = {direction: sums.crossings[direction] for direction in DIRECTIONS}
    if as_json:
        summary = counts | {"frames": sums.frames, "fps": sums.frame_rate, "pipeline": f"0x{pipeline.hex()}"}
        typer.echo(json.dumps({"summary": summary}))
    else:
        told = ", ".join(f"{count} {direction}" for direction, count in counts.items())
        rate = "an unknown rate" if sums.frame_rate is None else f"{sums.frame_rate:g} frames/s"
        typer.echo(f"» {told} in {sums.frames} frames at {rate}; pipeline {pipeline.hex()[:16]}")
    speed = f"{sums.frames / took_s:.0f} frames/s" if took_s > 0 else "at once"
    typer.echo(f"» watched {sums.frames} frames in {took_s:.1f} s ({speed})", err=True)


@contextmanager
def progress(length: int | None, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A function to call once per frame; it moves a bar where a person is looking."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("watching"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("watching", total=length)
        yield lambda: bar.advance(task)

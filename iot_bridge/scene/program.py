"""`tallystick-bridge scene`: puts pictures into a folder in real time, and lets things happen on command.

Commands are JSON lines on standard input: `{"enter": {"tag": 7}}`, `{"leave": {"tag": 7}}` and
`{"night": true}`. Each is answered by `{"done": "enter"}` on standard output when it is over.
"""

import json
import queue
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import cv2
import typer

from iot_bridge.capture.folder import frame_name
from iot_bridge.capture.frame import Picture
from iot_bridge.evidence.errors import EdgeError
from iot_bridge.perceive.crossing import Direction
from iot_bridge.perceive.line import Line
from iot_bridge.scene.clip import OPPOSITE, Clip
from iot_bridge.scene.place import FRAME_RATE
from iot_bridge.scene.yard import Passing, Yard

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT: Final = 400
QUALITY: Final = 90
TAGS: Final = 587


class CommandMalformed(EdgeError):
    """A command to the scene is not one of those that it knows."""

    code = "scene.command_malformed"


class InwardUnknown(EdgeError):
    """A clip needs its gate line and the direction that leads in: left, right, up or down."""

    code = "scene.inward_unknown"


class Scene(Protocol):
    """Something that shows pictures and lets things happen."""

    def begin(self, command: str, given: Any, t_s: float) -> None:
        """Let something happen from now on."""
        ...

    def picture(self, t_s: float) -> Picture:
        """What is seen at a time, shape (height, width, 3), uint8, BGR."""
        ...

    def is_over(self, t_s: float) -> bool:
        """Whether what was begun last has ended."""
        ...


class YardScene:
    """The rendered yard."""

    def __init__(self) -> None:
        self._yard = Yard()
        self._passing: Passing | None = None

    def begin(self, command: str, given: Any, t_s: float) -> None:
        """Start a truck, or let it grow dark."""
        if command == "night":
            self._yard.night = bool(given)
        elif command in ("enter", "leave"):
            tag = given.get("tag") if isinstance(given, dict) else None
            if not isinstance(tag, int) or not 0 <= tag < TAGS:
                raise CommandMalformed(command=command, tag=tag, expected=f"a tag from 0 to {TAGS - 1}")
            self._passing = Passing(tag, "enter" if command == "enter" else "leave", t_s)
        else:
            raise CommandMalformed(command=command, expected="enter, leave or night")

    def picture(self, t_s: float) -> Picture:
        """The yard now."""
        return self._yard.picture(t_s, self._passing)

    def is_over(self, t_s: float) -> bool:
        """No truck is under way."""
        return self._passing is None or self._passing.is_over(t_s)


class ClipScene:
    """A clip that stands still until something is to cross its line."""

    def __init__(self, clip: Clip, inward: Direction) -> None:
        self._still = clip.frames[0].image
        self._ways: dict[str, Iterator[list[tuple[float, Picture]]]] = {
            "enter": clip.showings(inward),
            "leave": clip.showings(OPPOSITE[inward]),
        }
        self._showing: list[tuple[float, Picture]] = []
        self._since_s = 0.0

    def begin(self, command: str, given: Any, t_s: float) -> None:
        """Show the next crossing that way; a clip has its own light, so night changes nothing."""
        if command == "night" and given is not None:
            return
        if command not in self._ways:
            raise CommandMalformed(command=command, expected="enter, leave or night")
        self._showing, self._since_s = next(self._ways[command]), t_s

    def picture(self, t_s: float) -> Picture:
        """The picture that is due."""
        due = [image for at_s, image in self._showing if at_s <= t_s - self._since_s]
        if due:
            self._still = due[-1]
        return self._still

    def is_over(self, t_s: float) -> bool:
        """The showing has come to its last picture."""
        return not self._showing or t_s - self._since_s > self._showing[-1][0]


def scene(
    *,
    frames: Annotated[Path, typer.Option(help="Folder that the pictures go into.")],
    video: Annotated[Path | None, typer.Option(help="Show this clip in place of the rendered yard.")] = None,
    line: Annotated[str | None, typer.Option(help="The clip's gate line, X1,Y1,X2,Y2.")] = None,
    inward: Annotated[str | None, typer.Option(help="Way in: left, right, up or down.")] = None,
) -> None:
    """Stand before a camera: a rendered yard, or a clip, in which things cross the gate on command."""
    stands: Scene = YardScene() if video is None else ClipScene(*_clip(video, line, inward))
    frames.mkdir(parents=True, exist_ok=True)
    _show(stands, frames)


def _clip(video: Path, line: str | None, inward: str | None) -> tuple[Clip, Direction]:
    directions: dict[str, Direction] = {each: each for each in OPPOSITE}
    if line is None or inward not in directions:
        raise InwardUnknown(line=line, inward=inward)
    return Clip.load(video, Line.parse(line)), directions[inward]


def _show(stands: Scene, folder: Path) -> None:
    """Write pictures at the frame rate until standard input ends; one command at a time."""
    commands: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_listen, args=(commands,), name="commands", daemon=True).start()
    started, number, kept, under_way = time.monotonic(), 0, deque[Path](), ""
    while True:
        t_s = time.monotonic() - started
        if under_way and stands.is_over(t_s):
            _say({"done": under_way})
            under_way = ""
        if not under_way and not commands.empty():
            text = commands.get()
            if text is None:
                return
            under_way = _begin(stands, text, t_s)
        kept.append(_write(folder, number, t_s, stands.picture(t_s)))
        if len(kept) > KEPT:
            kept.popleft().unlink(missing_ok=True)
        number += 1
        time.sleep(max(0.0, started + number / FRAME_RATE - time.monotonic()))


def _begin(stands: Scene, text: str, t_s: float) -> str:
    """Begin what a line asks for; its name, or nothing where it was refused."""
    try:
        command, given = next(iter(json.loads(text).items()))
        stands.begin(command, given, t_s)
    except EdgeError as refused:
        _say({"refused": refused.code, "why": str(refused)})
        return ""
    except (ValueError, AttributeError, StopIteration):
        _say({"refused": CommandMalformed.code, "why": f"not a JSON object with a command: {text.strip()}"})
        return ""
    return str(command)


def _write(folder: Path, number: int, t_s: float, image: Picture) -> Path:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    fresh = folder / "next.part"
    fresh.write_bytes(encoded.tobytes())
    return fresh.rename(folder / frame_name(number, int(t_s * 1000)))


def _listen(commands: "queue.Queue[str | None]") -> None:
    for text in sys.stdin:
        if text.strip():
            commands.put(text)
    commands.put(None)


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()

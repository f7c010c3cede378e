"""What can stand before the lens: the rendered yard, or a real clip. One thing happens at a time."""

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from iot_bridge.capture.frame import Picture
from iot_bridge.perceive.crossing import Direction
from iot_bridge.perceive.line import Line
from iot_bridge.scene.clip import OPPOSITE, Clip, Showing
from iot_bridge.scene.errors import CommandMalformed, InwardUnknown
from iot_bridge.scene.lens import Lens
from iot_bridge.scene.place import DIRECTIONS, FRAME_RATE, GATE_LINE
from iot_bridge.scene.vehicles import COILS_ON
from iot_bridge.scene.yard import HEADING, Drive, Yard

if TYPE_CHECKING:
    from collections.abc import Iterator

Answer = dict[str, Any]

STANDING_NOISE: Final = 1.5
LEAD_S: Final = 4.0
"""The first thing waits so long: a camera opened just now must see the empty scene before something moves."""
FASTEST: Final = 30.0
WAYS: Final = {"enter": "in", "leave": "out"}


class Stage(Protocol):
    """Something that shows pictures and lets things happen."""

    frame_rate: float
    line: Line

    def begin(self, command: str, given: Any, t_s: float) -> None:
        """Let something happen from now on.

        Raises:
            SceneRefused: it cannot.
        """
        ...

    def picture(self, t_s: float) -> Picture:
        """What is seen at a time; asked for once per picture, in the order of time."""
        ...

    def crossed(self, t_s: float) -> Answer | None:
        """What went over the line since the last question: the scene's own truth, where it knows it."""
        ...

    def is_over(self, t_s: float) -> bool:
        """Whether what was begun last has ended."""
        ...


class YardStage:
    """The rendered yard."""

    def __init__(self, yard: Yard, frame_rate: float = FRAME_RATE) -> None:
        self.frame_rate = frame_rate
        self.line = GATE_LINE
        self._yard = yard
        self._drive: Drive | None = None
        self._is_across = True

    def begin(self, command: str, given: Any, t_s: float) -> None:
        """Start a vehicle with `enter` or `leave`, or let it grow dark or light with `night`."""
        if command == "night":
            self._yard.light = "night" if given else "day"
        elif command in WAYS:
            lead_s = LEAD_S if self._drive is None else 0.0
            self._drive, self._is_across = _drive(command, given, t_s + lead_s), False
            self._yard.admit(self._drive)
        else:
            raise CommandMalformed(command=command, expected="enter, leave, night or end")

    def picture(self, t_s: float) -> Picture:
        """The yard as its camera shows it."""
        return self._yard.picture(t_s)

    def crossed(self, t_s: float) -> Answer | None:
        """The vehicle whose middle has passed the line."""
        if self._drive is None or self._is_across or t_s < self._drive.crosses_s:
            return None
        self._is_across = True
        direction = self._drive.direction
        return {"tags": list(self._drive.tags), "direction": direction, "way": DIRECTIONS[direction]}

    def is_over(self, t_s: float) -> bool:
        """No vehicle is under way."""
        return self._drive is None or self._drive.ends_s <= t_s


def _drive(command: str, given: Any, starts_s: float) -> Drive:
    expected = '{"tag": 7} or {"tags": [7, 8]}, with or without "vehicle": "truck" or "forklift"'
    if not isinstance(given, dict):
        raise CommandMalformed(command=command, given=given, expected=expected)
    tags = given.get("tags", [given["tag"]] if "tag" in given else [])
    kind = given.get("vehicle", "truck")
    if not isinstance(tags, list) or not all(type(tag) is int for tag in tags) or kind not in COILS_ON:
        raise CommandMalformed(command=command, given=given, expected=expected)
    return Drive(starts_s, HEADING[WAYS[command]], tuple(tags), kind)


class ClipStage:
    """A clip that stands still until something is to cross its line.

    Args:
        clip: in memory.
        line: its gate line.
        inward: the way in; None where only `play_until` is used.
        seed: of the noise with which it stands.
    """

    def __init__(self, clip: Clip, line: Line, inward: Direction | None, seed: int = 1) -> None:
        self.frame_rate = min(FASTEST, clip.frame_rate)
        self.line = line
        self._clip = clip
        self._ways: dict[str, Direction] = {}
        if inward is not None:
            self._ways = {"enter": inward, "leave": OPPOSITE[inward]}
        self._shows: dict[Direction, Iterator[Showing]] = {}
        self._still = clip.frames[0].image
        self._lens = Lens(seed, (self._still.shape[1], self._still.shape[0]))
        self._showing: Showing = []
        self._since_s = 0.0

    def begin(self, command: str, given: Any, t_s: float) -> None:
        """Show the next crossing: `enter`, `leave`, `play_until` with a direction; `night` is nothing."""
        if command == "night":
            return
        direction = self._direction(command, given)
        if direction not in self._shows:
            self._shows[direction] = self._clip.showings(direction)
        lead_s = 0.0 if self._showing else LEAD_S
        self._showing, self._since_s = next(self._shows[direction]), t_s + lead_s

    def _direction(self, command: str, given: Any) -> Direction:
        if command in WAYS:
            if command not in self._ways:
                raise InwardUnknown(command=command, expected="--inward left, right, up or down")
            return self._ways[command]
        wanted = given.get("direction") if command == "play_until" and isinstance(given, dict) else None
        for direction in OPPOSITE:
            if direction == wanted:
                return direction
        raise CommandMalformed(
            command=command,
            given=given,
            expected='enter, leave, end or {"play_until": {"direction": "left"}}',
        )

    def picture(self, t_s: float) -> Picture:
        """The picture that is due, or the last one with fresh noise."""
        due = [image for at_s, image in self._showing if at_s <= t_s - self._since_s]
        if due and not self.is_over(t_s):
            self._still = due[-1]
            return self._still
        return self._lens.grained(self._still.astype(np.float32), STANDING_NOISE)

    def crossed(self, t_s: float) -> Answer | None:
        """Nothing: what is in a clip is for perception to say."""
        del t_s
        return None

    def is_over(self, t_s: float) -> bool:
        """The showing has come to its last picture."""
        return not self._showing or t_s - self._since_s > self._showing[-1][0]

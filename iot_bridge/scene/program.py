"""`tallystick-bridge yard`: puts pictures into a folder in real time, and lets things happen on command.

Commands are JSON lines on standard input: `{"enter": {"tag": 7}}`, `{"leave": {"tag": 7}}`,
`{"night": true}`, `{"end": true}`, and with a clip `{"play_until": {"direction": "left"}}`. One happens at
a time, in order. Answers are JSON lines on standard output: `ready`, `crossed` when a rendered vehicle passes
the line, `done` with the command's name when it is over, `refused` with a code, `ended`. Where the input
ends, so does the scene, after what was commanded.
"""

import json
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from iot_bridge.capture.frame import wall_clock_ms
from iot_bridge.perceive.line import Line
from iot_bridge.scene.clip import OPPOSITE, Clip
from iot_bridge.scene.errors import CommandMalformed, InwardUnknown, SceneRefused
from iot_bridge.scene.frames import FrameFolder
from iot_bridge.scene.place import FRAME_RATE
from iot_bridge.scene.stage import ClipStage, Stage, YardStage
from iot_bridge.scene.yard import Yard

KEPT: Final = 400
END: Final = "end"


def yard(
    *,
    frames: Annotated[Path, typer.Option(help="The folder that the pictures go into.")],
    fps: Annotated[
        float, typer.Option(help="Pictures per second of the rendered yard.", min=1, max=60)
    ] = FRAME_RATE,
    video: Annotated[Path | None, typer.Option(help="Show this clip in place of the rendered yard.")] = None,
    line: Annotated[str | None, typer.Option(help="The clip's gate line, X1,Y1,X2,Y2.")] = None,
    inward: Annotated[str | None, typer.Option(help="The clip's way in: left, right, up or down.")] = None,
    night: Annotated[bool, typer.Option("--night", help="Begin by night.")] = False,
    keep: Annotated[int, typer.Option(help="How many of the newest pictures stay.", min=10)] = KEPT,
    seed: Annotated[int, typer.Option(help="Of noise, shake and drifting light.")] = 1,
) -> None:
    """Stand before a camera: a rendered yard, or a clip, in which things cross the gate on command."""
    if video is None:
        stage: Stage = YardStage(Yard(seed, "night" if night else "day"), fps)
    else:
        stage = _clip(video, line, inward, seed)
    commands: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(commands,), name="commands", daemon=True).start()
    play(stage, FrameFolder(frames, keep), commands)


def _clip(video: Path, line: str | None, inward: str | None, seed: int) -> ClipStage:
    way = next((direction for direction in OPPOSITE if direction == inward), None)
    if line is None or (inward is not None and way is None):
        raise InwardUnknown(line=line, inward=inward)
    gate = Line.parse(line)
    return ClipStage(Clip.load(video, gate), gate, way, seed)


def play(stage: Stage, folder: FrameFolder, commands: "queue.Queue[str]") -> None:
    """Show the stage until it is told to end; one command at a time."""
    started, under_way, due_s = time.monotonic(), "", 0.0
    _say(ready=True, fps=round(stage.frame_rate, 3), line=stage.line.text())
    while under_way != END:
        t_s = time.monotonic() - started
        if under_way and stage.is_over(t_s):
            _say(done=under_way)
            under_way = ""
        if not under_way and not commands.empty():
            under_way = _begun(stage, commands.get(), t_s)
        path = folder.add(stage.picture(t_s), round(t_s * 1000))
        crossed = stage.crossed(t_s)
        if crossed is not None:
            _say(crossed=crossed | {"picture": path.name, "at_ms": wall_clock_ms()})
        due_s = max(due_s + 1 / stage.frame_rate, time.monotonic() - started)
        time.sleep(max(0.0, started + due_s - time.monotonic()))
    folder.end()
    _say(ended=folder.count)


def parsed(text: str) -> tuple[str, Any]:
    """The command and what is given with it, from a line such as `{"enter": {"tag": 7}}`.

    Raises:
        CommandMalformed: the line is anything else than an object with one field.
    """
    expected = 'one object with one field, for example {"enter": {"tag": 7}}'
    try:
        command = json.loads(text)
    except ValueError:
        raise CommandMalformed(line=text.strip(), expected=expected) from None
    if not isinstance(command, dict) or len(command) != 1:
        raise CommandMalformed(line=text.strip(), expected=expected)
    return next(iter(command.items()))


def _begun(stage: Stage, text: str, t_s: float) -> str:
    """The name of what a line began, or nothing where it was refused."""
    try:
        command, given = parsed(text)
        if command != END:
            stage.begin(command, given, t_s)
    except SceneRefused as refused:
        _say(refused=refused.code, why=str(refused))
        return ""
    return command


def _say(**answer: Any) -> None:
    typer.echo(json.dumps(answer))


def _listen(commands: "queue.Queue[str]") -> None:
    for text in sys.stdin:
        if text.strip():
            commands.put(text)
    commands.put(json.dumps({END: True}))

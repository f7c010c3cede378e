"""Turns an address into a source of frames: file, folder, device or URL."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, Self

from iot_bridge.capture.container import ContainerSource, Waiting
from iot_bridge.capture.errors import SourceMissing
from iot_bridge.capture.folder import FolderSource
from iot_bridge.capture.frame import Frame, wall_clock_ms

URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
DEVICE: Final = re.compile(r"/dev/video\d+")


class Source(Protocol):
    """Where frames come from. One iteration at a time; closing ends it from another thread too."""

    @property
    def length(self) -> int | None:
        """How many frames there will be, as far as it can be told before."""
        ...

    def frames(self) -> Iterator[Frame]:
        """The frames in order, from index 0; ends with the source.

        Raises:
            CaptureRefused: no frame can be had, by reason.
        """
        ...

    def close(self) -> None:
        """Give the device, file or connection back; idempotent."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_source(
    address: str, *, frame_rate: float | None = None, live: bool = False, waiting: Waiting | None = None
) -> Source:
    """The source at an address, opened.

    Args:
        address: a video file, a folder of pictures, a device `/dev/videoN`, or a URL such as `rtsp://…`.
        frame_rate: per second, for a folder whose file names carry no times.
        live: a folder grows while it is read: start at its newest picture and wait for more. Else it is read
            from its first picture to its last.
        waiting: time-outs of a URL or device; a few seconds when None.

    Raises:
        CaptureRefused: nothing is there, or it is not what it should be.
    """
    if URL.match(address):
        return ContainerSource.stream(address, waiting or Waiting())
    if DEVICE.fullmatch(address):
        return ContainerSource.device(address, waiting or Waiting())
    path = Path(address)
    if path.is_dir():
        return FolderSource(path, frame_rate=frame_rate, live=live)
    if not path.is_file():
        raise SourceMissing(path=address)
    return ContainerSource.file(path)


def in_real_time(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Frames no sooner than a camera would have shown them, each with the wall clock of its showing."""
    started = time.monotonic()
    for frame in frames:
        early = frame.t_s - (time.monotonic() - started)
        if early > 0:
            time.sleep(early)
        yield Frame(frame.image, frame.index, frame.t_s, wall_clock_ms())

"""Frames out of anything FFmpeg opens: video files, devices, and network cameras with bounded waiting."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from iot_bridge.capture.errors import (
    SourceBroken,
    SourceEmpty,
    SourceMissing,
    SourceUnreadable,
    StreamSilent,
    StreamUnreachable,
)
from iot_bridge.capture.frame import Frame, Picture, wall_clock_ms

QUARTER: Final = 90


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a camera may take.

    Args:
        open_s: from asking to the first answer.
        read_s: between two packets.
    """

    open_s: float = 5.0
    read_s: float = 2.0


class ContainerSource:
    """A video that FFmpeg demuxes and decodes; made by `file`, `device` or `stream`."""

    def __init__(self, container: InputContainer, address: str, *, live: bool) -> None:
        self._container = container
        self._address = address
        self._live = live
        self._closed = False
        if not container.streams.video:
            container.close()
            raise SourceUnreadable(source=address, found="no video stream")
        self._stream = container.streams.video[0]
        self._stream.thread_type = "NONE" if live else "AUTO"

    @classmethod
    def file(cls, path: Path) -> Self:
        """A video file.

        Raises:
            SourceMissing: no file is there.
            SourceUnreadable: it is no video.
        """
        if not path.is_file():
            raise SourceMissing(path=path)
        return cls(_opened(str(path), SourceUnreadable), str(path), live=False)

    @classmethod
    def device(cls, path: str, waiting: Waiting) -> Self:
        """A local camera, `/dev/videoN`.

        Raises:
            SourceMissing: no such device is plugged in.
            StreamUnreachable: it did not open.
        """
        if not Path(path).exists():
            raise SourceMissing(path=path)
        allowed = (waiting.open_s, waiting.read_s)
        return cls(_opened(path, StreamUnreachable, format="v4l2", timeout=allowed), path, live=True)

    @classmethod
    def stream(cls, url: str, waiting: Waiting) -> Self:
        """A network camera by URL; RTSP over TCP, so that no packet is missing without a word.

        Raises:
            StreamUnreachable: it did not answer in time.
        """
        options = {"rtsp_transport": "tcp"} if url.lower().startswith("rtsp") else {}
        allowed = (waiting.open_s, waiting.read_s)
        container = _opened(url, StreamUnreachable, options=options, timeout=allowed)
        return cls(container, without_password(url), live=True)

    @property
    def length(self) -> int | None:
        """How many frames the file says it has; None where it does not say, and for cameras."""
        return None if self._live else self._stream.frames or None

    def frames(self) -> Iterator[Frame]:
        """The frames in order of presentation; times count from the first one.

        Raises:
            SourceEmpty: there is not one.
            SourceBroken: a file cannot be decoded further.
            StreamSilent: a camera gave nothing for too long.
        """
        index, first_s, last_s = 0, None, -1.0
        try:
            for decoded in self._container.decode(self._stream):
                t_s = self._time_of(decoded, index)
                first_s = t_s if first_s is None else first_s
                t_s -= first_s
                if t_s <= last_s:
                    continue
                yield Frame(upright(decoded), index, t_s, wall_clock_ms())
                index, last_s = index + 1, t_s
        except FFmpegError as error:
            if self._closed:
                return
            facts = {"source": self._address, "frames": index, "said": error.strerror}
            raise (StreamSilent if self._live else SourceBroken)(**facts) from error
        if index == 0:
            raise SourceEmpty(source=self._address)

    def close(self) -> None:
        """Close the file or the connection; idempotent."""
        self._closed = True
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _time_of(self, decoded: VideoFrame, index: int) -> float:
        """Presentation time in seconds; by the stream's frame rate where the packets carry none."""
        if decoded.pts is not None and decoded.time_base is not None:
            return float(decoded.pts * decoded.time_base)
        rate = self._stream.average_rate
        if rate is None:
            raise SourceUnreadable(source=self._address, found="neither times nor a frame rate")
        return float(index / rate)


def upright(decoded: VideoFrame) -> Picture:
    """The picture as a person sees it: turned as the recorder's rotation mark says."""
    image = np.asarray(decoded.to_ndarray(format="bgr24"), np.uint8)
    turns = round(decoded.rotation / QUARTER) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def without_password(url: str) -> str:
    """The URL without its user and password."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def _opened(
    address: str, refusal: type[SourceUnreadable] | type[StreamUnreachable], **how: Any
) -> InputContainer:
    try:
        container: InputContainer = av.open(address, mode="r", **how)
    except (FFmpegError, OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise refusal(source=without_password(address), said=said) from None
    return container

"""Small video files for tests, encoded here."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

from iot_bridge.capture.frame import Frame


def encode(path: Path, frames: Iterable[Frame], *, rate: int = 25) -> Path:
    """Write frames as MPEG-4 with their own times, counted in thousandths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.bit_rate = 4_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        for frame in frames:
            if not stream.codec_context.is_open:
                stream.height, stream.width = frame.image.shape[:2]
            picture = VideoFrame.from_ndarray(frame.image, format="bgr24")
            picture.pts, picture.time_base = round(frame.t_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path

"""Why no frame can be had: one class per reason, each with a stable code and the facts that decided."""

from iot_bridge.evidence.errors import EdgeError


class CaptureRefused(EdgeError):
    """A source that yields no frames, or no more."""


class SourceMissing(CaptureRefused):
    """Nothing is at this path: a video file, a folder of pictures, a device or a URL was expected."""

    code = "capture.source_missing"


class SourceUnreadable(CaptureRefused):
    """What is at this path is no video that can be decoded."""

    code = "capture.source_unreadable"


class SourceBroken(CaptureRefused):
    """The source stopped in the middle: what follows the last good frame cannot be decoded."""

    code = "capture.source_broken"


class SourceEmpty(CaptureRefused):
    """The source holds no picture."""

    code = "capture.source_empty"


class FrameRateUnknown(CaptureRefused):
    """Names of pictures carry no times and no frame rate was given, so their times are unknown."""

    code = "capture.frame_rate_unknown"


class PictureUnreadable(CaptureRefused):
    """A file in the folder of pictures is not a picture."""

    code = "capture.picture_unreadable"


class StreamUnreachable(CaptureRefused):
    """The camera did not answer within the time allowed for opening it."""

    code = "capture.stream_unreachable"


class StreamSilent(CaptureRefused):
    """The camera was open and then gave nothing for as long as it may."""

    code = "capture.stream_silent"

"""Why nothing can be perceived: one class per reason, each with a stable code and the facts that decided."""

from iot_bridge.evidence.errors import EdgeError


class PerceptionRefused(EdgeError):
    """A line, a setting or a frame with which no crossing can be stated."""


class LineMalformed(PerceptionRefused):
    """A line is four whole numbers X1,Y1,X2,Y2 in source pixels, and its two ends differ."""

    code = "line.malformed"


class LineOutsidePicture(PerceptionRefused):
    """The line does not pass through the picture."""

    code = "line.outside_picture"


class LineImpassable(PerceptionRefused):
    """Nothing can wholly pass the line: it leaves too little of the picture on one of its sides."""

    code = "line.impassable"


class LineTooShort(PerceptionRefused):
    """The part of the line inside the picture is too short for anything to cross it."""

    code = "line.too_short"


class AreaMalformed(PerceptionRefused):
    """An area to ignore is not three or more corners of whole numbers in source pixels."""

    code = "perceive.area_malformed"


class TuningMalformed(PerceptionRefused):
    """A setting of the perception is outside the range in which it means anything."""

    code = "perceive.tuning_malformed"


class FrameMalformed(PerceptionRefused):
    """A frame is not a picture of shape (height, width, 3) in bytes."""

    code = "frame.malformed"


class FrameSizeChanged(PerceptionRefused):
    """A frame has another size than the frames before it, so the line is no longer where it was."""

    code = "frame.size_changed"


class FrameOutOfOrder(PerceptionRefused):
    """A frame is not later than the one before it."""

    code = "frame.out_of_order"

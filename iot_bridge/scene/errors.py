"""Why a scene cannot be played: one class per reason."""

from iot_bridge.evidence.errors import EdgeError


class SceneRefused(EdgeError):
    """A command that the scene cannot carry out, or a clip that it cannot show."""


class CommandMalformed(SceneRefused):
    """A command to the scene is not one of those that it knows."""

    code = "scene.command_malformed"


class TagUnknown(SceneRefused):
    """The AprilTag family 36h11 has no such number."""

    code = "scene.tag_unknown"


class TooManyCoils(SceneRefused):
    """The vehicle has no room for so many coils."""

    code = "scene.too_many_coils"


class InwardUnknown(SceneRefused):
    """To enter and leave, a clip needs its gate line and the way in: left, right, up or down."""

    code = "scene.inward_unknown"


class ClipHasNoCrossing(SceneRefused):
    """Nothing in the clip goes over that line alone, so nothing can be shown at the gate."""

    code = "scene.clip_has_no_crossing"


class ClipTooLong(SceneRefused):
    """The clip has more pictures than are kept in memory; cut it shorter."""

    code = "scene.clip_too_long"

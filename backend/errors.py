"""The ways in which the backend refuses. One subclass per reason; `app.py` alone maps them to HTTP."""

from typing import Any, ClassVar


class TallystickError(Exception):
    """Root of every refusal: a stable code, and the facts that decided as keyword values."""

    code: ClassVar[str] = "tallystick.error"
    status: ClassVar[int] = 500

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """The class docstring's first line, then each fact as `name=value`."""
        explanation = (type(self).__doc__ or self.code).strip().splitlines()[0]
        facts = " ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code}: {explanation} {facts}".strip()


class Invalid(TallystickError):
    """What was given cannot be right, whatever the state of the system."""

    status = 422


class NotFound(TallystickError):
    """Nothing is stored under the name that was given."""

    status = 404


class Unauthenticated(TallystickError):
    """Nobody, or nobody whom we know, stands behind the request."""

    status = 401


class Forbidden(TallystickError):
    """The one who asks may not do this."""

    status = 403


class WrongState(TallystickError):
    """The act does not fit the state that the facts have reached."""

    status = 409


class Unavailable(TallystickError):
    """A fact that the answer needs is missing, stale or unconfirmed; nothing is guessed in its place."""

    status = 503

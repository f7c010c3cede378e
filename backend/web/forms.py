"""The forms of values that requests carry, each bounded, and how they are shown again."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

LARGEST: Final = 2**63 - 1
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
NAME: Final = r"^[a-z0-9.-]{3,32}$"
WORD: Final = r"^0x[0-9a-f]{64}$"

Name = Annotated[str, StringConstraints(pattern=NAME), Field(description="A name of the registry.")]
Word = Annotated[str, StringConstraints(pattern=WORD), Field(description="32 bytes.")]
NumberInPath = Annotated[int, Path(ge=1, le=LARGEST)]
NameInPath = Annotated[str, Path(pattern=NAME)]
WordInPath = Annotated[str, Path(pattern=WORD)]


def _within_sense(at: datetime) -> datetime:
    if not EARLIEST <= at <= LATEST:
        message = "an instant before 2000 or after 2200"
        raise ValueError(message)
    return at


Instant = Annotated[AwareDatetime, AfterValidator(_within_sense)]


def word(text: str) -> bytes:
    """The bytes behind a `Word`."""
    return bytes.fromhex(text.removeprefix("0x"))


async def _body_of(request: Request) -> bytes:
    return await request.body()


RawBody = Annotated[bytes, Depends(_body_of)]
"""The request's body as it came."""

"""Long lists a page at a time, each found by the key of the one before: the last as quick as the first."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

T = TypeVar("T")
U = TypeVar("U")
Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most.")]
AfterNumber = Annotated[int, Query(ge=0, le=2**31 - 1, description="`next` of the page before.")]
AfterName = Annotated[str, Query(max_length=128, description="`next` of the page before.")]
AfterPair = Annotated[
    str | None,
    Query(pattern=r"^[a-z0-9.-]{1,32}/[0-9]{1,18}$", description="`next` of the page before."),
]
"""A name and a number, as in `standard/1`; left out for the first page."""


class Page(BaseModel, Generic[T]):
    """Some items in the order of their keys."""

    items: list[T]
    next: int | str | None = Field(description="Give this as `after` for the next page; null on the last.")


def pair(after: str | None) -> tuple[str, int] | None:
    """The name and number that an `AfterPair` holds; None for the first page."""
    if after is None:
        return None
    name, _, number = after.partition("/")
    return name, int(number)


def page(
    found: Sequence[U], limit: int, *, shown: Callable[[U], T], key: Callable[[U], int | str]
) -> Page[T]:
    """A page out of up to `limit` + 1 rows that were looked up behind `after`."""
    items = [shown(each) for each in found[:limit]]
    return Page(items=items, next=key(found[limit - 1]) if len(found) > limit else None)

"""What a refusal's code means, in the reader's language; in English it is what its class says of itself."""

from collections.abc import Iterator, Mapping
from functools import cache

from backend.console.words import Words
from backend.errors import TallystickError


def reason(words: Words, code: str) -> str:
    """The sentence behind a code; the code itself where nobody has put it into words."""
    return words.named("error", code) or sentences().get(code) or code


@cache
def sentences() -> Mapping[str, str]:
    """The first line of what each refusal says of itself, by its code."""
    return {
        each.code: (each.__doc__ or each.code).strip().splitlines()[0] for each in _below(TallystickError)
    }


def _below(kind: type[TallystickError]) -> Iterator[type[TallystickError]]:
    for each in kind.__subclasses__():
        yield from _below(each)
        if "code" in vars(each):
            yield each
